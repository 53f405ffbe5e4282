from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from hydra_plugins.hpsearch_sweeper import errors, hiding
from hydra_plugins.hpsearch_sweeper.study import sqlite, storage, urls

SPACE = "{f'p{i}': optuna.distributions.FloatDistribution(0, 1) for i in range(7)}"

WRITER = f"""
import sys, optuna
from hydra_plugins.hpsearch_sweeper.study import storage
study = optuna.create_study(
    storage=storage.open_storage(sys.argv[1]), study_name="test", load_if_exists=True,
    sampler=optuna.samplers.RandomSampler(),
)
for _ in range(int(sys.argv[2])):
    trial = study.ask({SPACE})
    trial.set_user_attr("worker", "me")
    trial.report(0.5, 1)
    study.tell(trial, 1.0)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def refused(given: object, *, existing: bool = False) -> str:
    with pytest.raises(errors.ConfigError) as caught:
        storage.open_storage(given, existing=existing)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pragma(opened: optuna.storages.BaseStorage, name: str) -> object:
    assert isinstance(opened, optuna.storages.RDBStorage)
    with opened.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.mark.slow
def test_four_processes_that_create_and_write_one_new_file_lose_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new/a.db"
    storage.absolute_url(url)
    writers = [start(WRITER, url, 12) for _ in range(4)]
    for writer in writers:
        _, printed = writer.communicate(timeout=120)
        assert writer.returncode == 0, printed
    trials = optuna.load_study(study_name="test", storage=url).trials
    assert sorted(trial.number for trial in trials) == list(range(48))
    assert all(trial.state.name == "COMPLETE" for trial in trials)


@pytest.mark.parametrize("existing", [False, True])
def test_every_connection_to_a_file_writes_ahead(tmp_path: Path, existing: bool) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    storage.open_storage(url)
    opened = storage.open_storage(url, existing=existing)
    assert pragma(opened, "journal_mode") == "wal"
    assert pragma(opened, "synchronous") == 1
    assert pragma(opened, "busy_timeout") == 60_000


def test_a_file_that_an_older_version_made_goes_over_to_write_ahead(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    optuna.storages.RDBStorage(url).engine.dispose()
    assert pragma(storage.open_storage(url, existing=True), "journal_mode") == "wal"


def test_a_file_that_another_program_reads_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    optuna.storages.RDBStorage(f"sqlite:///{path}").engine.dispose()
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM studies").fetchall()
    opened = storage.open_storage(f"sqlite:///{path}", existing=True)
    assert pragma(opened, "journal_mode") == "delete"
    assert pragma(opened, "synchronous") == 2
    reader.close()


def test_a_file_on_a_network_file_system_keeps_the_classic_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not sqlite.is_shared_by_hosts(tmp_path / "a.db")
    monkeypatch.setattr(sqlite, "_mounts", lambda: iter([("/", "ext4"), (str(tmp_path), "nfs4")]))
    assert sqlite.is_shared_by_hosts(tmp_path / "a.db")
    opened = storage.open_storage(f"sqlite:///{tmp_path}/a.db")
    assert pragma(opened, "journal_mode") == "delete"


def test_a_kill_loses_no_finished_trial(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    code = WRITER + "\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    killed = start(code, url, 5)
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    study = optuna.load_study(study_name="test", storage=storage.open_storage(url))
    assert len(study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))) == 5


def test_a_storage_that_is_let_go_leaves_one_file_and_its_lock(tmp_path: Path) -> None:
    optuna.create_study(storage=storage.open_storage(f"sqlite:///{tmp_path}/a.db"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.db", "a.db.lock"]


def test_a_file_that_the_parent_made_opens_without_its_lock(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    storage.open_storage(url)
    (tmp_path / "a.db.lock").unlink()
    opened = storage.open_storage(url, existing=True)
    assert opened.get_all_studies() == []
    assert not (tmp_path / "a.db.lock").exists()


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("no database" * 100)
    message = refused(f"sqlite:///{tmp_path}/a.db")
    assert f"hydra.sweeper.storage=sqlite:///{tmp_path}/a.db cannot be opened" in message
    assert "file is not a database" in message


def test_a_database_of_something_else_is_named_by_a_job(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "a.db").close()
    assert "no tables of Optuna" in refused(f"sqlite:///{tmp_path}/a.db", existing=True)


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    assert "unable to open database file" in refused(f"sqlite:///{tmp_path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file" in refused(f"sqlite:///{tmp_path}/file/a.db")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder; root, who may write to everything, becomes somebody else meanwhile."""
    folder, user = Path(tempfile.mkdtemp()), os.geteuid()
    folder.chmod(0o755)
    yield folder
    if user == 0:
        os.setresuid(0, 0, 0)
    shutil.rmtree(folder)


