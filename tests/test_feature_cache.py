"""The cache of features: made once, shared, healed, and kept below its limit."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hpsearch.errors import PreemptedError
from hpsearch.feature_cache import FeatureCache, stamp, stamp_break
from tests.hosts import SOON, require_hosts
from tests.hosts import start as start_on

MAKER = """
import sys, time
from pathlib import Path
from hpsearch.feature_cache import FeatureCache

def make(folder):
    print("making", flush=True)
    time.sleep(float(sys.argv[2]))
    (folder / "vectors.npy").write_bytes(b"x" * 1000)

with FeatureCache(Path(sys.argv[1]), None).entry("abc", make, what="features") as folder:
    print((folder / "vectors.npy").stat().st_size, flush=True)
"""


def writes(content: bytes) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        (folder / "vectors.npy").write_bytes(content)

    return make


def refuses(folder: Path) -> None:
    raise AssertionError("it is there already")


VECTORS = writes(b"x" * 1000)


def use(cache: FeatureCache, key: str, make: Callable[[Path], None] = VECTORS) -> bytes:
    with cache.entry(key, make, what="features") as folder:
        return (folder / "vectors.npy").read_bytes()


def entries(cache: FeatureCache) -> set[str]:
    return {entry.name for entry in cache.folder.iterdir() if not entry.name.startswith(".")}


def start(folder: Path, seconds: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKER, str(folder), str(seconds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_an_entry_is_made_once_and_its_size_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path, 2**30)
    with caplog.at_level(logging.INFO):
        assert use(cache, "abc") == use(cache, "abc", refuses) == b"x" * 1000
    (line,) = caplog.messages
    assert line.startswith("features: computed once, in ")
    assert line.endswith(f"{tmp_path} is 0.0 MiB of 1,024")


@pytest.mark.parametrize("damage", [lambda f: f.write_bytes(b"x" * 999 + b"y"), Path.unlink])
def test_a_damaged_entry_is_made_again_and_that_is_said(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path, None)
    use(cache, "abc")
    damage(tmp_path / "abc" / "vectors.npy")
    assert use(cache, "abc") == b"x" * 1000
    (line,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert line.endswith("abc is damaged (vectors.npy changed): computing features again")


def test_the_least_recently_used_are_evicted(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 3500)  # with their seals, three
    for number, key in enumerate("abc"):
        use(cache, key)
        os.utime(tmp_path / key, (number, number))
    assert entries(cache) == set("abc")
    use(cache, "a")
    use(cache, "d")
    assert entries(cache) == set("acd")


def test_one_in_use_is_never_evicted(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, 1)
    with cache.entry("old", writes(b"x" * 1000), what="features") as folder:
        use(cache, "new")
        assert (folder / "vectors.npy").exists()
    use(cache, "newest")
    assert entries(cache) == {"newest"}


@pytest.mark.slow
@pytest.mark.parametrize("host", [None, "elsewhere"])
def test_of_two_processes_one_computes(tmp_path: Path, host: str | None) -> None:
    if host is not None:
        require_hosts()
    words = (str(tmp_path), "0.5")
    processes = [start_on(SOON + MAKER, *words, host=name) for name in (None, host)]
    told = [process.communicate()[0] for process in processes]
    assert sorted(told) == ["1000\n", "making\n1000\n"]


USER = """
import sys
from pathlib import Path
from hpsearch.feature_cache import FeatureCache

with FeatureCache(Path(sys.argv[1]), None).entry("old", None, what="features") as folder:
    print("used", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_one_in_use_on_another_host_is_evicted_when_that_is_long_silent(tmp_path: Path) -> None:
    require_hosts()
    cache = FeatureCache(tmp_path, 1)
    use(cache, "old")
    with start_on(USER, str(tmp_path), host="elsewhere") as user:
        assert user.stdout is not None
        assert user.stdout.readline() == "used\n"
        use(cache, "new")
        assert entries(cache) == {"old", "new"}
        user.kill()
    use(cache, "newer")
    assert "old" in entries(cache), "nobody can know yet"
    (mark,) = (tmp_path / ".uses" / "old").iterdir()
    os.utime(mark, (time.time() - 700,) * 2)
    use(cache, "newest")
    assert entries(cache) == {"newest"}


@pytest.mark.slow
def test_who_waits_for_another_may_be_told_to_stop(tmp_path: Path) -> None:
    with start(tmp_path, 60) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "making\n"
        with pytest.raises(PreemptedError, match="told to stop while another process computes"):
            use(FeatureCache(tmp_path, None, stop_requested=lambda: True), "abc", refuses)
        process.kill()


@pytest.mark.slow
def test_a_process_killed_while_it_computes_leaves_nothing(tmp_path: Path) -> None:
    with start(tmp_path, 60) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "making\n"
        os.kill(process.pid, signal.SIGKILL)
    cache = FeatureCache(tmp_path, None)
    assert entries(cache) == set()
    use(cache, "other")
    assert entries(cache) == {"other"}
    assert list(tmp_path.glob(".*.tmp")) == [], "what it had begun is gone"
    assert use(cache, "abc") == b"x" * 1000


def test_a_failure_leaves_nothing_and_is_told_as_it_is(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device", str(folder))

    cache = FeatureCache(tmp_path, None)
    with pytest.raises(OSError, match="No space left"):
        use(cache, "abc", full)
    assert entries(cache) == set()
    assert use(cache, "abc") == b"x" * 1000


def test_a_stamped_folder_is_read_only_where_it_looks_touched(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "weights").write_bytes(b"weights")
        stamp(folder)

    cache = FeatureCache(tmp_path, None)
    with cache.entry("abc", make, what="files", check=stamp_break) as folder:
        assert stamp_break(folder) is None
        os.utime(folder / "weights", (1, 1))
        assert stamp_break(folder) is None, "a copy has other times and the same content"
        (folder / "weights").write_bytes(b"WEIGHTS")
        assert stamp_break(folder) == "weights changed"
