from __future__ import annotations

import warnings
from pathlib import Path
from textwrap import indent

import optuna
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.config.samplers import SAMPLERS
from hydra_plugins.hpsearch_sweeper.samplers.building import build_sampler
from hydra_plugins.hpsearch_sweeper.settings import Settings, read_settings
from omegaconf import DictConfig

CONFIG = """
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: tpe

hydra:
  sweeper:
    sampler:
      seed: 123
    direction: minimize
    study_name: sphere
    storage: null
    n_trials: 12
    n_jobs: 1
    params:
      x: interval(-5.5, 5.5)
      y: choice(-5, 0, 5)
      z: choice(0, 1)

x: 1
y: 1
z: 0
"""


def test_a_config_written_for_the_official_plugin_runs(bench) -> None:
    bench.conf = bench.folder
    (bench.folder / "config.yaml").write_text(CONFIG)
    values: list[float] = []

    def sphere(config: DictConfig) -> float:
        values.append(float(config.x**2 + config.y**2))
        return values[-1]

    bench.sweep(task=sphere)
    assert bench.results.name == "optuna"
    assert list(bench.results.best_params) == ["x", "y", "z"]
    assert bench.results.best_value == min(values)
    assert 1 < len(values) <= 12


OFFICIAL = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"

# As the documentation of the official plugin prints it.
DOCUMENTED = f"""
sampler:
  _target_: optuna.samplers.TPESampler
  seed: 123
  consider_prior: true
  prior_weight: 1.0
  consider_magic_clip: true
  consider_endpoints: false
  n_startup_trials: 10
  n_ei_candidates: 24
  multivariate: false
  warn_independent_sampling: true
_target_: {OFFICIAL}
direction: minimize
storage: null
study_name: sphere
n_trials: 20
n_jobs: 1
max_failure_rate: 0.0
params:
  x: range(-5.5,5.5,step=0.5)
  y: choice(-5,0,5)
"""

TEMPLATE = f"""
defaults:
  - override hydra/sweeper: optuna

hydra:
  sweeper:
    _target_: {OFFICIAL}
    storage: null
    study_name: null
    n_jobs: 1
    direction: maximize
    n_trials: 5
    sampler:
      _target_: optuna.samplers.TPESampler
      seed: 1234
      n_startup_trials: 3
    params:
      x: interval(0.0001, 0.1)
      y: choice(64, 128)

x: 1
y: 1
"""

SEVERAL = """
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: nsgaii

hydra:
  sweeper:
    sampler:
      seed: 123
    direction: [minimize, maximize]
    study_name: multi-objective
    storage: null
    n_trials: 20
    n_jobs: 1
    max_failure_rate: 0.0
    params:
      x: range(0, 5, step=0.5)
      y: range(0, 3, step=0.5)

x: 1
y: 1
"""

CUSTOM = f"""
defaults:
  - override hydra/sweeper: optuna

hydra:
  sweeper:
    sampler:
      seed: 123
    direction: minimize
    study_name: custom-search-space
    storage: null
    n_trials: 6
    n_jobs: 1
    params:
      x: range(-5.5, 5.5, 0.5)
      y: choice(-5, 0, 5)
    custom_search_space: {__name__}.configure

x: 1
y: 1
z: 100
w: 0
max_z_difference_from_x: 0.5
"""


def configure(config: DictConfig, trial: optuna.Trial) -> None:
    """As the example of the official plugin has it."""
    near, x = config.max_z_difference_from_x, trial.params["x"]
    trial.suggest_float("z", x - near, x + near)
    trial.suggest_float("w", 0.0, 1.0)


def two(config: DictConfig) -> float:
    return float(config.x**2 + config.y**2)


def written(folder: Path, text: str, name: str = "config.yaml") -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


def settings(folder: Path, *overrides: str) -> Settings:
    with initialize_config_dir(str(folder), version_base="1.3"):
        config = compose("config", overrides=list(overrides), return_hydra_config=True)
    return read_settings(config)


def test_the_official_class_is_ours_where_it_is_absent() -> None:
    found = Plugins.instance().class_name_to_class[OFFICIAL]
    assert [base.__name__ for base in found.__bases__] == ["HpsearchSweeper"]
    path = f"{found.__module__}.{found.__qualname__}"
    assert path == "hydra_plugins.hpsearch_sweeper.official.OptunaSweeper"


# Without our `_recursive_: false`, Hydra itself builds the sampler once, and Optuna warns.
@pytest.mark.filterwarnings("ignore:.*has been deprecated:FutureWarning")
def test_a_group_file_with_all_that_the_documentation_prints_runs(bench) -> None:
    bench.conf = written(bench.folder, DOCUMENTED, "hydra/sweeper/mine.yaml")
    written(bench.folder, "defaults:\n  - override hydra/sweeper: mine\nx: 1\ny: 1\n")
    check_the_documented_example(bench)


def test_all_that_the_documentation_prints_runs_on_top_of_ours(bench) -> None:
    lines = ["defaults:", "  - override hydra/sweeper: optuna", "x: 1", "y: 1", "hydra:"]
    lines += ["  sweeper:", indent(DOCUMENTED, "    ")]
    bench.conf = written(bench.folder, "\n".join(lines))
    check_the_documented_example(bench)