def become_nobody() -> None:
    if os.geteuid() == 0:
        os.setresuid(65534, 65534, 0)


def test_a_folder_that_cannot_be_written_is_named(unprivileged: Path) -> None:
    unprivileged.chmod(0o555)
    become_nobody()
    assert f"Permission denied: '{unprivileged}/" in refused(f"sqlite:///{unprivileged}/a.db")


def test_a_file_that_cannot_be_written_is_named(unprivileged: Path) -> None:
    path = unprivileged / "a.db"
    storage.open_storage(f"sqlite:///{path}")
    path.chmod(0o444)
    (unprivileged / "a.db.lock").chmod(0o666)
    become_nobody()
    assert f"the file {path} is read-only" in refused(f"sqlite:///{path}", existing=True)


def test_a_file_that_stays_locked_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    optuna.storages.RDBStorage(f"sqlite:///{path}").engine.dispose()
    monkeypatch.setattr(sqlite, "WAIT_SECONDS", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert "another program has locked it" in refused(f"sqlite:///{path}")
    other.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("studies", "studies"),
        ("oracel://host/db", "oracel"),
        (3, "it is no text"),
        ({"_target_": "builtins.dict"}, "it is no Optuna storage"),
        ({"_target_": "no.such.Storage"}, "no.such.Storage"),
        ("postgresql+nodriver://me:secret@host/db", "me:***@host/db"),
        ({"_target_": "builtins.dict", "url": "mysql://me:secret@host/db"}, "me:***@host/db"),
        ("mysql+mysqldb://me:secret@host/db", "pip install mysqlclient"),
        ("mysql+oursql2://me@host/db?password=secret", "password=***"),
    ],
)
def test_a_wrong_address_is_one_clear_line_without_the_password(given: object, said: str) -> None:
    message = refused(given)
    assert said in message
    assert "secret" not in message
    assert message.endswith("allowed: null, or an Optuna URL as sqlite:///studies.db")


def test_the_package_of_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    message = refused("postgresql+psycopg2://me:secret@localhost/db")
    assert "its driver is missing: pip install psycopg2-binary" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://me:s@cr/t@host/db", "postgresql://me:***@host/db"),
        ("at postgresql://me@host/db", "at postgresql://me@host/db"),
        ("mysql://host/db?user=me&password=x&a=1", "mysql://host/db?user=me&password=***&a=1"),
        ("sqlite:///a.db", "sqlite:///a.db"),
    ],
)
def test_passwords_are_hidden(address: str, shown: str) -> None:
    assert hiding.redacted(address) == shown


@pytest.mark.parametrize(
    ("address", "file"),
    [
        ("sqlite:////tmp/a.db", "/tmp/a.db"),
        ("sqlite:////tmp/a.db?timeout=3", "/tmp/a.db"),
        ("sqlite+pysqlite:////tmp/a.db", "/tmp/a.db"),
        ("sqlite:///file:/tmp/a.db?uri=true", "/tmp/a.db"),
        ("sqlite:///file:a?mode=memory&uri=true", None),
        ("sqlite:///:memory:", None),
        ("sqlite://", None),
        ("postgresql://host/db", None),
    ],
)
def test_the_file_of_an_address(address: str, file: str | None) -> None:
    assert urls.database_file(address) == (Path(file) if file else None)


@pytest.mark.cluster
def test_three_processes_that_create_and_write_to_a_new_server_lose_nothing(
    database: str,
) -> None:
    writers = [start(WRITER, database, 5) for _ in range(3)]
    for writer in writers:
        _, printed = writer.communicate(timeout=120)
        assert writer.returncode == 0, printed
    opened = storage.open_storage(database, existing=True)
    assert len(optuna.load_study(study_name="test", storage=opened).trials) == 15
