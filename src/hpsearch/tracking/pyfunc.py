"""The files that make a model folder one that MLflow loads and serves.

They lie beside the weights: ``MLmodel`` names the module that loads the folder
(:mod:`hpsearch.serving`), the kinds of input and output, and what must be installed.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.tracking import names

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

__all__ = ["LOADER", "write_pyfunc"]

LOADER = "hpsearch.serving"
EXAMPLE = ["A film to remember"]
# What a model's answer depends on; hpsearch itself brings the rest.
REQUIRED = ("hpsearch", "torch", "transformers", "tokenizers", "safetensors")


def write_pyfunc(folder: Path, classes: Sequence[str], *, run_id: str) -> dict[str, str]:
    """Make ``folder``, with ``MLmodel`` and the files that it speaks of; loads no model.

    The tag by which MLflow's table of runs knows that the run has a model in ``folder.name``.
    """
    # It tells that it checks the example, and warns of its own types while it is imported.
    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        from mlflow.models import Model

        described = Model(artifact_path=folder.name, run_id=run_id)
        mlflow.pyfunc.save_model(
            path=folder,
            mlflow_model=described,
            loader_module=LOADER,
            signature=_signature(classes),
            input_example=EXAMPLE,
            pip_requirements=[f"{name}=={_public(name)}" for name in REQUIRED],
        )
    return {names.MODELS: json.dumps([described.get_tags_dict()])}


def _signature(classes: Sequence[str]) -> ModelSignature:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import AnyType

    figures = [ColSpec("double", f"probability_{name}") for name in classes]
    return ModelSignature(
        # Where texts are declared, MLflow makes texts of what is none: of null it makes "None".
        inputs=Schema([ColSpec(AnyType())]),  # type: ignore[no-untyped-call]
        outputs=Schema([ColSpec("string", "label"), *figures]),
    )


def _public(name: str) -> str:
    """A version without what tells a build for one device (``2.13.0+cpu``)."""
    return version(name).partition("+")[0]
