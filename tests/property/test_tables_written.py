"""A table is written as it was given, in every format, and nothing of the user's is lost."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stratus.corpora.encoding.rows import safe_text
from stratus.inference.columns import OWN, Column, own_cells
from stratus.inference.kept_columns import KeptColumns
from stratus.inference.row import Row
from stratus.inference.table_files import SUFFIXES, sidecar, table_file

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra excel)")

EVERY = settings(
    max_examples=200, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
COLUMNS = (
    Column("id"), Column("space_group", "whole"), Column("gap", "number", "eV", "PBE"),
)  # fmt: skip
TEXTS = st.text(
    st.sampled_from("=+-@'a1 ,;|\t\"\nÅ") | st.characters(codec="utf-8", min_codepoint=32),
    max_size=12,
).filter(lambda text: text.isprintable() or "\n" in text or "\t" in text)
NUMBERS = st.floats(width=32) | st.just(math.nan)
ROWS = st.lists(
    st.tuples(TEXTS.filter(bool), st.none() | st.integers(1, 230), NUMBERS), min_size=1, max_size=6
)  # fmt: skip


def back(path) -> list[list]:
    """Read a table; numbers as numbers, nothing as None."""
    if path.suffix == ".parquet":
        return [list(row.values()) for row in pq.read_table(path).to_pylist()]
    if path.suffix == ".xlsx":
        sheet = openpyxl.load_workbook(path).worksheets[0]
        return [list(row) for row in sheet.iter_rows(min_row=2, values_only=True)]
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.reader(file))[1:]
    return [list(json.loads(line).values()) for line in path.read_text("utf-8").splitlines()]


@EVERY
@given(ROWS, st.sampled_from(SUFFIXES), st.sampled_from((None, 3)))
def test_what_is_written_is_what_is_read(tmp_path, rows, suffix, digits):
    path = tmp_path / f"t{suffix}"
    with table_file(path, COLUMNS, {"model": "m"}, digits=digits) as write:
        write(rows)
    found = back(path)
    assert [row[0] or "" for row in found] == [row[0] for row in rows]
    assert [row[1] or None for row in found] == [
        row[1] if suffix != ".csv" or row[1] is None else str(row[1]) for row in rows
    ]
    gaps = [math.nan if row[2] in {None, ""} else float(row[2]) for row in found]
    np.testing.assert_allclose(
        gaps, [row[2] for row in rows], rtol=1e-8 if digits is None else 6e-3
    )
    if digits is None:
        np.testing.assert_array_equal(np.float32(gaps), np.float32([row[2] for row in rows]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_unit_and_functional_stand_in_the_metadata(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    with table_file(path, COLUMNS, {"model": "m"}) as write:
        write([["a", 1, 0.5]])
    if suffix == ".xlsx":
        about = openpyxl.load_workbook(path)["about"]
        rows = list(about.iter_rows(values_only=True))
        assert rows[0][:2] == ("model", "m")
        assert ("gap", "eV", "PBE") in rows
        return
    beside = sidecar(path)
    if beside is None:
        schema = pq.read_schema(path)
        text = schema.metadata[b"stratus"]
        assert schema.field("gap").metadata == {b"unit": b"eV", b"functional": b"PBE"}
    else:
        text = beside.read_text("utf-8")
    found = json.loads(text)
    assert found["model"] == "m"
    assert found["columns"]["gap"] == {"unit": "eV", "functional": "PBE"}


@EVERY
@given(st.lists(TEXTS.filter(bool), min_size=1, max_size=5), st.sampled_from((".csv", ".xlsx")))
def test_safe_cells_hold_no_formula_and_every_text_can_be_had_back(tmp_path, texts, suffix):
    path = tmp_path / f"t{suffix}"
    with table_file(path, [Column("id"), Column("own")], safe=True) as write:
        write([text, "-1.5"] for text in texts)
    for row, text in zip(back(path), texts, strict=True):
        found = row[0] or ""
        assert row[1] == "-1.5", "a number is no formula"
        assert found in {text, f"'{text}"}
        assert not found.startswith(("=", "+", "-", "@", "\t")) or safe_text(found) == found
        if found.startswith(("=", "@")):
            pytest.fail(f"{found!r} would be run")


OWN_VALUES = (
    st.none() | TEXTS | st.integers(-(10**15), 10**15) | st.floats(-1e9, 1e9) | st.booleans()
)


@EVERY
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(("gap", "id", "label_id", "Formula", "notes", "über", "x y", "")),
            OWN_VALUES, max_size=5,
        ),
        min_size=1, max_size=5,
    ),
    st.sampled_from((".csv", ".parquet")),
)  # fmt: skip
def test_the_users_columns_are_kept_and_none_takes_the_place_of_ours(tmp_path, rows, suffix):
    header = [*OWN, COLUMNS[2]]
    with KeptColumns(column.name for column in header) as kept:
        for number, own in enumerate(rows):
            kept.add([*own_cells(Row(f"c{number}", None)), 0.5], own)
        columns = [*OWN, *kept.columns(), COLUMNS[2]]
        with table_file(tmp_path / f"t{suffix}", columns) as write:
            write(kept.lines(len(OWN)))
    names = [column.name for column in columns]
    assert len(set(names)) == len(names)
    seen = list(dict.fromkeys(name for own in rows for name in own))
    for number, (line, own) in enumerate(zip(back(tmp_path / f"t{suffix}"), rows, strict=True)):
        assert line[0] == f"c{number}"
        assert float(line[-1]) == 0.5
        for name, cell in zip(seen, line[len(OWN) : -1], strict=True):
            value = own.get(name)
            if value is None or value == "":
                assert cell in {None, ""}
            elif suffix == ".csv" or isinstance(cell, str):
                assert cell == str(value)
            else:
                assert cell == float(value) if not isinstance(value, bool) else str(value)
