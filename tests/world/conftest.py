"""Real commands in a world that goes wrong."""

from __future__ import annotations

# A training of a second.
LITTLE = [
    "data.train_size=40",
    "data.val_size=20",
    "trainer.max_steps=3",
    "backbone.max_length=32",
    "backbone.embedding_dim=8",
    "backbone.num_filters=4",
]
