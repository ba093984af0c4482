"""Labelled tables of the paper dialect: read as such when asked, and never mixed with the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.tables.grouping import group_names
from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.reading import read_crystals, read_labelled
from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.scope import Scope, ScopeOptions

PAPER = ScopeOptions(dialect="paper")
SULVANITE = "0 4 b O O O c O O O d O O O l O O O 0 | 1a 3d 4e | Ta 0.12 Cu 0.38 S 0.5"
SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | 4a 4b | Na 0.5 Cl 0.5"
TURNED = SALT.replace("Na 0.5 Cl 0.5", "Cl 0.5 Na 0.5")
ORBIT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))


def write(path: Path, *rows: str, header: str = "id,scope,gap") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def table(tmp_path):
    path = write(tmp_path / "t.csv", f"a,{SULVANITE},1", f"b,{SALT},2", f"c,{TURNED},3")
    return read_labelled(path, ["gap"], scope_options=PAPER)


def test_its_crystals_are_whole_but_their_cells_unknown(table):
    assert table.strings == "paper"
    assert table.scopes == (SULVANITE, SALT, TURNED)
    assert table.details == (Detail.WHOLE,) * 3
    assert not table.is_partial
    assert table.n_atoms.tolist() == table.formula_atoms.tolist() == [0, 0, 0]
    assert [crystal.space_group for crystal in table.crystals] == [215, 225, 225]


def test_its_composition_is_that_of_the_shares_in_whatever_order(table):
    assert table.compositions == ("Cu 0.38 S 0.5 Ta 0.12", *["Cl 0.5 Na 0.5"] * 2)
    shares = table.fractions()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0, [28, 15, 72]], [0.38, 0.5, 0.12])
    np.testing.assert_array_equal(shares[1], shares[2])


def test_rounded_shares_that_miss_one_are_scaled_and_deuterium_is_hydrogen(tmp_path):
    third = SALT.replace("Na 0.5 Cl 0.5", "Na 0.33 D 0.33 H 0.33")
    path = write(tmp_path / "t.csv", f"a,{third},1")
    shares = read_labelled(path, ["gap"], scope_options=PAPER).fractions()
    np.testing.assert_allclose(shares[0, [0, 10]], [2 / 3, 1 / 3])


def test_parts_of_a_table_and_tables_together_keep_the_dialect(table):
    assert table.take([2, 0]).strings == "paper"
    assert join_tables({"x": table, "y": table}).strings == "paper"


def test_two_dialects_are_not_joined(table, tmp_path):
    other = read_labelled(write(tmp_path / "o.csv", f"a,{ORBIT},1"), ["gap"])
    with pytest.raises(InputError, match="dialects orbit and paper; one model reads one"):
        join_tables({"x": table, "y": other})


def test_rows_stay_together_by_string_or_composition_but_not_by_prototype(table):
    first, second, third = group_names(table, "composition")
    assert first != second == third
    assert list(group_names(table, None)) == [SULVANITE, SALT, TURNED]
    for group in ("prototype", "chemical-system"):
        with pytest.raises(InputError, match=f"by {group} in tables of the orbit dialect alone"):
            group_names(table, group)


def test_a_string_of_the_other_dialect_is_a_reject_that_says_so(tmp_path):
    path = write(tmp_path / "t.csv", f"a,{SALT},1", f"b,{ORBIT},2")
    for options, bad, sentence in (
        (PAPER, "b", "it is a string of the orbit dialect, and paper is read here"),
        (None, "a", "it is a string of the paper dialect, and orbit is read here"),
    ):
        read = read_labelled(path, ["gap"], scope_options=options)
        assert [r.id for r in read.rejects] == [bad]
        assert sentence in read.rejects[0].detail
    partial = write(tmp_path / "p.csv", "a,[MASK] | [MASK] | Na 1 Cl 1 | [MASK],1", f"b,{SALT},1")
    [reject] = read_labelled(partial, ["gap"], scope_options=PAPER).rejects
    assert reject.detail.endswith("written in the orbit dialect alone, and paper is read here")
    nonsense = write(tmp_path / "n.csv", "a,Na | Cl,1", f"b,{ORBIT},2")
    assert "dialect" not in read_labelled(nonsense, ["gap"]).rejects[0].detail


def test_a_row_that_says_that_it_is_of_the_other_dialect_stops_it(tmp_path):
    rows = f"a,{ORBIT},orbit,1", f"b,{SALT},paper,1"
    path = write(tmp_path / "t.csv", *rows, header="id,scope,dialect,gap")
    with pytest.raises(InputError, match=r"id 'b'.*of dialect 'paper', but 'orbit' is read here"):
        read_labelled(path, ["gap"])
    with pytest.raises(InputError, match=r"id 'a'.*of dialect 'orbit', but 'paper' is read here"):
        read_labelled(path, ["gap"], scope_options=PAPER)


def test_structures_are_encoded_in_it_and_their_cells_known(example_cifs):
    salt = example_cifs / "rock-salt.cif"
    read = read_crystals(salt, options=EncodeOptions(scope=PAPER, workers=0))
    assert read.strings == "paper"
    assert read.scopes == (SALT,)
    assert read.n_atoms.tolist() == [2]


def test_formulas_can_not_be_written_in_it(tmp_path):
    path = write(tmp_path / "t.csv", "a,NaCl,1", header="id,formula,gap")
    with pytest.raises(InputError, match="formulas, which can be written in the orbit dialect"):
        read_labelled(path, ["gap"], scope_options=PAPER)


@pytest.mark.parametrize("per", ["cell", "formula"])
def test_labels_of_a_number_of_atoms_are_refused_where_it_is_unknown(table, per):
    said = rf"per {per}, but of row 0 \(id 'a'\) only a string is known, not the atoms of its {per}"
    with pytest.raises(InputError, match=said):
        table.require_atoms("gap", per)
