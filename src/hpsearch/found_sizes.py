"""The sizes that fit into memory, remembered from trial to trial below ``cache/sizes``."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from hpsearch.atomic import write_text
from hpsearch.training import Sizes

__all__ = ["remember"]

log = logging.getLogger(__name__)


def remember(sizes: Sizes, config: DictConfig, *, device: torch.device) -> None:
    """Begin with what fitted an earlier trial of the same backbone, length, precision and device.

    What is found from now on is written down for the next one.
    """
    file = _file(config, device)
    if file.is_file():
        try:
            sizes.lower(json.loads(file.read_text())["sizes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("%s is damaged (%s): sizes are found anew", file, error)
        else:
            log.info("sizes that fitted before: %s  (%s)", _text(sizes), file)
    sizes.on_change = lambda found: _write(file, found, config, device)


def _file(config: DictConfig, device: torch.device) -> Path:
    digest = hashlib.sha256(json.dumps(_key(config, device), sort_keys=True).encode())
    return Path(config.root) / "cache" / "sizes" / f"{digest.hexdigest()[:16]}.json"


def _key(config: DictConfig, device: torch.device) -> dict[str, Any]:
    """What the need for memory, and the memory, depend on."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "backbone": OmegaConf.to_container(config.backbone, resolve=True),
        "precision": config.precision.name,
        "device": gpu,
        "memory_limit": config.trainer.memory_limit,
        "batch_size": config.trainer.batch_size,
    }


def _write(file: Path, sizes: Sizes, config: DictConfig, device: torch.device) -> None:
    content = {"sizes": sizes.as_dict(), "of": _key(config, device)}
    try:
        write_text(file, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        log.warning("%s could not be written (%s)", file, error)


def _text(sizes: Sizes) -> str:
    return ", ".join(f"{key} {value}" for key, value in sizes.as_dict().items())
