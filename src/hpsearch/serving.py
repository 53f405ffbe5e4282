"""The best model behind MLflow: a request with texts, an answer with labels and probabilities.

    mlflow models serve -m models:/STUDY@champion --env-manager local
    mlflow.pyfunc.load_model("models:/STUDY@champion").predict(["A film to remember"])

MLflow calls :func:`_load_pyfunc` with the model's folder, of which only safetensors and plain text
are read: no pickle, and no code that came with the model.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.predict import Predictor

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROBABILITY", "TextModel"]

# What stands before a class's name in the answer: a class may be called "label" itself.
PROBABILITY = "probability_"

ALLOWED = 'send texts, such as {"inputs": ["A film to remember"]}'


def _load_pyfunc(path: str) -> TextModel:
    """What MLflow asks of a loader module."""
    return TextModel(Path(path))


class TextModel:
    """Classifies texts; several threads may ask at once, they are answered one after the other."""

    def __init__(self, folder: Path) -> None:
        self._model = Predictor(folder)
        # The tokenizer keeps the state of the call that it is in.
        self._lock = threading.Lock()

    def predict(self, model_input: object, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """One row a text: ``label``, and ``probability_<class>`` of each class.

        ``model_input``: a text, a sequence of texts, or a table with one column of texts.
        Raises ``MlflowException`` (a bad request) for anything else.
        """
        import pandas as pd

        texts = read_texts(model_input)
        with self._lock:
            probabilities = self._model(texts)
        names = self._model.classes
        labels = [names[index] for index in probabilities.argmax(dim=1).tolist()]
        columns = {f"{PROBABILITY}{name}": probabilities[:, n] for n, name in enumerate(names)}
        figures = {name: column.double().numpy() for name, column in columns.items()}
        return pd.DataFrame({"label": labels, **figures})


def read_texts(given: object) -> list[str]:
    """The texts of a request, in order."""
    values = _values(given)
    if not values:
        raise _bad(f"there is no text; {ALLOWED}")
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise _bad(f"input {number} is {_said(value)}, not a text; {ALLOWED}")
    return [str(value) for value in values]


def _values(given: object) -> list[object]:
    import numpy as np
    import pandas as pd

    if isinstance(given, str):
        return [given]
    if isinstance(given, Mapping):
        given = pd.DataFrame(dict(given))
    if isinstance(given, pd.DataFrame):
        return _only_column(given)
    if isinstance(given, np.ndarray):
        return list(given.reshape(-1).tolist())
    if isinstance(given, pd.Series | Sequence):
        return list(given)
    raise _bad(f"the input is {_said(given)}; {ALLOWED}")


def _only_column(table: pd.DataFrame) -> list[object]:
    if table.shape[1] != 1:
        names = ", ".join(map(str, table.columns))
        raise _bad(f"one column of texts is needed, these are {table.shape[1]}: {names}")
    return list(table.iloc[:, 0])


def _said(value: Any) -> str:
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "missing"
    return f"{str(value)[:50]!r} ({type(value).__name__})"


def _bad(text: str) -> Exception:
    from mlflow.exceptions import MlflowException

    error: Exception = MlflowException.invalid_parameter_value(text)
    return error
