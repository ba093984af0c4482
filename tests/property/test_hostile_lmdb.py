"""LMDB stores that are damaged or made to do harm: they end another process, and this one goes on.

What is good is read, each row that is not is a reject, and nothing of a store is run.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, read, records

lmdb = pytest.importorskip("lmdb")

CELL = [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]
SALT = {"numbers": [11, 17], "positions": [[0, 0, 0], [2.0, 2, 2]], "cell": CELL, "pbc": [True] * 3}
PAGE = 4096
LONGEST_S = 60.0


def packed(value) -> bytes:
    return zlib.compress(json.dumps(value).encode())


def store(path: Path, values: dict[str, bytes]) -> Path:
    with lmdb.open(str(path), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as rows:
        for key, value in values.items():
            rows.put(key.encode(), value)
    return path


def salts(count: int) -> dict[str, bytes]:
    """Return rows that fill some pages of their own each, as rows with forces do."""
    rng = random.Random(3)
    rows = {str(n): packed(SALT | {"data": {"x": rng.random()}}) for n in range(1, count + 1)}
    big = SALT | {"data": {str(n): rng.random() for n in range(900)}}
    return rows | {str(n): packed(big) for n in range(5, count, 10)} | {"nextid": packed(count + 1)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = store(tmp_path_factory.mktemp("lmdb") / "x.aselmdb", salts(60))
    found = list(read(path))
    assert [type(one) for one in found] == [Entry] * 60
    return path.read_bytes()


@pytest.fixture(scope="module")
def by_key(tmp_path_factory) -> bytes:
    """A store that is not ASE's: its rows have names."""
    values = {f"row-{n:03}": value for n, value in enumerate(salts(40).values())}
    del values["row-040"]  # the number of the next
    return store(tmp_path_factory.mktemp("lmdb") / "x.lmdb", values).read_bytes()


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Damage a store behind its two first pages, which LMDB checks."""
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 3, 20, 100])):
        page = rng.randrange(2, len(found) // PAGE) * PAGE
        kind = rng.random()
        if kind < 0.2:  # the length of a row
            (node,) = struct.unpack_from("<H", found, page + 16 + 2 * rng.randrange(12))
            if node < PAGE - 8:
                found[page + node + rng.randrange(4)] = rng.randrange(256)
        elif kind < 0.4:  # the head of a page: its number, kind, and where its free space is
            found[page + rng.randrange(16)] = rng.randrange(256)
        elif kind < 0.7:  # where its nodes are
            at = page + 16 + 2 * rng.randrange(20)
            found[at : at + 2] = struct.pack("<H", rng.choice([0, 1, 0x7FFF, 0xFFFF, 4095]))
        elif kind < 0.85:  # anything in it
            found[page + rng.randrange(PAGE)] = rng.randrange(256)
        else:  # another page in its place
            other = rng.randrange(2, len(found) // PAGE) * PAGE
            found[page : page + PAGE] = found[other : other + PAGE]
    return bytes(found)


def outcomes(path: Path) -> list[Entry | Reject]:
    started = time.monotonic()
    found = list(read(path))
    assert time.monotonic() - started < LONGEST_S
    for one in found:
        if isinstance(one, Reject):
            assert one.detail
            assert "\n" not in one.detail
    return found


def test_a_damaged_store_ends_in_entries_and_rejects_for_every_row(whole, tmp_path):
    rng = random.Random(11)
    path = tmp_path / "x.aselmdb"
    crashed = salvaged = 0
    for _ in range(100):
        path.write_bytes(mutated(whole, rng))
        found = outcomes(path)
        assert found
        refused = [one for one in found if isinstance(one, Reject)]
        ended = any("SIG" in one.detail for one in refused)
        crashed += ended
        salvaged += ended and len(found) > len(refused)
        if len(found) != 60:  # then the whole store was given up, which the last reject says
            assert isinstance(found[-1], Reject) or any("rows" in one.detail for one in refused)
    assert crashed > 5, "the damage that ends a process is among them"
    assert salvaged > 0, "and what is good beside it is read"


def test_a_damaged_store_of_names_ends_in_entries_and_rejects(by_key, tmp_path):
    rng = random.Random(12)
    path = tmp_path / "x.lmdb"
    crashed = 0
    for _ in range(120):
        path.write_bytes(mutated(by_key, rng))
        found = outcomes(path)
        assert len({one.id for one in found}) == len(found) <= 41
        crashed += any("SIG" in getattr(one, "detail", "") for one in found)
        if len(found) < 40:
            assert isinstance(found[-1], Reject)
    assert crashed > 0


def test_a_row_that_ends_the_process_costs_itself_alone(tmp_path):
    """A row on a page of its own whose length leads out of the file."""
    path = store(tmp_path / "x.aselmdb", salts(60))
    data = bytearray(path.read_bytes())
    expected = {one.id: one for one in read(path)}
    broken = 0
    for page in range(2, len(data) // PAGE):
        (flags,) = struct.unpack_from("<H", data, page * PAGE + 10)
        if flags & 2:  # a leaf
            (lower,) = struct.unpack_from("<H", data, page * PAGE + 12)
            for k in range((lower - 16) // 2):
                (at,) = struct.unpack_from("<H", data, page * PAGE + 16 + 2 * k)
                node = page * PAGE + at
                kind, size = struct.unpack_from("<HH", data, node + 4)
                if kind == 1 and data[node + 8 : node + 8 + size] == b"25":  # on pages of its own
                    struct.pack_into("<HH", data, node, 0, 0x4000)  # a gigabyte
                    broken += 1
    assert broken == 1
    path.write_bytes(data)
    found = outcomes(path)
    assert [one.id for one in found] == list(expected)
    (refused,) = [one for one in found if isinstance(one, Reject)]
    assert refused.id == "x:25"
    assert refused.code is Code.UNREADABLE
    assert "row 25 cannot be read, for the store is damaged" in refused.detail


def test_the_command_ends_as_with_other_damaged_files(whole, tmp_path):
    rng = random.Random(11)
    for n in range(4):
        (tmp_path / f"{n}.aselmdb").write_bytes(mutated(whole, rng))
    done = subprocess.run(
        [sys.executable, "-m", "stratus", "encode", ".", "-o", "../out.parquet", "--workers", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nextid": packed(10**17)}, "rows 61 to 99,999,999,999,999,999 are missing"),
        ({"nextid": packed(10**30)}, "does not say which rows"),
        ({"nextid": packed(-5)}, "does not say which rows"),
        ({"nextid": packed(True)}, "does not say which rows"),
        ({"nextid": b"9" * 5000}, "no JSON"),
        ({"nextid": packed(5000), "4000": packed(SALT)}, "rows 61 to 3,999 are missing"),
        ({"deleted_ids": packed({"a": 1})}, "does not say which rows"),
        ({"deleted_ids": packed([["x"], None, 10**40, 3])}, ""),
        ({"nextid": zlib.compress(b"[" * 200_000)}, "no JSON"),
        ({"nextid": pickle.dumps(61)}, "pickle"),
        ({"0": b"x", "061": b"x", "9" * 30: b"x", "x": b"x"}, ""),
    ],
)
def test_a_store_that_says_nonsense_about_its_rows_is_soon_read(tmp_path, values, said):
    found = outcomes(store(tmp_path / "x.aselmdb", salts(60) | values))
    assert len(found) < 3000
    assert any(said in getattr(one, "detail", said) for one in found)
    if "nextid" not in values and said == "":
        assert sum(isinstance(one, Entry) for one in found) == 60


def test_rows_that_are_missing_are_named_one_by_one_or_together(tmp_path):
    values = salts(60)
    del values["7"], values["8"]
    values |= {"3000": packed(SALT), "nextid": packed(3003), "deleted_ids": packed([8, 3001])}
    found = outcomes(store(tmp_path / "x.aselmdb", values))
    names = [one.id for one in found]
    missing = {one.id: one.detail for one in found if isinstance(one, Reject)}
    assert names == [*(f"x:{n}" for n in range(1, 61) if n != 8), "x:61-2999", "x:3000", "x:3002"]
    assert missing == {
        "x:7": "row 7 is missing",
        "x:61-2999": "the rows 61 to 2,999 are missing",
        "x:3002": "row 3002 is missing",
    }


def test_many_rows_come_in_order_and_none_twice(tmp_path):
    count = 3000
    values = {str(n): packed(SALT | {"energy": n}) for n in range(1, count + 1)}
    path = store(tmp_path / "x.aselmdb", values | {"nextid": packed(count + 1)})
    found = list(records(path, ReadOptions()))
    assert [one.source for one in found] == [f"{path}:{n}" for n in range(1, count + 1)]
    assert [one.payload for one in found] == [values[str(n)] for n in range(1, count + 1)]


def test_a_store_that_is_left_early_leaves_no_process(tmp_path):
    values = {str(n): packed(SALT) for n in range(1, 3000)}
    path = store(tmp_path / "x.aselmdb", values | {"nextid": packed(3000)})
    found = records(path, ReadOptions())
    next(found)
    found.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_store_that_gives_nothing_is_given_up_in_time(tmp_path, monkeypatch):
    from stratus.crystals.reading import lmdb_child

    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(lmdb_child, "__file__", str(slow))
    path = store(tmp_path / "x.aselmdb", salts(3))
    started = time.monotonic()
    (found,) = read(path, timeout_s=0.5)
    assert found.code is Code.TIMEOUT
    assert time.monotonic() - started < 20
