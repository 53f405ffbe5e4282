"""Imported by a warm server whose trials reach MLflow through its client, which takes seconds."""

import mlflow.store.tracking.sqlalchemy_store
import mlflow.tracking.client  # noqa: F401

__all__: list[str] = []
