"""Metrics by hand."""

import math

import numpy as np
import pytest
import torch

from hpsearch.training.metrics import classification_metrics, is_better


def test_accuracy_loss_and_macro_f1_are_those_by_hand() -> None:
    # Predicted 0, 0, 1, 0 for 0, 0, 1, 1: class 0 has precision 2/3, recall 1, F1 0.8; class 1
    # has precision 1, recall 1/2, F1 2/3.
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    metrics = classification_metrics(logits, np.array([0, 0, 1, 1]))
    right, wrong = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    assert metrics["accuracy"] == 0.75
    assert metrics["f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert metrics["loss"] == pytest.approx((3 * right + wrong) / 4)


def test_better_is_higher_accuracy_and_lower_loss_and_never_nan() -> None:
    assert is_better("val/accuracy", 0.6, 0.5)
    assert not is_better("val/accuracy", 0.5, 0.5)
    assert is_better("val/loss", 0.5, 0.6)
    assert not is_better("val/loss", 0.6, 0.5)
    assert is_better("val/f1", 0.0, None)
    assert not is_better("val/loss", math.nan, None)
