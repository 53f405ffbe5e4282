"""Learning-rate factors, by hand."""

import pytest
import torch

from hpsearch.training.schedule import build_schedule, factor, warmup_steps

TABLE = [
    # step, name, warmup, total, factor
    (0, "linear", 0, 10, 1.0),
    (5, "linear", 0, 10, 0.5),
    (10, "linear", 0, 10, 0.0),
    (0, "linear", 2, 10, 0.0),
    (1, "linear", 2, 10, 0.5),
    (2, "linear", 2, 10, 1.0),
    (6, "linear", 2, 10, 0.5),
    (1, "constant", 4, 10, 0.25),
    (9, "constant", 4, 10, 1.0),
    (2, "cosine", 2, 10, 1.0),
    (4, "cosine", 2, 10, (1 + 2**-0.5) / 2),
    (6, "cosine", 2, 10, 0.5),
    (10, "cosine", 2, 10, 0.0),
]


@pytest.mark.parametrize(("step", "name", "warmup", "total", "expected"), TABLE)
def test_the_factor_is_the_one_by_hand(
    step: int, name: str, warmup: int, total: int, expected: float
) -> None:
    assert factor(step, name, warmup, total) == pytest.approx(expected)


def test_a_share_becomes_steps_rounded_up_and_a_count_stays() -> None:
    assert warmup_steps(0.1, 25) == 3
    assert warmup_steps(0.0, 25) == 0
    assert warmup_steps(7, 25) == 7


@pytest.mark.parametrize("name", ["linear", "constant", "cosine"])
def test_the_factors_are_those_of_transformers(name: str) -> None:
    from transformers import get_scheduler

    def rates(make_theirs: bool) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        theirs = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}[name]
        schedule = (
            get_scheduler(theirs, optimizer, num_warmup_steps=3, num_training_steps=12)
            if make_theirs
            else build_schedule(optimizer, name=name, warmup=3, total_steps=12)
        )
        seen = []
        for _ in range(12):
            seen.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return seen

    assert rates(make_theirs=False) == pytest.approx(rates(make_theirs=True))
