from __future__ import annotations

import itertools
import math
import pickle
from collections.abc import Callable

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import errors
from hydra_plugins.hpsearch_sweeper.samplers.building import build_sampler
from hydra_plugins.hpsearch_sweeper.samplers.refine import RefineSampler, Span, narrowed
from hydra_plugins.hpsearch_sweeper.settings import read_settings
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

RATE = FloatDistribution(1e-6, 1.0, log=True)
Objective = Callable[[optuna.Trial], float]


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def valley(trial: optuna.Trial) -> float:
    """Lowest at a rate of 1e-3 and a width of 0.3."""
    rate = trial.suggest_float("rate", 1e-6, 1.0, log=True)
    return (math.log10(rate) + 3) ** 2 + (trial.suggest_float("width", 0.0, 1.0) - 0.3) ** 2


def run(
    sampler: optuna.samplers.BaseSampler, n: int, objective: Objective = valley, **more: str
) -> optuna.Study:
    study = optuna.create_study(sampler=sampler, **more)  # type: ignore[arg-type]
    study.optimize(objective, n_trials=n)
    return study


def points(study: optuna.Study) -> list[dict[str, object]]:
    return [trial.params for trial in study.trials]


def filled(n: int, **trial: object) -> optuna.Study:
    """A study of n trials with rates and values from 1 down."""
    study = optuna.create_study()
    for i in range(n):
        given = {"params": {"rate": 0.5**i}, "distributions": {"rate": RATE}, "value": float(i)}
        study.add_trial(create_trial(**{**given, **trial}))  # type: ignore[arg-type]
    return study


def test_it_ends_nearer_than_random_search_of_the_same_budget() -> None:
    def mean(make: Callable[[int], optuna.samplers.BaseSampler]) -> float:
        return sum(run(make(seed), 30).best_value for seed in range(20)) / 20

    ours = mean(lambda seed: RefineSampler(30, seed=seed))
    assert ours < 0.5 * mean(lambda seed: optuna.samplers.RandomSampler(seed=seed))


def test_each_stage_draws_from_a_part_of_the_one_before() -> None:
    sampler = RefineSampler(60, seed=1)
    study = optuna.create_study(sampler=sampler)
    spans: list[Span] = []
    for _ in range(3):
        spans.append(sampler.span(study, "rate", RATE))
        study.optimize(valley, n_trials=20)
    for wide, narrow in itertools.pairwise(spans):
        assert wide.low <= narrow.low < narrow.high <= wide.high
        assert 0.2 * wide.width <= narrow.width < 0.8 * wide.width
    last = [math.log(trial.params["rate"]) for trial in study.trials[40:]]
    assert spans[2].low <= min(last) < max(last) <= spans[2].high
    assert spans[2].low < math.log(1e-3) < spans[2].high


def test_a_stage_keeps_its_range_until_the_next_begins() -> None:
    sampler = RefineSampler(9, seed=1)
    study = optuna.create_study(sampler=sampler)
    spans = []
    for _ in range(9):
        spans.append(sampler.span(study, "rate", RATE))
        study.optimize(valley, n_trials=1)
    assert [len({*spans[:3]}), len({*spans[3:6]}), len({*spans[6:]}), len({*spans})] == [1, 1, 1, 3]


def test_a_log_scale_is_drawn_from_evenly_in_its_logarithm() -> None:
    study = run(RefineSampler(400, n_stages=1, seed=1), 400)
    low = sum(trial.params["rate"] < 1e-3 for trial in study.trials)
    assert 160 < low < 240


@pytest.mark.parametrize(
    "distribution",
    [
        IntDistribution(1, 5),
        IntDistribution(0, 100, step=25),
        IntDistribution(1, 64, log=True),
        FloatDistribution(0.0, 1.0, step=0.25),
        FloatDistribution(-2.0, 2.0),
    ],
)
def test_numbers_stay_on_their_steps_and_reach_both_ends(
    distribution: IntDistribution | FloatDistribution,
) -> None:
    def lowest(trial: optuna.Trial) -> float:
        return float(trial._suggest("x", distribution))  # type: ignore[arg-type]

    study = run(RefineSampler(200, n_stages=2, seed=1), 200, lowest)
    found = [trial.params["x"] for trial in study.trials]
    assert all(distribution._contains(x) for x in found)
    assert {type(x) for x in found} == {type(distribution.low)}
    assert max(found) >= 0.9 * distribution.high
    assert min(found) <= distribution.low + 0.2
    assert max(found[100:]) < distribution.high


