"""Configuration: the typed schema, its checks, the fingerprint of a trial, errors in one line."""

from hpsearch.config.checks import check, check_keys, flatten
from hpsearch.config.fingerprint import fingerprint
from hpsearch.config.locate import CONF_DIR
from hpsearch.config.messages import explain_hydra
from hpsearch.config.rules import seconds
from hpsearch.config.schema import register

__all__ = [
    "CONF_DIR",
    "check",
    "check_keys",
    "explain_hydra",
    "fingerprint",
    "flatten",
    "register",
    "seconds",
]
