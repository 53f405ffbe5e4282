"""What a person sees while a sweep runs."""

from __future__ import annotations

import io
import logging
import os
import pty
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra_plugins.hpsearch_sweeper.display import Display, open_display, streams, texts
from hydra_plugins.hpsearch_sweeper.display.lines import LineDisplay
from hydra_plugins.hpsearch_sweeper.display.live import LiveDisplay
from hydra_plugins.hpsearch_sweeper.display.rows import Best, Progress, Row
from hydra_plugins.hpsearch_sweeper.display.table import draw
from rich.console import Console

SOURCES = Path(__file__).parents[2] / "sweeper"


class Terminal:
    """A terminal in a file, so wide."""

    def __init__(self, width: int = 80) -> None:
        self.file = io.StringIO()
        self.console = Console(
            file=self.file,
            width=width,
            height=24,
            force_terminal=True,
            color_system=None,
            markup=False,
            highlight=False,
        )

    @property
    def written(self) -> str:
        return self.file.getvalue()


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The messages since the last call."""
    caplog.set_level(logging.INFO)

    def messages() -> list[str]:
        found = list(caplog.messages)
        caplog.clear()
        return found

    return messages


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[Any]]:
    """Of somebody else's logger, to the error stream."""
    made = logging.StreamHandler(sys.stderr)
    logging.getLogger("other").addHandler(made)
    yield made
    logging.getLogger("other").removeHandler(made)


def drawn(progress: Progress, *, now: float = 0.0, width: int = 80, height: int = 24) -> list[str]:
    console = Console(width=width, height=height, file=io.StringIO(), record=True)
    console.print(draw(progress, now=now, width=width, height=height))
    return console.export_text().splitlines()


def running(count: int, **more: Any) -> Progress:
    progress = Progress(total=40, finished=10, **more)
    for number in range(count):
        title = f"head.dim=50  head.activation=tanh  optimizer.lr=0.000{number}"
        progress = progress.started(Row(number, number + 11, title, began=0.0))
    return progress


def tell_all(display: Display, *, slots: int = 1) -> None:
    """A short sweep with one of everything."""
    display.begin("test", Progress(total=4, slots=slots), folder="sweep")
    display.started(0, position=1, title="x=1")
    display.output(0, "epoch 1  loss 0.5")
    display.ended(0, state="complete", text="value 10", seconds=0.31, values=(10.0,), best=True)
    display.started(1, position=2, title="x=2")
    display.ended(1, state="pruned", text="pruned", seconds=1.0, values=None, best=False)
    display.started(2, position=3, title="x=3")
    error = "failed: ValueError: x is bad\nand more"
    display.ended(2, state="failed", text=error, seconds=2.0, values=None, best=False)
    text = "value 10  (taken from job 0, the same point)"
    display.reused(3, position=4, title="x=1", text=text)
    display.note("waiting for 1 trial of other sweepers")
    display.note("waiting for 1 trial of other sweepers")


# Texts and rows


def test_the_end_of_a_trial_is_one_line_and_says_how_long_it_ran() -> None:
    failed = texts.result_text("failed", "failed: ValueError: x\nmore", seconds=1.24)
    assert failed == "failed: ValueError: x  (1.2 s)"
    assert texts.result_text("pruned", "", seconds=2.0) == "pruned  (2.0 s)"
    assert texts.result_text("reused", "value 3  (taken)", seconds=0.0) == "value 3  (taken)"


def test_one_value_and_several_in_words() -> None:
    assert texts.values_text([10.0]) == "value 10"
    assert texts.values_text([0.123456789, 2e-7]) == "values 0.123457, 2e-07"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03"), (-1, "0:00")],
)
def test_a_time_is_short_to_read(seconds, shown) -> None:
    assert texts.clock(seconds) == shown


def test_keys_are_shortened_only_while_they_differ() -> None:
    assert texts.short_title("head.dim=50  model=a.b") == "dim=50  model=a.b"
    assert texts.short_title("head.lr=1  body.lr=2") == "head.lr=1  body.lr=2"
    assert texts.short_title("the base config") == "the base config"


