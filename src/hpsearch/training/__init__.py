"""Training: one loop in plain torch, and the parts that it is given."""

from hpsearch.training.checkpoint import Checkpoints
from hpsearch.training.features import Features, HeadForward, Precomputed, embed
from hpsearch.training.forward import Forward, evaluate
from hpsearch.training.loop import fit
from hpsearch.training.loss import ClassificationLoss, class_weights
from hpsearch.training.optimizer import build_optimizer
from hpsearch.training.plan import Plan
from hpsearch.training.precision import Precision
from hpsearch.training.schedule import build_schedule
from hpsearch.training.seams import Runs, Split
from hpsearch.training.sizes import Sizes
from hpsearch.training.state import Fit, State, Trainer

__all__ = [
    "Checkpoints",
    "ClassificationLoss",
    "Features",
    "Fit",
    "Forward",
    "HeadForward",
    "Plan",
    "Precision",
    "Precomputed",
    "Runs",
    "Sizes",
    "Split",
    "State",
    "Trainer",
    "build_optimizer",
    "build_schedule",
    "class_weights",
    "embed",
    "evaluate",
    "fit",
]
