"""The command line of report and predict."""

from dataclasses import dataclass

import pytest

from hpsearch.cli import parse
from hpsearch.errors import ConfigError


@dataclass(frozen=True)
class Options:
    """What it does."""

    study: str | None = None
    top: int = 3
    text: str = ""
    trust: bool = False


def test_values_are_taken_literally() -> None:
    words = ["text=Good, but long: {sic} a=b 'x'", "top=5"]
    assert parse(words, Options) == Options(top=5, text="Good, but long: {sic} a=b 'x'")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "stdy=x",
            r"'stdy=x': allowed are study=…, top=…, text=…, trust=… \(did you mean 'study'\?\)",
        ),
        ("study", "'study': allowed are"),
        ("top=many", "top=many: allowed is a whole number"),
    ],
)
def test_a_bad_word_is_told_in_one_line(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse([word], Options)


def test_a_switch_is_true_or_false() -> None:
    assert parse(["trust=true"], Options).trust is True
    assert parse(["trust=false"], Options).trust is False
    with pytest.raises(ConfigError, match="trust=yes: allowed are true, false"):
        parse(["trust=yes"], Options)


def test_help_lists_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse(["--help"], Options)
    assert left.value.code == 0
    told = capsys.readouterr().out
    assert "What it does." in told
    assert "top=3" in told