def test_the_bar_is_full_only_when_all_is_done() -> None:
    assert texts.bar(0, 3, width=6) == ("", "──────")
    assert texts.bar(999, 1000, width=6) == ("━━━━━", "─")
    assert texts.bar(3, 3, width=6) == ("━━━━━━", "")
    assert texts.bar(5, 3, width=6) == ("━━━━━━", "")
    assert texts.bar(0, 0, width=2) == ("", "──")


def test_a_retried_trial_is_neither_finished_nor_failed() -> None:
    after = running(2).ended(0, state="retried", seconds=5.0)
    assert (after.finished, after.failed, list(after.running)) == (10, 0, [1])
    assert after.ended(1, state="failed", seconds=5.0).failed == 1


def test_the_time_left_is_unknown_until_a_trial_ran_here() -> None:
    assert running(1).seconds_left(9.0) is None
    assert running(1).ended(0, state="reused", seconds=0.0).seconds_left(9.0) is None


def test_the_time_left_counts_the_slots_and_what_runs() -> None:
    progress = Progress(total=5, finished=0, slots=2).ended(0, state="complete", seconds=10.0)
    assert progress.seconds_left(0.0) == 20.0  # four trials on two slots
    progress = progress.started(Row(1, 2, "x=1", began=0.0))
    assert progress.seconds_left(4.0) == 18.0  # (6 + 3 · 10) / 2


def test_nothing_is_left_when_all_is_done() -> None:
    progress = Progress(total=1).ended(0, state="complete", seconds=1.0)
    assert progress.seconds_left(0.0) is None


def test_a_blank_line_does_not_hide_what_a_job_said() -> None:
    progress = running(1).said(0, "epoch 1 ").said(0, "  ").said(99, "a job that is gone")
    assert progress.running[0].last == "epoch 1"


# The table


def test_the_table_shows_each_running_trial_and_the_summary() -> None:
    progress = running(2, failed=2, pruned=1, best=Best(7, "x=1", (0.913,)))
    lines = drawn(progress.said(1, "epoch 3  loss 0.5"), now=75.0)
    assert lines[0].split() == ["job", "trial", "point", "time", "says"]
    assert lines[2].split()[:2] == ["1", "12/40"]
    assert "dim=50  activation=tanh  lr=0" in lines[2]
    assert "1:15  epoch 3  loss 0.5" in lines[2]
    assert lines[3].startswith("10/40 ━━━━━───────────────  2 failed  1 pruned  1:15")
    assert lines[4] == "best: value 0.913  job 7  x=1"


@pytest.mark.parametrize("width", [20, 40, 80, 120])
def test_nothing_is_wider_than_the_terminal(width) -> None:
    progress = running(3, failed=12, best=Best(7, "x=" + "1" * 200, (0.913,)))
    lines = drawn(progress.said(1, "word " * 100), now=75.0, width=width)
    assert len(lines) == 6
    assert max(map(len, lines)) <= width


def test_the_summary_stays_when_there_are_more_trials_than_lines() -> None:
    lines = drawn(running(64), height=12)
    assert len(lines) <= 11
    assert "and 58 more" in lines[-2]
    assert lines[-1].startswith("10/40 ")


def test_several_objectives_show_the_newest_of_the_front() -> None:
    lines = drawn(Progress(total=2, best=Best(1, "x=1", (0.9, 3.0))))
    assert lines[-1] == "newest on the Pareto front: values 0.9, 3  job 1  x=1"


# Plain lines


