"""Whatever is given to a model, the answer is a row, a reject with a code, or one sentence."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Molecule

import stratus
from stratus.crystals.entry import Code
from stratus.crystals.facets import Facet, ReadFacet
from stratus.crystals.reading.sources import is_path
from stratus.errors import InputError
from stratus.inference.inputs import PredictOptions, rows

HERE = PredictOptions(workers=0)


def no_path(text: str) -> bool:
    """Whether a text names nothing here: a folder such as ``/`` holds much."""
    return not is_path(text.strip()) and not is_path(text)


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20).filter(no_path),
    st.binary(max_size=20),
    st.sampled_from([pd.NA, pd.NaT, np.float32("nan"), np.str_("NaCl"), np.bytes_(b"NaCl"),
                     np.int64(3), decimal.Decimal(1), dt.date(2020, 1, 1), object, print,
                     1j, range(3), uuid4(), Path("/dev/null"), Path("no/where"),
                     Composition({}), Atoms(), Atoms("H"), Atoms("X", cell=[1, 1, 1], pbc=True),
                     Molecule(["H"], [[0, 0, 0]]), np.zeros((2, 2)), np.array("NaCl")]),
    st.text("NaClOFe0123456789()[]{}.·|* \n\t-+_/", max_size=40).filter(no_path),
    st.sampled_from(["i1", "|", "[MASK]", "Na", "1", "4a", "2"]).flatmap(
        lambda word: st.lists(st.just(word) | st.sampled_from(["|", "Na", "1", "[MASK]"]),
                              max_size=12).map(" ".join)
    ),
)  # fmt: skip
KEYS = st.sampled_from(
    ["sites", "lattice", "species", "coords", "frac_coords", "structure", "cif", "@class", "Na",
     "lattice_mat", "elements", "matrix", "label", "abc", "element", "occu", "data", ""]
)  # fmt: skip
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


STRINGS = ReadFacet(Facet.SCOPE, "orbit")
READS = st.sampled_from([STRINGS, ReadFacet(Facet.ATOMS, None)])


def fates(inputs: object, reads: ReadFacet = STRINGS) -> list[Code | None]:
    """Return the code of each row of some inputs, None where it is a crystal."""
    found = []
    for row in rows(inputs, reads, HERE):
        assert (row.crystal is None) != (row.reject is None)
        assert isinstance(row.id, str)
        if row.reject is not None:
            detail = row.reject.detail
            assert row.reject.code in set(Code)
            assert row.reject.code is not Code.CRASHED, detail
            assert 0 < len(detail) <= 1100
        found.append(None if row.reject is None else row.reject.code)
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(NESTED, max_size=4), READS)
def test_any_values_in_a_list_have_a_row_each(values, reads):
    places = {row.place for row in rows(values, reads, HERE)}
    tables = {k for k, value in enumerate(values) if isinstance(value, pd.DataFrame)}
    assert places | tables == set(range(len(values)))
    fates(values, reads)


@settings(max_examples=40, deadline=None)
@given(NESTED, READS)
def test_any_value_alone_has_rows_or_a_sentence(value, reads):
    try:
        fates(value, reads)
    except InputError as error:
        assert 0 < len(str(error)) < 2000  # noqa: PT017 - some values have rows, and then none is


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["scope", "formula", "Formula", "space_group", "cif", "structure", "id",
                         "lattice", "species", "frac_coords", "dialect", "x"]),
        st.lists(NESTED, min_size=3, max_size=3),
        max_size=4,
    ),
    READS,
)  # fmt: skip
def test_any_table_of_pandas_has_a_row_each_or_a_sentence(columns, reads):
    frame = pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})
    try:
        fates(frame, reads)
    except InputError as error:
        assert 0 < len(str(error)) < 2000  # noqa: PT017 - as above


def deep(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels):
        value = {"structure": value, "data": [value]}
    return value


def endless() -> dict[str, object]:
    value: dict[str, object] = {}
    value["structure"] = value
    return value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("A" * 10_000_000, Code.BAD_FORMULA),
        (" | ".join(["Na 1"] * 300_000), Code.UNREADABLE),
        ("data_x\n" + "_cell_length_a 1\n" * 200_000, Code.NOT_A_STRUCTURE),
        ("[" * 100_000 + "\n", Code.BAD_FORMULA),
        ("{" * 100_000, Code.UNREADABLE),
        ("/" * 5000, Code.UNREADABLE),
        ("a\0b.cif", Code.UNREADABLE),
        ("\ud800", Code.BAD_FORMULA),
        (deep(100), Code.UNREADABLE),
        (deep(10_000), Code.UNREADABLE),
        (endless(), Code.UNREADABLE),
        ({"sites": [], "lattice": {"matrix": np.eye(3).tolist()}}, Code.NO_ATOMS),
        ({"Na": float("inf")}, Code.BAD_FORMULA),
        ({"Na": float("nan")}, Code.BAD_FORMULA),
        ({"Na": -1}, Code.BAD_FORMULA),
    ],
    ids=range(15),
)
def test_huge_and_deep_values_are_rejects_with_a_short_reason(value, code):
    assert fates([value]) == [code]


def test_duplicated_labels_and_columns_are_no_trouble():
    series = pd.Series(["NaCl", None, "NaCl"], index=[1, 1, None])
    assert fates(series) == [None, Code.UNREADABLE, None]
    table = pd.DataFrame([["NaCl", "KCl"]], columns=["formula", "formula"])
    assert fates(table) == [Code.UNREADABLE]
    several = pd.DataFrame({"formula": ["NaCl"]}, index=pd.MultiIndex.from_tuples([("a", 1)]))
    assert [row.id for row in rows(several, STRINGS, HERE)] == ["('a', 1)"]


def test_empty_inputs_have_no_rows():
    for nothing in ([], (), iter([]), np.array([]), pd.Series([], dtype=object), set()):
        assert fates(nothing) == []
    assert stratus.load("bundled").predict([]).to_pandas().empty
