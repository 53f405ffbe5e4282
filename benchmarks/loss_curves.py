"""The training losses of ours and of HF Trainer: same weights, data order and settings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import hf_trainer
import numpy as np
import numpy.typing as npt
import ours
import torch
from omegaconf import DictConfig
from section import FIGURES

from hpsearch import builders

__all__ = ["WORDS", "Curves", "body", "draw", "measure"]

# What both train with: long enough to be real text, short enough for a processor.
LR, DECAY, LENGTH, BATCH = 1e-4, 0.01, 64, 16
WORDS = (
    *(f"backbone.max_length={LENGTH}", "precision=fp32", f"trainer.batch_size={BATCH}"),
    *(f"optimizer.lr={LR}", f"optimizer.weight_decay={DECAY}", "optimizer.backbone_lr_scale=1.0"),
    "schedule=linear",
)
SEEDS = 3
EXACT_STEPS, EXACT = 20, 1e-4  # without dropout, the losses of so many steps agree to this
WINDOW = 10  # steps of the moving average
NAMES, COLOURS, STYLES = ("ours", "HF Trainer"), ("#0072B2", "#D55E00"), ("-", "--")

Losses = npt.NDArray[np.float64]


class Curves(NamedTuple):
    """Losses of ours [0] and HF Trainer's [1], (2, seeds, steps); without dropout (2, steps)."""

    seeds: Losses
    exact: Losses


def measure(task: ours.Task, *, steps: int) -> Curves:
    """Train both, with each seed and once without dropout."""
    seeds = [run(task, seed=seed, steps=steps) for seed in range(SEEDS)]
    exact = run(task, seed=0, steps=min(steps, EXACT_STEPS), dropout=0.0)
    return Curves(np.stack(seeds, axis=1), exact)


def run(task: ours.Task, *, seed: int, steps: int, dropout: float | None = None) -> Losses:
    """The loss of every step of both, (2, steps)."""
    config = task.like(f"seed={seed}", f"trainer.max_steps={steps}")
    config.backbone.dropout = dropout
    batches = list(builders.build_plan(config).batches(len(task.tokens)))
    trainer = ours.build(task, task.tokens, config=config)
    model = hf_trainer.MeanPooled(task.weights, task.num_classes, dropout=dropout)
    model.head.load_state_dict(trainer.forward.model.head.out.state_dict())
    peer = hf_trainer.build(
        model, task.tokenizer, task.tokens, batches=batches, options=_options(config)
    )
    torch.manual_seed(seed)
    losses = list(ours.steps(trainer, task.tokens, batches=batches))
    torch.manual_seed(seed)
    peer.seconds()
    kind = "the model's dropout" if dropout is None else f"dropout {dropout:g}"
    print(f"loss curves: seed {seed}, {kind}", file=sys.stderr, flush=True)
    return np.stack([torch.stack(part).double().cpu().numpy() for part in (losses, peer.losses)])


def body(curves: Curves, figure: Path) -> str:
    """How far apart they are, as Markdown."""
    smooth = smoothed(curves.seeds)
    apart = float(np.abs(smooth[0].mean(0) - smooth[1].mean(0)).mean())
    noise = float(smooth.std(axis=1, ddof=1).mean())
    paired = ", ".join(f"{x:+.4f}" for x in (curves.seeds[0] - curves.seeds[1]).mean(1))
    exact = float(np.abs(curves.exact[0] - curves.exact[1]).max())
    steps, exact_steps = curves.seeds.shape[2], curves.exact.shape[1]
    return f"""
### Loss curves

MiniLM, {LENGTH} tokens, batch {BATCH}, fp32, fused AdamW at {LR:g} with decay {DECAY:g}, linear
schedule, clipping at 1.0, the model's own dropout; {steps} steps, {SEEDS} seeds, both with the
same initial weights and batches; moving average over {WINDOW} steps.

![training loss](benchmarks/{figure.name})

| claim | measured | holds |
|---|---|---|
| mean distance of the seed-averaged curves ≤ deviation between seeds \
| {apart:.4f} against {noise:.4f} | {"yes" if apart <= noise else "NO"} |
| without dropout, each of the first {exact_steps} losses agrees to {EXACT:g} \
| at most {exact:.1e} apart | {"yes" if exact <= EXACT else "NO"} |

Mean loss of ours less HF Trainer's, seed by seed: {paired}.
"""


def smoothed(losses: Losses) -> Losses:
    """The moving average along the last axis, each value at its window's end."""
    width = min(WINDOW, losses.shape[-1])
    return np.lib.stride_tricks.sliding_window_view(losses, width, axis=-1).mean(-1)


def draw(curves: Curves) -> Path:
    """The figure as SVG and PNG below the report."""
    import matplotlib as mpl

    mpl.use("agg")
    # The same figures give the same file; text stays text.
    mpl.rcParams |= {"svg.hashsalt": "hpsearch", "svg.fonttype": "none", "font.size": 10}
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    _draw_seeds(left, curves.seeds)
    _draw_exact(right, curves.exact)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
        axes.set_xlabel("optimiser step")
        axes.locator_params(axis="x", integer=True)
    FIGURES.mkdir(parents=True, exist_ok=True)
    path = FIGURES / "train_loss.svg"
    figure.savefig(path, metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=150)
    plt.close(figure)
    return path


def _draw_seeds(axes: Any, losses: Losses) -> None:
    smooth = smoothed(losses)
    steps = np.arange(losses.shape[-1] - smooth.shape[-1] + 1, losses.shape[-1] + 1)
    for part, name, colour, style in zip(smooth, NAMES, COLOURS, STYLES, strict=True):
        mean, deviation = part.mean(0), part.std(0, ddof=1)
        axes.plot(steps, mean, style, color=colour, label=name, linewidth=1.8)
        axes.fill_between(steps, mean - deviation, mean + deviation, color=colour, alpha=0.18)
    axes.set_ylabel("training loss (nats an example)")
    axes.set_title(f"With dropout: moving average, mean ± deviation of {SEEDS} seeds", fontsize=10)
    axes.legend(frameon=False)


def _draw_exact(axes: Any, losses: Losses) -> None:
    steps = np.arange(1, losses.shape[-1] + 1)
    apart = np.maximum(np.abs(losses[0] - losses[1]), 1e-8)  # a zero has no place on a log axis
    axes.semilogy(steps, apart, "o-", color="#009E73", markersize=3.5)
    axes.axhline(EXACT, color="black", linestyle=":", linewidth=1.2)
    axes.annotate("claimed", (steps[-1], EXACT), (0, 3), textcoords="offset points", ha="right")
    axes.set_ylabel("|ours − HF Trainer| (nats an example)")
    axes.set_title("Without dropout: distance of the losses", fontsize=10)


def _options(config: DictConfig) -> dict[str, Any]:
    """The same settings in HF Trainer's words; the rest are its defaults already."""
    return {"learning_rate": LR, "weight_decay": DECAY, "seed": config.seed}
