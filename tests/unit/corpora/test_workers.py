"""Workers return results in order, and one crystal cannot take the others with it."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stand_ins
from stand_ins import record

from stratus.corpora.encoding.chunks import Chunk, Work, chunked
from stratus.corpora.encoding.workers import WorkerPool, run_here
from stratus.crystals.entry import Code
from stratus.crystals.reading.record import Record
from stratus.errors import StratusError

if TYPE_CHECKING:
    from stratus.corpora.encoding.rows import ChunkResult

HANG_S = 5.0  # a machine that does much else may stop a process for longer than a second
WORK = Work(stand_ins.parse, stand_ins.search, stand_ins.write, read=None, scope=None)


def run(
    records: list[Record], workers: int = 2, timeout_s: float = 30.0, rows: int = 3
) -> list[ChunkResult]:
    chunks = list(chunked(records, rows))
    if workers == 0:
        return list(run_here(chunks, WORK))
    with WorkerPool(WORK, workers, timeout_s) as pool:
        results = list(pool.run(chunks))
        assert len(pool.processes()) == workers
    assert len(results) == len(chunks)
    return results


def ids(results: list[ChunkResult]) -> list[str]:
    return [name for r in results for name in r.batch().column("id").to_pylist()]


def codes(results: list[ChunkResult]) -> list[tuple[str, str]]:
    return [(reject.id, reject.code) for r in results for _, reject in r.rejects]


def test_results_keep_the_order_of_the_inputs_whatever_the_number_of_workers() -> None:
    records = [record(f"r{i:03d}", "ok" if i % 7 else "bad") for i in range(200)]
    alone = run(records, workers=0)
    assert ids(alone) == [f"r{i:03d}" for i in range(200) if i % 7]
    assert run(records, workers=1) == alone
    assert run(records, workers=2) == alone


def test_a_crystal_that_hangs_while_encoding_costs_itself_only() -> None:
    results = run(
        [record("a", "ok"), record("t", "ok", "hang", "ok"), record("z", "ok")],
        timeout_s=HANG_S,
        rows=9,
    )
    assert ids(results) == ["a", "t-0", "t-2", "z"]
    assert codes(results) == [("t-1", Code.TIMEOUT)]
    assert f"{HANG_S:g} s" in results[0].rejects[0][1].detail


def test_a_crystal_that_kills_its_worker_costs_itself_only() -> None:
    results = run([record("a", "ok"), record("t", "ok", "die", "ok"), record("z", "ok")], rows=9)
    assert ids(results) == ["a", "t-0", "t-2", "z"]
    assert codes(results) == [("t-1", Code.CRASHED)]
    assert "SIGKILL" in results[0].rejects[0][1].detail


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("write-hang", Code.TIMEOUT),
        ("write-die", Code.CRASHED),
        ("write-raise", Code.CRASHED),
        ("write-odd", Code.SYMMETRY_FAILED),
    ],
)
def test_what_goes_wrong_while_writing_costs_its_crystal_only(word: str, code: Code) -> None:
    words = ["ok", "odd", word, "bad", "ok"]
    results = run([record("a", "ok"), record("t", *words)], workers=1, timeout_s=HANG_S, rows=9)
    assert ids(results) == ["a", "t-0", "t-4"]
    expected = [("t-1", Code.SYMMETRY_FAILED), ("t-2", code), ("t-3", Code.UNREADABLE)]
    assert codes(results) == expected
    assert [position for position, _ in results[0].rejects] == [2, 3, 4]


def test_an_unexpected_error_is_a_reject_with_its_reason() -> None:
    for workers in (0, 1):
        results = run(
            [record("t", "raise", "ok"), record("r", "read-raise")], workers=workers, rows=9
        )
        assert ids(results) == ["t-1"]
        assert codes(results) == [("t-0", Code.CRASHED), ("r", Code.CRASHED)]
        assert all("this crystal is cursed" in reject.detail for _, reject in results[0].rejects)


def test_where_reading_hangs_every_crystal_behind_it_is_accounted_for() -> None:
    results = run(
        [record("t", "ok", "read-hang", "ok", "ok"), record("z", "ok")], timeout_s=HANG_S, rows=9
    )
    assert ids(results) == ["t-0", "z"]
    assert [code for _, code in codes(results)] == [Code.TIMEOUT] * 3
    assert results[0].outcomes == 5


def test_several_hangs_and_crashes_in_one_chunk_are_all_found() -> None:
    words = ["ok", "hang", "die", "ok", "hang", "read-die"]
    results = run([record(f"r{i}", w) for i, w in enumerate(words)], timeout_s=HANG_S, rows=6)
    assert ids(results) == ["r0", "r3"]
    assert codes(results) == [
        ("r1", Code.TIMEOUT),
        ("r2", Code.CRASHED),
        ("r4", Code.TIMEOUT),
        ("r5", Code.CRASHED),
    ]


def test_an_input_without_crystals_is_a_reject() -> None:
    results = run([record("empty", rows=1)], workers=0)
    assert codes(results) == [("empty", Code.UNREADABLE)]


def test_a_table_that_yields_too_few_rows_is_an_error() -> None:
    for workers in (0, 1):
        with pytest.raises(StratusError, match="announced with 5 crystals but 2 came out"):
            run([record("short", "ok", "ok", rows=5)], workers=workers)


def test_chunks_are_read_only_as_fast_as_they_are_worked_off() -> None:
    pulled = 0

    def source() -> object:
        nonlocal pulled
        for i in range(500):
            pulled += 1
            yield Chunk(i, (record(f"r{i}", "ok"),))

    with WorkerPool(WORK, 1, 30.0) as pool:
        results = pool.run(source())
        next(results)
        assert pulled < 50


def test_workers_end_when_the_pool_is_closed() -> None:
    pool = WorkerPool(WORK, 2, 30.0)
    started = set(pool.processes())
    pool.close()
    assert not started & {p.pid for p in multiprocessing.active_children()}


def test_workers_do_not_run_the_script_that_starts_them(tmp_path: Path) -> None:
    script = tmp_path / "no_guard.py"
    script.write_text(
        "import sys\n"
        "print('once')\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_workers import WORK, record, chunked, WorkerPool\n"
        "with WorkerPool(WORK, 2, 600.0) as pool:\n"
        "    done = list(pool.run(chunked([record(str(i), 'ok') for i in range(4)], 1)))\n"
        "print(len(done), sys.modules['__main__'].__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["once", f"4 {script}", ""]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_workers import WORK, record, chunked, WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(WORK, 2, 600.0)\n"
        "    words = ['ok', 'hang', 'hang']\n"
        "    results = pool.run(chunked([record(str(i), w) for i, w in enumerate(words)], 1))\n"
        "    next(results)\n"
        "    print(*pool.processes(), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60
    )
    workers = [int(word) for word in done.stdout.split()]
    assert len(workers) == 2, done.stderr
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(_alive(p) for p in workers):
        time.sleep(0.05)
    assert not any(_alive(p) for p in workers)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