def test_plain_lines_say_it_in_the_log(logged, capsys) -> None:
    with LineDisplay(slots=1) as display:
        tell_all(display)
    assert logged() == [
        "study test: 4 trials, 0 finished, folder sweep",
        "trial 1/4  x=1  starts as job 0",
        "trial 1/4  x=1  value 10  (0.3 s)",
        "trial 2/4  x=2  starts as job 1",
        "trial 2/4  x=2  pruned  (1.0 s)",
        "trial 3/4  x=3  starts as job 2",
        "trial 3/4  x=3  failed: ValueError: x is bad  (2.0 s)",
        "trial 4/4  x=1  value 10  (taken from job 0, the same point)",
        "waiting for 1 trial of other sweepers",
    ]
    assert capsys.readouterr().err == "epoch 1  loss 0.5\n"


def test_with_several_slots_each_line_says_whose_it_is(capsys) -> None:
    with LineDisplay(slots=2) as display:
        display.output(3, "epoch 1")
    assert capsys.readouterr().err == "job 3 | epoch 1\n"


# The live display


def test_the_live_display_prints_what_ended_and_what_jobs_said() -> None:
    terminal = Terminal()
    with LiveDisplay(slots=2, console=terminal.console) as display:
        tell_all(display, slots=2)
    for line in (
        "job 0 | epoch 1  loss 0.5",
        "trial 1/4  x=1  value 10  (0.3 s)",
        "trial 2/4  x=2  pruned  (1.0 s)",
        "trial 3/4  x=3  failed: ValueError: x is bad  (2.0 s)",
        "trial 4/4  x=1  value 10  (taken from job 0, the same point)",
        "4/4 ━━━━━━━━━━━━━━━━━━━━  1 failed  1 pruned",
        "best: value 10  job 0  x=1",
    ):
        assert line in terminal.written


def test_the_live_display_writes_the_same_lines_into_other_logs(logged, capsys) -> None:
    with LineDisplay(slots=1) as display:
        tell_all(display)
    plain = logged()
    with LiveDisplay(slots=1, console=Terminal().console) as live:
        tell_all(live)
    assert plain
    assert logged() == plain


def test_brackets_and_colours_of_a_job_are_no_markup() -> None:
    terminal = Terminal()
    with LiveDisplay(slots=1, console=terminal.console) as display:
        display.output(0, "[bold]loss[/loss] \x1b[31mred\x1b[0m :smile:")
    assert "[bold]loss[/loss] red :smile:" in terminal.written


def test_an_error_takes_the_table_away_and_gives_the_streams_back(handler) -> None:
    before = (sys.stdout, sys.stderr)
    with pytest.raises(KeyboardInterrupt):
        interrupted_with(handler)
    assert (sys.stdout, sys.stderr) == before
    assert handler.stream is before[1]


def interrupted_with(handler: logging.StreamHandler[Any]) -> None:
    before = sys.stderr
    with LiveDisplay(slots=1, console=Terminal().console) as display:
        display.started(0, position=1, title="x=1")
        assert handler.stream is sys.stderr is not before
        raise KeyboardInterrupt


def test_a_handler_made_while_the_table_was_there_goes_on_without_it(handler) -> None:
    before = sys.stderr
    with LiveDisplay(slots=1, console=Terminal().console):
        handler.setStream(sys.stderr)  # what a job's own logging configuration does
    assert handler.stream is before


def test_nothing_is_redirected_where_rich_has_put_nothing() -> None:
    assert streams.proxies() == []


def test_a_trial_of_unknown_beginning_still_has_an_end(logged) -> None:
    terminal = Terminal()
    for display in (LineDisplay(slots=1), LiveDisplay(slots=1, console=terminal.console)):
        with display:
            display.ended(7, state="failed", text="", seconds=0.0, values=None, best=False)
        assert logged() == ["job 7  failed  (0.0 s)"]


def test_a_reused_value_is_no_new_best() -> None:
    terminal, told = Terminal(), {"text": "value 1  (taken from job 0, the same point)"}
    with LiveDisplay(slots=1, console=terminal.console) as display:
        display.started(1, position=2, title="x=1")
        display.ended(1, state="reused", seconds=0.0, values=(1.0,), best=True, **told)
    assert "best" not in terminal.written


# Which of the two


