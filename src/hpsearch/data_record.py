"""What a study's data were when it began: a study on two versions of a file is no comparison.

Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from hpsearch.atomic import write_text
from hpsearch.errors import DataError
from hpsearch.redaction import redacted

__all__ = ["check_data"]

log = logging.getLogger(__name__)

# What decides which examples are read. The path stands here as the user wrote it, so that an output
# folder that moved on, together with its data or not, keeps its record.
KEYS = ("name", "path", "text_column", "label_column", "classes", "train_size", "val_size", "seed")


def check_data(
    root: Path, study: str, values: Mapping[str, object], digest: str, *, keep: bool = True
) -> None:
    """Keep the digest of what these ``data.*`` values read, or compare it with the one kept.

    Args:
        root: the output folder.
        study: its name; each study has records of its own, one for each data configuration.
        values: dotted key → value, at least of all ``data.*`` keys.
        digest: of the examples that were read now.
        keep: False only compares, as a check before the study exists.

    Raises:
        DataError: the same values read other examples than when the study began.
    """
    asked = {f"data.{key}": values.get(f"data.{key}") for key in KEYS}
    name = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]
    file = root / "outputs" / "studies" / study / "data" / f"{name}.json"
    known = _read(file)
    if known is None:
        if keep:
            record = {"digest": digest, "values": redacted(asked)}
            write_text(file, json.dumps(record, indent=2, default=str) + "\n")
    elif known != digest:
        raise DataError(
            f"data.path={values.get('data.path')}: its content has changed since study {study} "
            f"began (digest {known} → {digest}); put the old file back, or give the study another "
            "name (hydra.sweeper.study_name=…)"
        )


def _read(file: Path) -> str | None:
    """The digest that is kept; None where none is."""
    if not file.is_file():
        return None
    try:
        return str(json.loads(file.read_text())["digest"])
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is damaged (%s): it is written again", file, error)
        return None
