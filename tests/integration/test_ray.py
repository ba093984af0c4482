"""Ray on two local machines gives the table of a local run."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.errors import InputError, MissingExtraError, StratusError


def write_corpus(path: Path, rows: int) -> Path:
    """Write rock-salt-like cells; each 50th has no volume, each 70th repeats an id."""
    cells = [
        [3.0 + i % 9, 0, 0, 0, 3.0, 0, 0, 0, 0.0 if i % 50 == 49 else 4.0] for i in range(rows)
    ]
    table = {
        "id": [f"c{i - 1 if i % 70 == 69 else i}" for i in range(rows)],
        "lattice": pa.array(cells, pa.list_(pa.float64())),
        "species": ["Na Cl" if i % 2 else "Cs F" for i in range(rows)],
        "frac_coords": pa.array([[0.0, 0, 0, 0.5, 0.5, 0.5]] * rows, pa.list_(pa.float64())),
        "energy": [i / 7 for i in range(rows)],
    }
    pq.write_table(pa.table(table), path)
    return path


def test_a_ray_cluster_gives_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="the extra `ray` is not installed")
    from ray.cluster_utils import Cluster

    corpus = write_corpus(tmp_path / "corpus.parquet", 3000)
    monkeypatch.chdir(tmp_path)
    encode_corpus(["corpus.parquet"], "local.parquet", EncodeOptions(workers=0))
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 150 * 2**20,
            "include_dashboard": False,
        },
    )
    try:
        cluster.add_node(num_cpus=1, object_store_memory=150 * 2**20)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        options = EncodeOptions(engine="ray", workers=2)
        with pytest.raises(InputError, match="files and folders"):
            encode_corpus(["-"], "stdin.parquet", options)
        summary = encode_corpus([corpus.name], "ray.parquet", options)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert summary.rejects == {"bad-lattice": 60, "duplicate-id": 34}
    assert Path("ray.parquet").read_bytes() == Path("local.parquet").read_bytes()
    assert Path("ray.rejects.csv").read_bytes() == Path("local.rejects.csv").read_bytes()


MARK = "STRATUS_TEST_RAY"


def left(mark: str) -> set[int]:
    """Return the processes that were started with a mark in their environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended meanwhile
            if f"{MARK}={mark}".encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """What is in the environment of every process that Ray starts here."""
    pytest.importorskip("ray", reason="the extra `ray` is not installed")
    if not Path("/proc/self/environ").is_file():
        pytest.skip("looks at processes through /proc")
    resource_tracker.ensure_running()  # Python's own, which stays as long as this process
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_worker_niceness", "0")
    monkeypatch.setenv(MARK, value := uuid.uuid4().hex)
    return value


def none_left(mark: str) -> bool:
    """Wait until they have ended: killed processes take a moment."""
    deadline = time.monotonic() + 60
    while left(mark) and time.monotonic() < deadline:
        time.sleep(0.2)
    return not left(mark)


@pytest.mark.slow
def test_ray_is_started_for_a_run_and_stopped_after_it(tmp_path: Path, mark: str) -> None:
    corpus = write_corpus(tmp_path / "corpus.parquet", 300)
    both = ("scope", "atoms")
    here, there = (
        EncodeOptions(workers=0, keep=both),
        EncodeOptions(engine="ray", workers=1, keep=both),
    )
    encode_corpus([corpus], tmp_path / "local.parquet", here)
    encode_corpus([corpus], tmp_path / "ray.parquet", there)
    assert "frac_coords" in pq.read_schema(tmp_path / "ray.parquet").names
    assert (tmp_path / "ray.parquet").read_bytes() == (tmp_path / "local.parquet").read_bytes()
    assert none_left(mark)


@pytest.mark.slow
def test_a_node_that_dies_while_ray_starts_is_a_sentence_and_leaves_no_process(
    tmp_path: Path, mark: str
) -> None:
    corpus = write_corpus(tmp_path / "corpus.parquet", 300)
    killed: list[int] = []

    def kill_the_node() -> None:
        deadline = time.monotonic() + 100
        while not killed and time.monotonic() < deadline:
            for process in left(mark):
                with suppress(OSError):
                    words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                    if words[0].endswith(b"/raylet"):
                        os.kill(process, signal.SIGKILL)
                        killed.append(process)
            time.sleep(0.02)

    killer = threading.Thread(target=kill_the_node)
    killer.start()
    try:
        with pytest.raises(StratusError, match=r"^Ray on this machine .* use `--engine local`"):
            encode_corpus([corpus], tmp_path / "out.parquet", EncodeOptions(engine="ray"))
    finally:
        killer.join()
    assert len(killed) == 1
    assert none_left(mark)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.parquet"]


def test_without_ray_the_engine_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    corpus = write_corpus(tmp_path / "corpus.parquet", 3)
    with pytest.raises(MissingExtraError, match=r"stratus-crystals\[ray\]"):
        encode_corpus([corpus], tmp_path / "out.parquet", EncodeOptions(engine="ray"))
    assert [p.name for p in tmp_path.iterdir()] == ["corpus.parquet"]
