"""Models: backbones, pooling, head, classifier. They know nothing of losses, trackers, config."""

from typing import TYPE_CHECKING, Any

from hpsearch.models.classifier import Backbone, Classifier
from hpsearch.models.cnn import CnnBackbone
from hpsearch.models.head import ClassificationHead
from hpsearch.models.pooling import pool
from hpsearch.models.rnn import RnnBackbone

if TYPE_CHECKING:
    from hpsearch.models.encoder import EncoderBackbone

__all__ = [
    "Backbone",
    "ClassificationHead",
    "Classifier",
    "CnnBackbone",
    "EncoderBackbone",
    "RnnBackbone",
    "pool",
]


def __getattr__(name: str) -> Any:
    """transformers' models take seconds to import, which a CNN need not wait for."""
    if name == "EncoderBackbone":
        from hpsearch.models.encoder import EncoderBackbone

        return EncoderBackbone
    raise AttributeError(f"module {__name__} has no attribute {name}")
