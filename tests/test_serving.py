"""The best model behind MLflow: texts in, labels and probabilities out."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from hpsearch.predict import predict
from hpsearch.reporting import best_fingerprint
from hpsearch.serving import TextModel, _load_pyfunc
from hpsearch.tracking import open_tracker
from hpsearch.trials import TrialStore
from tests.commands import environment, run

pytestmark = pytest.mark.slow

TEXTS = ["A film to remember", "A dull and awful mess", "A film to remember"]
SMALL = ("data.train_size=60", "data.val_size=20", "trainer.epochs=1", "backbone.max_length=32")


@dataclass(frozen=True)
class Trained:
    root: Path
    best: Path  # the winner's model
    name: str  # in the registry


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run alone, whose model is registered."""
    root = tmp_path_factory.mktemp("trained")
    done = run(root, "train", "head.dim=4", *SMALL)
    assert done.code == 0, done.err
    tracker = open_tracker(root)
    study = tracker.read_study(tracker.newest_study())
    fingerprint = best_fingerprint(study)
    best = TrialStore(root).look(fingerprint).best
    registered = tracker.register_winner(study, fingerprint, folder=best)
    assert registered is not None
    return Trained(root, best, registered.name)


@pytest.fixture(scope="module")
def model(trained: Trained) -> TextModel:
    return _load_pyfunc(str(trained.best))


def test_each_text_gets_its_label_and_the_probability_of_each_class(
    model: TextModel, trained: Trained
) -> None:
    answer = model.predict(TEXTS)
    assert list(answer.columns) == ["label", "probability_negative", "probability_positive"]
    probabilities, classes = predict(trained.best, TEXTS)
    np.testing.assert_allclose(answer.iloc[:, 1:].to_numpy(float), probabilities, atol=1e-6)
    assert list(answer["label"]) == [classes[i] for i in probabilities.argmax(dim=1)]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS)[:, None],
        pd.Series(TEXTS),
        pd.DataFrame({"text": TEXTS}),
        pd.DataFrame(TEXTS),
        {"text": TEXTS},
    ],
)
def test_texts_may_come_in_any_usual_form(model: TextModel, given: object) -> None:
    pd.testing.assert_frame_equal(model.predict(given), model.predict(TEXTS))


def test_one_text_is_a_request_of_one(model: TextModel) -> None:
    assert len(model.predict(TEXTS[0])) == 1
    assert len(model.predict("")) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "there is no text"),
        (pd.DataFrame({"text": []}), "there is no text"),
        ([1, 2], r"input 0 is '1' \(int\), not a text"),
        (["good", None], "input 1 is missing"),
        (["good", float("nan")], "input 1 is missing"),
        ([["good", "bad"]], r"input 0 is .* \(list\)"),
        (None, "the input is missing"),
        (7, r"the input is '7' \(int\)"),
        (
            pd.DataFrame({"a": ["x"], "b": ["y"]}),
            "one column .* these are 2: a, b",
        ),
    ],
)
def test_a_bad_request_says_what_is_wrong_with_it(
    model: TextModel, given: object, said: str
) -> None:
    with pytest.raises(MlflowException, match=said) as raised:
        model.predict(given)
    assert raised.value.get_http_status_code() == 400


def test_many_may_ask_at_once(model: TextModel) -> None:
    texts = [f"{'very ' * (n % 7)}good, number {n}" for n in range(12)]
    alone = [model.predict([text])["probability_positive"][0] for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda t: model.predict([t])["probability_positive"][0], texts))
    assert together == alone


def test_mlflow_loads_the_champion_in_a_process_of_its_own(trained: Trained) -> None:
    script = (
        "import mlflow, sys\n"
        f"mlflow.set_tracking_uri('sqlite:///{trained.root}/mlflow.db')\n"
        f"model = mlflow.pyfunc.load_model('models:/{trained.name}@champion')\n"
        "print(model.predict(['A film to remember']).to_json(orient='records'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=trained.root,
        env=environment(trained.root),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["label"] in ("negative", "positive")
    assert row["probability_negative"] + row["probability_positive"] == pytest.approx(1)


@pytest.fixture
def served(trained: Trained) -> Iterator[str]:
    """The address of ``mlflow models serve``, which is killed with all its processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["models", "serve", "-m", f"models:/{trained.name}@champion"]
    words += ["--env-manager", "local", "--port", str(port)]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    store = {"MLFLOW_TRACKING_URI": f"sqlite:///{trained.root}/mlflow.db", "PATH": path}
    with (trained.root / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words],
            cwd=trained.root,
            env={**environment(trained.root), **store},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/ping", trained.root / "serve.log")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(address: str, log: Path) -> None:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        time.sleep(0.2)
    raise TimeoutError(log.read_text())


def ask(address: str, given: object) -> tuple[int, Any]:
    """Status and answer of a request."""
    body, kind = json.dumps(given).encode(), {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address}/invocations", body, kind)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return int(answer.status), json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_served_model_answers_texts_and_says_what_is_wrong_with_others(
    served: str, model: TextModel
) -> None:
    status, answer = ask(served, {"inputs": TEXTS})
    assert status == 200
    expected = model.predict(TEXTS)
    assert [row["label"] for row in answer["predictions"]] == list(expected["label"])
    figures = [row["probability_positive"] for row in answer["predictions"]]
    assert figures == pytest.approx(list(expected["probability_positive"]), abs=1e-6)

    split = {"columns": ["text"], "data": [[text] for text in TEXTS]}
    assert ask(served, {"dataframe_split": split}) == (200, answer)

    for given, said in (
        ({"inputs": [1, 2]}, "input 0 is '1' (int), not a text"),
        ({"inputs": [None]}, "input 0 is missing"),
        ({"inputs": []}, "inputs"),
        ({}, "inputs"),
    ):
        status, answer = ask(served, given)
        assert status == 400
        assert said in answer["message"]
        assert "stack_trace" not in answer
