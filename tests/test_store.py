import errno
import json
import logging
import os
import threading

import numpy as np
import pytest
import torch
from toy_runs import Base, Broken, Nap

from inertia_utils.files import write_atomically
from inertia_utils.result_file import DamagedResult
from inertia_utils.runs import Outcome, config, run_id
from inertia_utils.store import Store, StoreError

RUN = Nap(seed=3)
OUTCOME = Outcome({"accuracy": 0.1 + 0.2, "steps": 7}, [{"epoch": 0, "loss": 0.5}])


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results", "smoke")


def leftovers(store):
    return [path.name for path in store.folder.rglob("*.tmp")]


def test_what_is_saved_is_loaded(store):
    assert store.load(RUN) is None
    saved = store.save(RUN, OUTCOME, {"device": "a processor"})
    loaded = store.load(RUN)
    assert loaded == saved
    assert loaded.metrics == {"accuracy": 0.30000000000000004, "steps": 7}
    assert (loaded.run, loaded.history, loaded.provenance) == (RUN, OUTCOME.history, {"device": "a processor"})
    assert store.load(Nap(seed=4)) is None
    assert leftovers(store) == []


def test_the_file_is_stable_and_complete(store):
    store.save(RUN, OUTCOME, {"b": 1, "a": 2})
    text = store.path(RUN).read_text()
    payload = json.loads(text)
    assert set(payload) == {"config", "metrics", "history", "provenance", "id", "version", "weights"}
    assert payload["config"] == config(RUN)
    assert text == json.dumps(payload, sort_keys=True, indent=1) + "\n"
    store.save(RUN, OUTCOME, {"a": 2, "b": 1})
    assert store.path(RUN).read_text() == text


def test_profiles_do_not_mix(store):
    store.save(RUN, OUTCOME, {})
    assert Store(store.root, "quick").load(RUN) is None


def foreign(text):
    return json.dumps(json.loads(text) | {"config": config(Nap(seed=9))})


def wrong_version(text):
    return json.dumps(json.loads(text) | {"version": "0"})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda text: text[: len(text) // 2], "not a complete JSON file"),
        (lambda text: "", "not a complete JSON file"),
        (lambda text: "\ud800", "not a complete JSON file"),
        (lambda text: "NaN", "it holds NaN"),
        (lambda text: text.replace("0.30000000000000004", "NaN"), "it holds NaN"),
        (lambda text: "[1, 2]", "holds a list"),
        (lambda text: '{"metrics": {"accuracy": 1.0}}', "lacks config, history, id, provenance, version"),
        (lambda text: json.dumps(json.loads(text) | {"metrics": {}}), "holds no metrics"),
        (lambda text: json.dumps(json.loads(text) | {"history": 3}), "wrong type"),
        (foreign, "its config is not the one that its name stands for"),
        (wrong_version, "version '0'"),
    ],
)
def test_a_damaged_file_is_reported_kept_and_redone(store, caplog, spoil, reason):
    store.save(RUN, OUTCOME, {})
    spoilt = spoil(store.path(RUN).read_text()).encode(errors="surrogatepass")
    store.path(RUN).write_bytes(spoilt)
    with pytest.raises(DamagedResult, match=reason):
        store.read(RUN)
    with caplog.at_level(logging.WARNING):
        assert store.load(RUN) is None
    assert str(store.path(RUN)) in caplog.text and reason in caplog.text
    assert store.path(RUN).read_bytes() == spoilt  # reading changes nothing
    status = store.status([RUN])
    assert (status.done, status.missing) == ([], [RUN]) and reason in status.damaged[0]

    store.save(RUN, OUTCOME, {})
    assert store.load(RUN).metrics == OUTCOME.metrics
    assert store.path(RUN).with_name(f"{run_id(RUN)}.json.damaged").read_bytes() == spoilt


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"accuracy": torch.tensor(0.5)}, r"metrics\.accuracy: torch\.Tensor cannot be stored"),
        ({"accuracy": np.float64(0.5)}, r"metrics\.accuracy: numpy\.float64 cannot be stored"),
        ({"per_layer": [0.5, np.int64(3)]}, r"metrics\.per_layer\[1\]: numpy\.int64"),
        ({"loss": float("nan")}, r"metrics\.loss: nan is not a result"),
        ({"loss": float("inf")}, r"metrics\.loss: inf is not a result"),
        ({3: 0.5}, "metrics: key 3 must be a string"),
        ({}, "returned none"),
    ],
)
def test_metrics_that_would_not_come_back_are_refused(store, metrics, message):
    with pytest.raises(ValueError, match=message):
        store.save(RUN, Outcome(metrics), {})
    assert not store.path(RUN).exists()


