"""Models: backbones, pooling, head, classifier. They know nothing of losses, trackers, config."""

from hpsearch.models.classifier import Backbone, Classifier
from hpsearch.models.cnn import CnnBackbone
from hpsearch.models.encoder import EncoderBackbone
from hpsearch.models.head import ClassificationHead
from hpsearch.models.pooling import pool
from hpsearch.models.rnn import RnnBackbone

__all__ = [
    "Backbone",
    "ClassificationHead",
    "Classifier",
    "CnnBackbone",
    "EncoderBackbone",
    "RnnBackbone",
    "pool",
]