def test_the_values_of_a_category_that_do_well_stay() -> None:
    def worse(trial: optuna.Trial) -> float:
        return float("abcde".index(trial.suggest_categorical("x", list("abcde"))))

    sampler = RefineSampler(60, seed=3)
    study = run(sampler, 60, worse)
    found = [trial.params["x"] for trial in study.trials]
    assert set(found[:20]) == set("abcde")
    assert set(found[20:40]) < set("abcde")
    assert set(found[40:]) <= set(found[20:40])
    assert "a" in found[40:]


def test_it_maximises_too() -> None:
    study = run(RefineSampler(30, seed=1), 30, lambda t: -valley(t), direction="maximize")
    assert study.best_value == -run(RefineSampler(30, seed=1), 30).best_value


def test_a_new_object_goes_on_with_the_same_points() -> None:
    whole = run(RefineSampler(20, seed=5), 20)
    study = optuna.create_study()
    for _ in range(20):
        study.sampler = pickle.loads(pickle.dumps(RefineSampler(20, seed=5)))
        study.optimize(valley, n_trials=1)
    assert points(study) == points(whole)


def test_another_seed_gives_other_points_and_none_gives_ever_new_ones() -> None:
    first, second = (run(RefineSampler(4, seed=seed), 4) for seed in (1, 2))
    assert points(first) != points(second)
    assert points(run(RefineSampler(4), 4)) != points(run(RefineSampler(4), 4))


def test_failed_and_pruned_trials_use_up_the_budget_but_are_never_the_best() -> None:
    sampler = RefineSampler(9, seed=1)
    whole = sampler.span(optuna.create_study(), "rate", RATE)
    failed = filled(8, state=TrialState.FAIL, value=None)
    assert sampler.span(failed, "rate", RATE) == whole
    study = filled(2)
    study.add_trial(create_trial(state=TrialState.FAIL))
    assert sampler.span(study, "rate", RATE).width < whole.width


def test_trials_above_a_constraint_come_last() -> None:
    study = filled(3, constraints={"memory": 1.0})
    for _ in range(3):
        rate = {"params": {"rate": 1e-6}, "distributions": {"rate": RATE}}
        study.add_trial(create_trial(**rate, value=99.0))  # type: ignore[arg-type]
    span = RefineSampler(12, n_stages=2, seed=1).span(study, "rate", RATE)
    assert span.low == math.log(1e-6)
    assert span.high < math.log(0.25)


def test_a_key_that_the_best_lack_keeps_its_range() -> None:
    sampler = RefineSampler(9, seed=1)
    assert sampler.choices(filled(5), "other", CategoricalDistribution("ab")) == ["a", "b"]


def test_several_objectives_are_refused() -> None:
    study = optuna.create_study(directions=["minimize"] * 2, sampler=RefineSampler(3))
    with pytest.raises(ValueError, match="one objective"):
        study.optimize(valley, n_trials=1)


@pytest.mark.parametrize(
    "given", [{"n_stages": 0}, {"n_stages": 4}, {"keep": 0}, {"shrink": 2}, {"seed": -1}]
)
def test_wrong_settings_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        RefineSampler(3, **given)


def test_a_range_is_widened_kept_inside_and_never_too_narrow() -> None:
    whole = Span(0.0, 10.0)
    assert narrowed(whole, [4.0, 6.0], step=1.0, least=2.0) == (3.0, 7.0)
    assert narrowed(whole, [1.0, 9.0], step=2.0, least=2.0) == whole
    assert narrowed(whole, [5.0], step=0.5, least=2.0) == (4.0, 6.0)
    assert narrowed(whole, [10.0], step=0.5, least=2.0) == (8.0, 10.0)
    assert narrowed(whole, [-5.0], step=0.5, least=2.0) == (0.0, 2.0)


def test_a_sweep_refines_with_its_own_number_of_trials(bench) -> None:
    given = ("hydra/sweeper/sampler=refine", "hydra.sweeper.n_trials=12")
    chosen = bench.ask(read_settings, *given, "hydra.sweeper.sampler.seed=1")
    sampler = build_sampler(chosen, trials_so_far=5, listed=False)
    assert vars(sampler) == vars(RefineSampler(12, seed=1))
    bench.sweep(*given, "hydra.sweeper.sampler.seed=1", "x=interval(-5.0,5.0)", "y=1")
    found = bench.column("x")
    assert len(found) == 12
    assert max(map(abs, found[8:])) < max(map(abs, found[:4]))


def test_a_sweep_of_several_objectives_cannot_refine(bench) -> None:
    chosen = bench.ask(
        read_settings,
        "hydra/sweeper/sampler=refine",
        "hydra.sweeper.n_trials=12",
        "hydra.sweeper.direction=[minimize,maximize]",
    )
    with pytest.raises(errors.ConfigError, match=r"refine needs one hydra\.sweeper\.direction"):
        build_sampler(chosen, trials_so_far=0, listed=False)