def test_lines_where_the_error_stream_is_no_terminal() -> None:
    assert type(open_display(slots=1)).__name__ == "LineDisplay"  # the scanner makes it anew
    assert type(open_display(live=True, slots=1)).__name__ == "LiveDisplay"


SCRIPT = """
    import logging, os, signal, sys
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="[%(name)s] %(message)s")
    BLOCK
    from hydra_plugins.hpsearch_sweeper.display import open_display, rows
    with open_display(slots=2) as display:
        print(type(display).__name__)
        display.begin("test", rows.Progress(total=2, slots=2), folder="sweep")
        display.started(0, position=1, title="x=1")
        logging.getLogger("other").warning("a line of [another] logger")
        print("a line on stdout")
        display.ended(0, state="complete", text="value 1", seconds=0.3, values=(1.0,), best=True)
        display.started(1, position=2, title="x=2")
        ENDING
    print("after")
"""


def on_a_terminal(tmp_path: Path, *, block: str = "", ending: str = "", **environment: str) -> str:
    """What the script writes to a pseudo-terminal of 80 columns."""
    script = tmp_path / "script.py"
    text = textwrap.dedent(SCRIPT).replace("BLOCK", block).replace("ENDING", ending or "pass")
    script.write_text(text)
    clean = {key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR")}
    given = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24", "PYTHONUTF8": "1"}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(script)],
        env={**clean, **given, "PYTHONPATH": str(SOURCES), **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    written = b""
    while chunk := read_some(master):
        written += chunk
    os.close(master)
    process.wait()
    return written.decode()


def read_some(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # the other side is closed
        return b""


def screen(written: str) -> list[str]:
    """The lines that are left when the terminal has obeyed what rich sends."""
    lines, row, column = [""], 0, 0
    for code, final, text in re.findall(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b]+)", written):
        if final == "A":
            row -= int(code or 1)
        elif final == "K":
            lines[row] = ""
        for character in text:
            if character == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif character == "\r":
                column = 0
            else:
                lines[row] = lines[row][:column].ljust(column) + character
                column += 1
    return [line.rstrip() for line in lines]


def test_a_real_terminal_keeps_the_lines_and_loses_the_table(tmp_path) -> None:
    written = on_a_terminal(tmp_path)
    assert "2/2  x=2" in written
    assert [line for line in screen(written) if line] == [
        "LiveDisplay",
        "study test: 2 trials, 0 finished, folder sweep",
        "[other] a line of [another] logger",
        "a line on stdout",
        "trial 1/2  x=1  value 1  (0.3 s)",
        "after",
    ]
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")  # the cursor is back


def test_an_interrupt_leaves_no_half_drawn_table(tmp_path) -> None:
    written = on_a_terminal(tmp_path, ending="os.kill(os.getpid(), signal.SIGINT)")
    left = screen(written)
    assert not any("━" in line or "says" in line for line in left)
    assert "trial 1/2  x=1  value 1  (0.3 s)" in left
    assert left[-2].startswith("KeyboardInterrupt")


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}, {"PYTHONUTF8": "0"}])
def test_a_terminal_that_does_not_bear_it_gets_lines(environment, tmp_path) -> None:
    if "PYTHONUTF8" in environment:
        environment = {**environment, "PYTHONIOENCODING": "latin-1"}
    written = on_a_terminal(tmp_path, **environment)
    assert "LineDisplay" in written
    assert "\x1b" not in written
    assert "trial 1/2  x=1  starts as job 0" in written


def test_no_color_is_respected(tmp_path) -> None:
    written = on_a_terminal(tmp_path, NO_COLOR="1")
    assert "LiveDisplay" in written
    assert "\x1b[31m" not in written
    assert "\x1b[1;32m" not in written
    assert "\x1b[1;32m" in on_a_terminal(tmp_path)


def test_without_rich_there_are_lines(tmp_path) -> None:
    block = (
        "import importlib.util as u; found = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'rich' else found(name, *more)"
    )
    assert "LineDisplay" in on_a_terminal(tmp_path, block=block)
