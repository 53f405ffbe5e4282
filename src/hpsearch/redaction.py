"""Passwords, kept out of everything that is printed, logged or written.

What is masked stands in the sweeper, which hides those of its storage in any program.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from hydra_plugins.hpsearch_sweeper.hiding import hidden
from hydra_plugins.hpsearch_sweeper.hiding import redacted as redact
from omegaconf import DictConfig, OmegaConf

from hpsearch.atomic import write_text

__all__ = ["RedactingFilter", "redact", "redact_file", "redacted", "redacted_output"]


def redacted(config: Any) -> Any:
    """The same configuration without passwords: a plain container, or a new DictConfig.

    Interpolations stay as they are, since ``${oc.env:PASSWORD}`` tells nothing: resolve first what
    will be written resolved.
    """
    if isinstance(config, DictConfig):
        return OmegaConf.create(hidden(OmegaConf.to_container(config)))
    return hidden(config)


def redact_file(file: Path) -> None:
    """Rewrite a YAML file in which Hydra saved a configuration as it is; it need not be there."""
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if redact(text) != text:
        shown = OmegaConf.create(hidden(OmegaConf.to_container(OmegaConf.load(file))))
        write_text(file, OmegaConf.to_yaml(shown))


class RedactingFilter(logging.Filter):
    """For a handler, as ``conf/hydra/job_logging`` has it: the message and the stack trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        shown = redact(message)
        if shown != message:
            record.msg, record.args = shown, None
        if record.exc_info and not record.exc_text:
            # Formatters take a text that is there already.
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


@contextmanager
def redacted_output() -> Iterator[None]:
    """Hold back what is printed, and print it without passwords at the end."""
    terminal = (sys.stdout, sys.stderr)
    held = (io.StringIO(), io.StringIO())
    try:
        with redirect_stdout(held[0]), redirect_stderr(held[1]):
            yield
    finally:
        for stream, text in zip(terminal, held, strict=True):
            stream.write(redact(text.getvalue()))
            stream.flush()
