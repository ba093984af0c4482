"""Whatever Ray does while it starts or works, the caller gets a sentence and nothing is left."""

from __future__ import annotations

import os
from functools import partial

import pytest
import ray_stand_ins
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.corpora.encoding import ray_process
from stratus.corpora.encoding.ray_process import in_own_process
from stratus.errors import MissingExtraError, StratusError

ENOUGH_S = 60.0


def gone(path):
    """Whether the process whose id a stand-in wrote has ended."""
    try:
        os.kill(int(path.read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_results_come_in_order_from_another_process():
    *found, process = in_own_process(ray_stand_ins.three, ENOUGH_S)
    assert found == [b"one", b"two"]
    assert int(process) != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)


def test_a_start_that_never_returns_is_given_up_and_its_process_ended(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    mark = tmp_path / "process"
    with pytest.raises(StratusError) as caught:
        list(in_own_process(partial(ray_stand_ins.never_ready, mark), 8.0))
    assert str(caught.value) == (
        "Ray on this machine did not start within 8 s; try again when there is less to do, use "
        "`--engine local`, or name a cluster that is running: RAY_ADDRESS=HOST:PORT"
    )
    assert gone(mark)


def test_a_cluster_that_does_not_answer_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    with pytest.raises(StratusError, match=r"Ray at 10.0.0.1:6379 \(RAY_ADDRESS\) did not start"):
        list(in_own_process(partial(ray_stand_ins.never_ready, tmp_path / "process"), 0.01))


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (0, r"on this machine died while it started \(exit code -9\); try again"),
        (2, r"in the middle of the run \(exit code -9\).*go on with `--resume`"),
    ],
)
def test_a_death_says_when_it_was(after, said, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    results = in_own_process(partial(ray_stand_ins.dies, after), ENOUGH_S)
    assert [next(results) for _ in range(after)] == [b"one"] * after
    with pytest.raises(StratusError, match=said):
        next(results)


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        ("missing", MissingExtraError, r"stratus-crystals\[ray\]"),
        ("stratus", StratusError, "^this is why$"),
        ("other", StratusError, "Ray stopped the run: KeyError: 'a fault'"),
    ],
)
def test_errors_travel(kind, error, said):
    results = in_own_process(partial(ray_stand_ins.fails, kind), ENOUGH_S)
    assert next(results) == b"one"
    with pytest.raises(error, match=said):
        next(results)


def test_a_run_that_is_given_up_is_asked_to_stop(tmp_path):
    mark = tmp_path / "mark"
    results = in_own_process(partial(ray_stand_ins.tidy, mark), ENOUGH_S)
    assert next(results) == b"one"
    results.close()
    assert mark.read_text() == "stopped"


def test_a_run_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_process, "_LEAVE_S", 0.5)
    mark = tmp_path / "process"
    results = in_own_process(partial(ray_stand_ins.deaf, mark), ENOUGH_S)
    assert next(results) == b"one"
    results.close()
    assert gone(mark)


def test_on_the_command_line_it_is_one_sentence_and_exit_code_1(
    tmp_path, monkeypatch, example_cifs
):
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("stratus.corpora.encoding.ray_engine.START_S", 0.01)
    words = ["encode", str(example_cifs), "-o", str(tmp_path / "out.parquet"), "--engine", "ray"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "Error: Ray on this machine did not start within 0.01 s; try again" in done.output
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []
