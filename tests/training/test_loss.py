"""The loss, by hand, and its invariance to how a batch is cut."""

import math

import numpy as np
import pytest
import torch

from hpsearch.training import ClassificationLoss, class_weights


def test_label_smoothing_is_the_one_by_hand() -> None:
    # Two classes, logits (ln 3, 0): probabilities 3/4 and 1/4. Smoothing 0.2 makes the target
    # (0.9, 0.1).
    logits = torch.tensor([[math.log(3.0), 0.0]])
    loss = ClassificationLoss(label_smoothing=0.2, weights=None)
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    assert float(loss(logits, torch.tensor([0]))) == pytest.approx(expected)


@pytest.mark.parametrize("weights", [None, [1.0, 2.0, 0.5]])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_micro_batches_sum_to_torchs_mean_over_the_whole_batch(
    weights: list[float] | None, smoothing: float
) -> None:
    logits, labels = torch.randn(7, 3), torch.tensor([0, 1, 2, 1, 1, 0, 2])
    loss = ClassificationLoss(label_smoothing=smoothing, weights=weights)
    cut = sum(loss(logits[i : i + 3], labels[i : i + 3]) for i in range(0, 7, 3))
    whole = torch.nn.functional.cross_entropy(
        logits,
        labels,
        weight=None if weights is None else torch.tensor(weights),
        label_smoothing=smoothing,
    )
    assert float(cut / loss.divisor(labels.numpy())) == pytest.approx(float(whole), rel=1e-6)


def test_balanced_weights_are_inverse_to_the_counts() -> None:
    # Six examples, two classes of four and two: 6/(2·4) and 6/(2·2).
    assert class_weights(np.array([0, 0, 1, 0, 1, 0]), num_classes=2) == [0.75, 1.5]
