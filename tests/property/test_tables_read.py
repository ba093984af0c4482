"""A table is read as it was written, whatever its separator, encoding, decimal sign and header."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.entry import Reject
from stratus.crystals.reading import ReadOptions, records
from stratus.crystals.reading.column_names import find_column, plain_name
from stratus.errors import InputError

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl is not installed (extra excel)")

EVERY = settings(
    max_examples=200, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
FORMULAS = ("NaCl", "NaN", "Ca(NO3)2", "Fe2O3", "LiFePO4", "MgO", "NO", "InN")
TEXTS = st.text(
    st.sampled_from("aZ09 ,;|\t\"'=-+.\nÅéß–") | st.characters(codec="latin-1", min_codepoint=32),
    max_size=12,
).filter(lambda text: "\x7f" not in text and not any("\x80" <= c < "\xa0" for c in text))


@st.composite
def names(draw, name: str) -> str:
    """A name in any case, with blanks around it, and for an underscore perhaps one in it."""
    written = "".join(draw(st.sampled_from((c, c.upper()))) for c in name)
    if draw(st.booleans()):
        written = written.replace("_", " ")
    return draw(st.sampled_from(("", " "))) + written + draw(st.sampled_from(("", " ", "  ")))


@st.composite
def tables(draw) -> tuple[list[str], list[list]]:
    header = [draw(names(name)) for name in ("id", "formula", "band_gap", "remarks")]
    numbers = st.none() | st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.6g}"))
    rows = draw(
        st.lists(
            st.tuples(st.just(""), st.sampled_from(FORMULAS), numbers, TEXTS),
            min_size=1, max_size=8,
        )
    )  # fmt: skip
    rows = [[f"row {n}", *row[1:]] for n, row in enumerate(rows)]
    rows[0][2] = rows[0][2] or 1.5  # one label at least
    return header, rows


def written(path: Path, header: list[str], rows: list[list], how: tuple[str, str, bool]) -> Path:
    """Write a table as text, with a separator, in an encoding, with a decimal comma or not."""
    separator, encoding, comma = how
    to = io.StringIO(newline="")
    writer = csv.writer(to, delimiter=separator)
    writer.writerow(header)
    for name, formula, gap, text in rows:
        number = "" if gap is None else repr(gap)
        writer.writerow([name, formula, number.replace(".", ",") if comma else number, text])
    mark = b"\xff\xfe" if encoding == "UTF-16-LE" else b""
    content = mark + to.getvalue().encode(encoding)
    assume(encoding != "latin-1" or not letters_of_utf8(content))  # it cannot be told what is meant
    path.write_bytes(content)
    return path


def letters_of_utf8(content: bytes) -> bool:
    """Whether bytes are a letter of UTF-8 too, as ``Â`` and a hard blank in Latin-1 are."""
    return any(
        c >= "\x80" and not "\udc80" <= c <= "\udcff"
        for c in content.decode("utf-8", errors="surrogateescape")
    )


def check(path: Path, rows: list[list]) -> None:
    [record] = records([path], ReadOptions(structure_column="formula"))
    batch, columns = record.payload.batch, record.payload.columns
    remarks = batch.column(find_column("remarks", batch.schema.names, "t")).to_pylist()
    assert batch.column(columns.id).to_pylist() == [row[0] for row in rows]
    assert batch.column(columns.structure).to_pylist() == [row[1] for row in rows]
    assert [text or "" for text in remarks] == [row[3] for row in rows]
    table = read_labelled(path, ["band_gap"])
    assert table.ids == tuple(row[0] for row in rows)
    gaps = [np.nan if row[2] is None else row[2] for row in rows]
    np.testing.assert_array_equal(table.labels[:, 0], gaps)


HOW = st.sampled_from(
    [
        (separator, encoding, comma)
        for separator in (",", ";", "\t", "|")
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "UTF-16-LE",
                         "latin-1")
        for comma in ((False, True) if separator == ";" else (False,))
    ]
)  # fmt: skip


@EVERY
@given(tables(), HOW, st.sampled_from(("t.csv", "t.tsv", "t.txt")))
def test_a_text_is_read_as_it_was_written(tmp_path, table, how, name):
    header, rows = table
    if how[1] == "latin-1":
        rows = [[*row[:3], row[3].encode("latin-1", "ignore").decode("latin-1")] for row in rows]
    check(written(tmp_path / name, header, rows, how), rows)


@settings(EVERY, max_examples=100)
@given(tables(), st.sampled_from(("t.xlsx", "t.parquet")))
def test_workbooks_and_parquet_are_read_as_they_were_written(tmp_path, table, name):
    header, rows = table
    path = tmp_path / name
    if name == "t.parquet":
        columns = list(zip(*rows, strict=True))
        gaps = pa.array(columns[2], pa.float64())
        pq.write_table(pa.table([columns[0], columns[1], gaps, columns[3]], header), path)
    else:
        book = openpyxl.Workbook()
        for row in [header, *rows]:
            book.active.append(row)
            for cell in book.active[book.active.max_row]:
                if isinstance(cell.value, str):
                    cell.data_type = "s"  # a text that begins with = is no formula of a sheet
        book.save(path)
    check(path, rows)


@EVERY
@given(st.lists(names("space_group"), min_size=1, max_size=4, unique=True))
def test_an_exact_name_wins_and_two_alike_are_refused_with_both(found):
    assert {plain_name(name) for name in found} == {"space_group"}
    others = ["id", "group", *found]
    assert find_column(found[-1], others, "t.csv") == found[-1]
    if "space_group" in found:
        assert find_column("space_group", others, "t.csv") == "space_group"
    elif len(found) == 1:
        assert find_column("space_group", others, "t.csv") == found[0]
    else:
        with pytest.raises(InputError) as refused:
            find_column("space_group", others, "t.csv")
        assert all(repr(name) in str(refused.value) for name in found)


def test_what_is_not_found_is_named_with_what_would_have_been_taken(tmp_path):
    (tmp_path / "t.csv").write_text("name;stoff\na;NaCl\n")
    [reject] = records([tmp_path / "t.csv"], ReadOptions())
    assert isinstance(reject, Reject)
    for word in ("cif", "structure", "scope", "formula", "composition", "name, stoff"):
        assert word in reject.detail
