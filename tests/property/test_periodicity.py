"""What is not periodic along every axis carries one note, whatever the format and the spelling."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from stratus.crystals.entry import Entry
from stratus.crystals.reading import ReadOptions, Record, parse, read
from stratus.crystals.reading.table_columns import find_columns
from stratus.crystals.reading.table_rows import TableSlice

EDGE = 4.1
MATRIX = np.eye(3) * EDGE
PLACES = [[0.0] * 3, [EDGE / 2] * 3]

flags = st.tuples(st.booleans(), st.booleans(), st.booleans())
words = st.sampled_from([
    ("T", "F"), ("t", "f"), ("True", "False"), ("true", "false"), ("TRUE", "FALSE"),
    ("1", "0"), (".TRUE.", ".FALSE."), (".true.", ".false."), ("1.0", "0.0"), ("yes", "no"),
])  # fmt: skip
shapes = st.sampled_from([
    '"{} {} {}"', "'{} {} {}'", "{{{} {} {}}}", "[{},{},{}]", "[{}, {}, {}]", '"[{}, {}, {}]"',
    '"{},{},{}"', '"  {}   {} {} "', '"({}, {}, {})"', "[[{}, {}, {}]]", '"{}; {}; {}"',
])  # fmt: skip
keys = st.sampled_from(["pbc", "PBC", "Pbc"])


def notes(record: Record) -> tuple[str, ...]:
    (found,) = parse(record, ReadOptions())
    assert isinstance(found, Entry), found
    assert found.numbers.tolist() == [55, 17]
    return found.notes


def expected(periodic: tuple[bool, ...]) -> tuple[str, ...]:
    along = " and ".join(axis for axis, flag in zip("abc", periodic, strict=True) if flag)
    where = {"a and b and c": None, "": "along no axis"}.get(along, f"along {along} alone")
    if where is None:
        return ()
    return (f"periodic {where}; read as a crystal in all three directions",)


def frame(comment: str) -> Record:
    lattice = " ".join(str(x) for x in MATRIX.ravel())
    head = f'2\nLattice="{lattice}" Properties=species:S:1:pos:R:3 {comment} energy=-1.5\n'
    return Record("x", "x", "extxyz", f"{head}Cs 0 0 0\nCl 2.05 2.05 2.05\n")


@given(flags, words, shapes, keys, st.sampled_from(["=", " = "]))
@settings(max_examples=400)
def test_every_spelling_of_extxyz_is_understood(periodic, word, shape, key, equals) -> None:
    value = shape.format(*(word[0] if flag else word[1] for flag in periodic))
    assert notes(frame(f"{key}{equals}{value}")) == expected(periodic)


@given(flags, st.sampled_from(["TF", "tf", "10"]), st.sampled_from(['"{}"', "{}"]))
def test_flags_without_blanks_are_understood(periodic, signs, shape) -> None:
    value = shape.format("".join(signs[0] if flag else signs[1] for flag in periodic))
    assert notes(frame(f"pbc={value}")) == expected(periodic)


@given(st.booleans(), words, st.sampled_from(['"{}"', "{}", "[{}]"]))
def test_one_flag_stands_for_three(flag, word, shape) -> None:
    value = shape.format(word[0] if flag else word[1])
    assert notes(frame(f"pbc={value}")) == expected((flag,) * 3)


@pytest.mark.parametrize("value", ['"T T"', "maybe", '"T T T T"', "[T,2,F]", '"F F X"'])
def test_what_is_not_understood_is_said(value) -> None:
    (note,) = notes(frame(f"pbc={value}"))
    assert "does not say along which axes it is periodic" in note


def test_a_frame_that_says_nothing_is_a_crystal_without_a_note() -> None:
    assert notes(frame("")) == notes(frame("pbc")) == ()


@given(flags, st.booleans())
@settings(max_examples=60)
def test_objects_rows_and_mappings_carry_the_same_note(periodic, as_numbers) -> None:
    ase = pytest.importorskip("ase")
    atoms = ase.Atoms("CsCl", positions=PLACES, cell=MATRIX, pbc=periodic)
    structure = Structure(
        Lattice(MATRIX, pbc=periodic), ["Cs", "Cl"], PLACES, coords_are_cartesian=True
    )
    for item in (atoms, structure):
        (found,) = read([item])
        assert found.notes == expected(periodic)
    told = [int(flag) for flag in periodic] if as_numbers else list(periodic)
    plain = {"species": ["Cs", "Cl"], "lattice": MATRIX.tolist(), "coords": PLACES, "pbc": told}
    for mapping in (structure.as_dict(), {"structure": structure.as_dict()}, plain):
        assert notes(Record("x", "x", "mapping", mapping)) == expected(periodic)


@given(flags, st.booleans())
@settings(max_examples=60)
def test_rows_of_databases_carry_the_same_note(periodic, as_numbers) -> None:
    told = [int(flag) for flag in periodic] if as_numbers else list(periodic)
    row = {
        "id": 1,
        "numbers": np.array([55, 17], "<i4").tobytes(),
        "cell": MATRIX.tobytes(),
        "positions": np.array(PLACES).tobytes(),
        "pbc": sum(flag << axis for axis, flag in enumerate(periodic)),
        "key_value_pairs": None,
    }
    assert notes(Record("x", "x", "ase_row", row)) == expected(periodic)
    stored = {"numbers": [55, 17], "positions": PLACES, "cell": MATRIX.tolist(), "pbc": told}
    value = zlib.compress(json.dumps(stored).encode())
    assert notes(Record("x", "x", "lmdb_row", value)) == expected(periodic)


@given(flags, st.sampled_from(["TF", "words", "list"]))
@settings(max_examples=60)
def test_rows_of_tables_carry_the_same_note(periodic, shape) -> None:
    value = {
        "TF": "".join("T" if flag else "F" for flag in periodic),
        "words": " ".join(map(str, periodic)),
        "list": list(periodic),
    }[shape]
    batch = pa.RecordBatch.from_pydict({
        "species": [["Cs", "Cl"]] * 2,
        "lattice": [MATRIX.ravel().tolist()] * 2,
        "coords": [[0.0] * 3 + [EDGE / 2] * 3] * 2,
        "pbc": [value, None],
    })  # fmt: skip
    columns = find_columns(batch.schema.names, "t", ReadOptions())
    found = list(
        parse(Record("t", "t", "table", TableSlice(batch, columns, 0, "t")), ReadOptions())
    )
    assert [entry.notes for entry in found] == [expected(periodic), ()]
