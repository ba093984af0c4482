"""What stands where a file of crystals is expected, and is none: a reject at once, never a wait."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time

import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import read

ENDINGS = ("cif", "vasp", "csv", "json", "jsonl", "xyz", "zip", "tar.gz", "db", "parquet", "xlsx",
           "lmdb", "gz", "unknown")  # fmt: skip
LONGEST_S = 20.0


def put(path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to({"device": "/dev/zero", "nothing": "nowhere", "itself": path}[kind])


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_no_file_is_a_reject_in_a_folder_and_by_itself(tmp_path, cif, ending):
    started = time.monotonic()
    (tmp_path / "good.cif").write_text(cif("Na"))
    for kind in ("pipe", "device", "nothing", "itself"):
        put(tmp_path / f"{kind}.{ending}", kind)
    found = list(read(tmp_path))
    assert [type(one) for one in found].count(Entry) == 1
    refused = [one for one in found if isinstance(one, Reject)]
    assert len(refused) == 4
    assert {one.code for one in refused} == {Code.UNREADABLE}
    for kind in ("pipe", "device"):
        (one,) = read(tmp_path / f"{kind}.{ending}")
        assert "is no plain file" in one.detail
    assert time.monotonic() - started < LONGEST_S


@pytest.fixture
def cif():
    """CIF text of a caesium chloride of the element given."""
    return lambda name: (
        f"data_x\n_cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n"
        "_cell_angle_beta 90\n_cell_angle_gamma 90\nloop_\n_atom_site_label\n_atom_site_fract_x\n"
        f"_atom_site_fract_y\n_atom_site_fract_z\n{name}1 0 0 0\nCl1 0.5 0.5 0.5\n"
    )


@pytest.mark.parametrize("command", ["encode", "predict"])
def test_a_command_does_not_wait_for_a_pipe(tmp_path, command):
    os.mkfifo(tmp_path / "x.cif")
    done = subprocess.run(
        [sys.executable, "-m", "stratus", command, "x.cif", "-o", "out.csv", "--workers", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode in {0, 1}
    assert "Traceback" not in done.stderr
    assert "unexpected" not in done.stderr


def test_a_folder_that_is_deeper_than_any_is_a_reject(tmp_path, cif):
    deep = tmp_path.joinpath(*"d" * 150)
    deep.mkdir(parents=True)
    (deep / "lost.cif").write_text(cif("Na"))
    (tmp_path / "z.cif").write_text(cif("Na"))
    found = list(read(tmp_path))
    assert [type(one) for one in found] == [Reject, Entry]
    assert "more than 100 folders deep" in found[0].detail


# ----------------------------------------------------------------------------------- ASE databases

HOSTILE_SCHEMAS = {
    "a view without end": "CREATE VIEW systems AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL "
    "SELECT x + 1 FROM c) SELECT x AS id, x AS numbers, x AS cell, x AS positions, 7 AS pbc, '' AS "
    "key_value_pairs FROM c",
    "a column of gigabytes": "CREATE TABLE systems (id, numbers AS (zeroblob(1000000000)), cell, "
    "positions, pbc, key_value_pairs)",
    "no table": "CREATE TABLE other (id)",
    "other columns": "CREATE TABLE systems (id)",
}


@pytest.mark.parametrize("what", HOSTILE_SCHEMAS)
def test_a_database_that_works_its_rows_out_is_refused(tmp_path, what):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as made:
        made.execute(HOSTILE_SCHEMAS[what])
        if "gigabytes" in what:
            made.execute("INSERT INTO systems (id) VALUES (1)")
    made.close()
    started = time.monotonic()
    (one,) = read(path)
    assert one.code is Code.UNREADABLE
    assert "no ASE database" in one.detail
    assert time.monotonic() - started < LONGEST_S


def test_mutated_databases_end_in_entries_and_rejects(tmp_path):
    from ase import Atoms
    from ase.db import connect

    path = tmp_path / "x.db"
    with connect(path, append=False) as database:
        for size in range(4, 12):
            atoms = Atoms("CsCl", scaled_positions=[[0] * 3, [0.5] * 3], cell=[size] * 3, pbc=True)
            database.write(atoms, key_value_pairs={"gap": 0.5})
    whole = path.read_bytes()
    assert len(list(read(path))) == 8
    rng = random.Random(4)
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 5, 60])):
            data[rng.randrange(100, len(data))] = rng.randrange(256)
        path.write_bytes(data)
        started = time.monotonic()
        for one in read(path):
            assert not isinstance(one, Reject) or (one.detail and "\n" not in one.detail)
        assert time.monotonic() - started < LONGEST_S