def test_a_diverged_loss_in_the_history_is_null(store):
    store.save(RUN, Outcome({"accuracy": 0.1}, [{"loss": float("nan")}]), {})
    assert store.load(RUN).history == [{"loss": None}]


def test_weights_round_trip(store):
    shared = torch.randn(4, 3)
    weights = {"a": shared, "tied": shared, "view": torch.randn(3, 5).T, "half": torch.ones(2, dtype=torch.bfloat16)}
    assert not store.has(Base(), weights=True)
    store.save(Base(), Outcome({"accuracy": 1.0}, weights=weights), {})
    loaded = store.load_weights(Base())
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[name], weights[name]) for name in weights)
    assert store.load(Base()).weights and store.has(Base(), weights=True)


def test_missing_and_truncated_weights(store):
    store.save(Base(), Outcome({"accuracy": 1.0}, weights={"weight": torch.ones(100)}), {})
    path = store.weights_path(Base())
    path.write_bytes(path.read_bytes()[:-8])
    assert store.has(Base()) and not store.has(Base(), weights=True)
    with pytest.raises(LookupError, match="no weights of toy-base"):
        store.load_weights(Base())
    path.unlink()
    assert not store.has(Base(), weights=True)
    with pytest.raises(LookupError, match=run_id(Base())):
        store.load_weights(Base())


def test_a_run_without_weights_needs_none(store):
    store.save(RUN, OUTCOME, {})
    assert store.has(RUN, weights=True)


def test_a_failure_is_recorded_and_forgotten_after_success(store):
    assert store.failure(Broken()) is None
    store.save_failure(Broken(), "ArithmeticError: no", "Traceback …")
    assert store.failure(Broken()) == "ArithmeticError: no"
    status = store.status([Broken(), RUN])
    assert (status.failed, status.missing, status.done) == ([Broken()], [RUN], [])
    store.save(Broken(), OUTCOME, {})
    assert store.failure(Broken()) is None
    assert store.status([Broken()]).done == [Broken()]


def test_an_unreadable_failure_record_still_says_failed(store):
    store.save_failure(Broken(), "no")
    (store.folder / "failed" / f"{run_id(Broken())}.json").write_text("{")
    assert "unreadable failure record" in store.failure(Broken())


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "results").write_text("not a folder")
    store = Store(tmp_path / "results", "smoke")
    for action in (
        store.check_writable,
        lambda: store.save(RUN, OUTCOME, {}),
        lambda: store.save_failure(RUN, "no"),
        lambda: store.load(RUN),
        lambda: store.status([RUN]),
    ):
        with pytest.raises(StoreError, match=r"results folder .*results/smoke cannot be (written|read): "):
            action()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_half_written(store, monkeypatch, failing):
    store.save(RUN, OUTCOME, {})
    before = store.path(RUN).read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, full)
    for action in (lambda: store.save(RUN, Outcome({"accuracy": 0.9}), {}), store.check_writable):
        with pytest.raises(StoreError, match=r"results folder .* cannot be written: No space left on device"):
            action()
    monkeypatch.undo()
    assert store.path(RUN).read_bytes() == before
    assert [path.name for path in store.folder.iterdir() if path.is_file()] == [store.path(RUN).name]


def test_a_reader_never_sees_half_a_file(tmp_path):
    path = tmp_path / "file"
    contents = [letter * 200_000 for letter in (b"a", b"b")]
    write_atomically(path, contents[0])
    stop = threading.Event()
    seen = set()

    def read():
        while not stop.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(40):
        write_atomically(path, contents[turn % 2])
    stop.set()
    reader.join()
    assert seen <= set(contents)


def test_the_lock_may_be_taken_again_by_its_holder(store):
    with store.lock(RUN) as held, store.lock(RUN, wait=False) as again:
        assert held and again
