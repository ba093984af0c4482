"""LMDB stores: ASE's are read, pickles and what is cut off are refused with a sentence."""

from __future__ import annotations

import gzip
import json
import pickle
import zlib

import numpy as np
import pytest
from ase import Atoms
from ase.io.jsonio import encode

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import read
from stratus.errors import InputError

lmdb = pytest.importorskip("lmdb")

CELL = [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]
SALT = {"numbers": [11, 17], "positions": [[0, 0, 0], [2.0, 2, 2]], "cell": CELL, "pbc": [True] * 3}


def store(path, values: dict[str, bytes]):
    with lmdb.open(str(path), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as rows:
        for key, value in values.items():
            rows.put(key.encode(), value)
    return path


def packed(value) -> bytes:
    return zlib.compress(json.dumps(value).encode())


def ase_store(path, rows: list, deleted=()):
    values = {str(n): packed(row) for n, row in enumerate(rows, start=1) if n not in deleted}
    return store(
        path, values | {"nextid": packed(len(rows) + 1), "deleted_ids": packed(list(deleted))}
    )


def test_rows_come_in_the_order_of_their_numbers_with_labels(tmp_path):
    rows = [SALT | {"energy": -n, "data": {"sid": f"omat-{n}", "more": [1]}} for n in range(12)]
    rows[3] = SALT | {"key_value_pairs": {"gap": 0.5}}
    found = list(read(ase_store(tmp_path / "x.aselmdb", rows, deleted=[2])))
    expected = [0, *range(2, 12)]
    names = [f"omat-{n}" if n != 3 else "x:4" for n in expected]
    assert [entry.id for entry in found] == names
    assert found[0].labels.pop("more").tolist() == [1]
    assert dict(found[0].labels) == {"sid": "omat-0", "energy": 0}
    assert dict(found[2].labels) == {"gap": 0.5}
    assert np.allclose(found[0].frac_coords, [[0] * 3, [0.5] * 3])
    assert found[1].source.endswith("x.aselmdb:3")


def test_arrays_are_read_as_ase_encodes_them(tmp_path):
    atoms = Atoms("NaCl", positions=[[0, 0, 0], [2.0, 2, 2]], cell=[4, 4, 4], pbc=[1, 1, 0])
    row = {"numbers": atoms.numbers, "positions": atoms.positions}
    row |= {"cell": atoms.cell, "pbc": atoms.pbc}
    values = {"1": zlib.compress(encode(row).encode()), "nextid": packed(2)}
    (found,) = read(store(tmp_path / "x.aselmdb", values))
    assert (found.numbers.tolist(), found.lattice.tolist()) == ([11, 17], CELL)
    assert found.notes == (
        "periodic along a and b alone; read as a crystal in all three directions",
    )


def test_what_the_database_of_ase_writes_is_read(tmp_path):
    pytest.importorskip("ase_db_backends")
    from ase.db import connect

    with connect(tmp_path / "x.aselmdb", type="aselmdb") as database:
        for size in (4.0, 5.0, 6.0):
            atoms = Atoms("CsCl", scaled_positions=[[0] * 3, [0.5] * 3], cell=[size] * 3, pbc=True)
            database.write(atoms, material_id=f"mp-{size:g}", data={"sid": "s", "forces": [1.0]})
    found = list(read(tmp_path))
    assert [entry.id for entry in found] == ["mp-4", "mp-5", "mp-6"]
    assert [entry.lattice[0, 0] for entry in found] == [4.0, 5.0, 6.0]


@pytest.mark.parametrize("compress", [bytes, zlib.compress])
def test_pickles_are_refused_and_never_loaded(tmp_path, compress):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trap"), "w"))

    values = {str(n): compress(pickle.dumps(Trap())) for n in range(3)}
    (found,) = read(store(tmp_path / "x.lmdb", values))
    assert found.code == Code.NOT_A_STRUCTURE
    assert "3 entries are Python pickles" in found.detail
    assert "Convert a pickled LMDB" in found.detail
    assert not (tmp_path / "trap").exists()


def test_a_pickle_among_good_rows_is_a_reject(tmp_path):
    good, bad = packed(SALT), pickle.dumps({"a": 1})
    values = {"1": good, "2": bad, "3": good, "nextid": packed(4)}
    found = list(read(store(tmp_path / "x.lmdb", values)))
    assert [type(one) for one in found] == [Entry, Reject, Entry]


@pytest.mark.parametrize("name", ["alexandria", "carolina_db", "colabfit", "lips", "nomad", "oqmd"])
def test_the_real_stores_of_matsciml_are_refused(data_dir, tmp_path, name):
    packed_file = data_dir / "matsciml_devsets" / "raw_pickled_lmdb" / f"{name}_devset.lmdb.gz"
    (inside,) = read(packed_file)
    assert "cannot be read out of an archive or a compressed file" in inside.detail
    (tmp_path / f"{name}.lmdb").write_bytes(gzip.decompress(packed_file.read_bytes()))
    (found,) = read(tmp_path / f"{name}.lmdb")
    assert "are Python pickles, which run code when they are read" in found.detail


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (packed({"a": 1}), Code.NOT_A_STRUCTURE),
        (packed(SALT | {"cell": [[0, 0, 0]] * 3}), Code.NOT_A_STRUCTURE),
        (packed(SALT | {"numbers": [11]}), Code.UNREADABLE),
        (packed(SALT | {"numbers": [11, 0]}), Code.DUMMY_SPECIES),
        (packed(SALT | {"positions": {"__ndarray__": []}}), Code.UNREADABLE),
        (packed(SALT)[:-9], Code.UNREADABLE),
        (b"what?", Code.UNREADABLE),
        (None, Code.UNREADABLE),
    ],
)
def test_a_bad_row_costs_itself_alone(tmp_path, row, code):
    values = {"1": packed(SALT), "2": row, "3": packed(SALT), "nextid": packed(4)}
    values = {key: value for key, value in values.items() if value is not None}
    found = list(read(store(tmp_path / "x.aselmdb", values)))
    assert [getattr(one, "code", None) for one in found] == [None, code, None]


def test_a_store_that_is_cut_off_is_refused_before_it_is_looked_into(tmp_path):
    path = ase_store(tmp_path / "x.aselmdb", [SALT] * 500)
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    (found,) = read(path)
    assert "the store is cut off" in found.detail


def test_what_is_no_store_is_refused_and_a_folder_with_one_is_read(tmp_path):
    (tmp_path / "bad.lmdb").write_bytes(b"no store" * 2000)
    with lmdb.open(str(tmp_path / "set"), map_size=1 << 20) as env, env.begin(write=True) as rows:
        rows.put(b"a", packed(SALT))
    found = list(read(tmp_path))
    assert [getattr(one, "code", None) for one in found] == [Code.UNREADABLE, None]
    assert "is no LMDB store" in found[0].detail
    with pytest.raises(InputError):
        list(read(tmp_path / "absent.lmdb"))
