from __future__ import annotations

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
