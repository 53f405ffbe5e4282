"""Builders: from configuration to objects. They unpack it, so that models never see it."""

from hpsearch.builders.data import cache_folder, find_tokenizer, read_splits, read_test
from hpsearch.builders.forwards import build_forward, build_head_forward, build_precision
from hpsearch.builders.models import build_classifier, build_head, check_encoder, load_classifier
from hpsearch.builders.training import (
    build_checkpoints,
    build_head_sizes,
    build_plan,
    build_sizes,
    build_trainer,
    read_class_weights,
)

__all__ = [
    "build_checkpoints",
    "build_classifier",
    "build_forward",
    "build_head",
    "build_head_forward",
    "build_head_sizes",
    "build_plan",
    "build_precision",
    "build_sizes",
    "build_trainer",
    "cache_folder",
    "check_encoder",
    "find_tokenizer",
    "load_classifier",
    "read_class_weights",
    "read_splits",
    "read_test",
]