def check_the_documented_example(bench) -> None:
    bench.sweep(task=two)
    assert bench.results.best_value == min(x**2 + y**2 for x, y in tried(bench))
    assert 1 < len(bench.jobs) <= 20
    assert all(-5.5 <= x < 5.5 and y in (-5, 0, 5) for x, y in tried(bench)[1:])


def tried(bench) -> list[tuple[float, float]]:
    return list(zip(bench.column("x"), bench.column("y"), strict=True))


def test_a_template_that_names_the_official_class_runs(bench) -> None:
    bench.conf = written(bench.folder, TEMPLATE)
    bench.sweep(task=two)
    assert len(bench.jobs) == 5


def test_a_custom_search_space_of_the_official_example_runs(bench) -> None:
    bench.conf = written(bench.folder, CUSTOM)
    bench.sweep(task=two)
    assert len(bench.jobs) == 6
    assert all(abs(job["z"] - job["x"]) <= 0.5 for job in bench.jobs)


def test_a_config_of_several_objectives_is_understood(tmp_path: Path) -> None:
    chosen = settings(written(tmp_path, SEVERAL))
    assert chosen.directions == ("minimize", "maximize")
    assert chosen.max_failure_rate == 0.0
    sampler = build_sampler(chosen, trials_so_far=0, listed=False)
    assert isinstance(sampler, optuna.samplers.NSGAIISampler)


def test_a_sampler_of_the_default_config_has_optunas_own_defaults(bench) -> None:
    chosen = bench.ask(read_settings, "hydra.sweeper.n_trials=3")
    ours = vars(build_sampler(chosen, trials_so_far=0, listed=False))
    default = vars(optuna.samplers.TPESampler())
    plain = {key: value for key, value in default.items() if isinstance(value, int | None)}
    assert {"_multivariate", "_constant_liar", "_n_startup_trials"} <= set(plain)
    assert {key: ours[key] for key in plain} == plain


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"ofat", "grid"}))
def test_no_sampler_is_built_with_a_warning(bench, name: str) -> None:
    pytest.importorskip("cmaes" if name == "cmaes" else "torch" if name == "gp" else "optuna")
    chosen = bench.ask(read_settings, f"hydra/sweeper/sampler={name}", "hydra.sweeper.n_trials=3")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build_sampler(chosen, trials_so_far=0, listed=False)


def test_official_keys_at_the_officials_defaults_are_as_if_not_set(tmp_path: Path) -> None:
    written(tmp_path, DOCUMENTED, "hydra/sweeper/mine.yaml")
    chosen = settings(written(tmp_path, "defaults:\n  - override hydra/sweeper: mine\n"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna warns of each of them
        sampler = build_sampler(chosen, trials_so_far=0, listed=False)
    assert vars(sampler)["_multivariate"] is False  # which is no default of today, and was set


def test_an_official_key_that_optuna_no_longer_has_is_left_out_with_a_line(bench) -> None:
    given = ("_target_=optuna.samplers.RandomSampler", "consider_endpoints=true", "seed=1")
    overrides = [f"hydra.sweeper.sampler.{x}" for x in given]
    chosen = bench.ask(read_settings, *overrides)
    for trials_so_far in (0, 1):
        build_sampler(chosen, trials_so_far=trials_so_far, listed=False)
    assert bench.messages == [
        "hydra.sweeper.sampler: RandomSampler has no consider_endpoints; left out"
    ]


def test_a_key_that_nobody_knows_stays_an_error(bench) -> None:
    chosen = bench.ask(read_settings, "+hydra.sweeper.sampler.foo=1")
    with pytest.raises(
        errors.ConfigError, match=r"TPESampler cannot be built with .*foo"
    ) as caught:
        build_sampler(chosen, trials_so_far=0, listed=False)
    assert "\n" not in str(caught.value)


def test_motpe_is_what_took_its_place(tmp_path: Path) -> None:
    sampler = "_target_: optuna.samplers.MOTPESampler, n_ehvi_candidates: 24"
    written(tmp_path, f"_target_: {OFFICIAL}\nsampler: {{{sampler}}}", "hydra/sweeper/mine.yaml")
    chosen = settings(written(tmp_path, "defaults:\n  - override hydra/sweeper: mine\n"))
    sampler = build_sampler(chosen, trials_so_far=0, listed=False)
    assert isinstance(sampler, optuna.samplers.TPESampler)


def test_a_sampler_inside_a_sampler_is_built(bench) -> None:
    pytest.importorskip("cmaes")
    inner = "hydra.sweeper.sampler.independent_sampler={_target_:optuna.samplers.TPESampler}"
    chosen = bench.ask(read_settings, "hydra/sweeper/sampler=cmaes", inner)
    sampler = build_sampler(chosen, trials_so_far=0, listed=False)
    assert isinstance(vars(sampler)["_independent_sampler"], optuna.samplers.TPESampler)
