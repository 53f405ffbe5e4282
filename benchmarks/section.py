"""Where a benchmark's figures go: its section of ``reports/benchmarks.md``, and standard output."""

from __future__ import annotations

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

import torch

from hpsearch.atomic import write_text

__all__ = ["FIGURES", "REPORT", "machine", "write"]

REPORT = Path(__file__).parents[1] / "reports" / "benchmarks.md"
FIGURES = REPORT.with_suffix("")  # reports/benchmarks/*.svg
TITLE = (
    "# Benchmarks\n\n"
    "Written by `make bench`: each section by the script that it names. Figures are ratios against "
    "a named peer on the same work, measured in turns in one run.\n"
)


def write(name: str, body: str, *, command: str) -> None:
    """Replace the section of one script, and print it.

    Args:
        name: the script's, without ``.py``: the section's heading.
        body: Markdown: the claim, the table, whether the claim holds.
        command: what gave the figures.
    """
    section = f"## {name}\n\n`{command}`  \n{machine()}\n\n{body.strip()}\n"
    print(section, flush=True)
    sections = _read()
    sections[name] = section
    REPORT.parent.mkdir(exist_ok=True)
    write_text(REPORT, "\n".join([TITLE, *(sections[key] for key in sorted(sections))]))


def machine() -> str:
    """The processor or GPU, what it can do, and the library, in one line."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    return f"{device}, {os.cpu_count()} cores, torch {version('torch')}, {platform.system()}"


def _processor() -> str:
    names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    bf16 = torch.cpu._is_avx512_bf16_supported()
    return f"{names[0] if names else platform.machine()} ({'' if bf16 else 'no '}bf16 instructions)"


def _read() -> dict[str, str]:
    """Heading → section, of the file as it stands."""
    text = REPORT.read_text() if REPORT.exists() else ""
    parts = re.split(r"(?m)^(?=## )", text)[1:]
    return {part.partition("\n")[0].removeprefix("## "): part.strip() + "\n" for part in parts}
