"""A table of formulas becomes partial strings; what cannot be read is a reject with a code."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.scope import Scope
from stratus.scope.partial import hide, partial_scope

SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_formulas_and_groups_become_partial_strings(tmp_path):
    path = write(
        tmp_path / "t.csv",
        "id,formula,space_group,gap\na,NaCl,225,1\nb,Na0.5Cl0.5,Fm-3m,2\nc,NaCl,,3\n",
    )
    table = read_labelled(path, ["gap"])
    assert table.scopes == (partial_scope("NaCl", 225),) * 2 + (partial_scope("NaCl"),)
    assert table.details == (Detail.SPACE_GROUP, Detail.SPACE_GROUP, Detail.FORMULA)
    assert table.n_atoms.tolist() == [0, 0, 0]
    assert table.is_partial
    assert table.compositions == ("Na 1 Cl 1",) * 3
    np.testing.assert_allclose(table.fractions()[:, [10, 16]], 0.5)


@pytest.mark.parametrize("group", ["space_group", "spg_num", "space_group_number"])
@pytest.mark.parametrize("formula", ["formula", "composition"])
def test_the_usual_names_of_columns_are_found(tmp_path, formula, group):
    path = write(tmp_path / "t.csv", f"{formula},{group},gap\nNa1 Cl1,225,1\n")
    assert read_labelled(path, ["gap"]).scopes == (partial_scope("NaCl", 225),)


def test_columns_of_other_names_are_named(tmp_path):
    path = write(tmp_path / "t.csv", "what,sg,formula,gap\nNaCl,225,Fe,1\n")
    named = {"formula_column": "what", "space_group_column": "sg"}
    assert read_labelled(path, ["gap"], **named).scopes == (partial_scope("NaCl", 225),)
    assert read_labelled(path, ["gap"]).scopes == (partial_scope("Fe"),)
    with pytest.raises(InputError, match="did you mean what"):
        read_labelled(path, ["gap"], formula_column="waht")
    with pytest.raises(InputError, match="no column 'sgg'; did you mean sg"):
        read_labelled(path, ["gap"], space_group_column="sgg")
    with pytest.raises(InputError, match="structures or as formulas"):
        read_labelled(path, ["gap"], structure_column="what", formula_column="formula")
    with pytest.raises(InputError, match="both what is known"):
        read_labelled(path, ["sg"], space_group_column="sg")
    other = write(tmp_path / "u.csv", "what,sg,gap\nNaCl,225,1\n")
    with pytest.raises(InputError, match="name it with formula_column"):
        read_labelled(other, ["gap"], space_group_column="sg")


def test_a_space_group_that_is_to_be_learned_is_not_shown(tmp_path):
    path = write(tmp_path / "t.csv", "formula,spg_num\nNaCl,225\nCsI,221\n")
    table = read_labelled(path, ["spg_num"], kinds={"spg_num": "multiclass"})
    assert set(table.details) == {Detail.FORMULA}


def test_sodium_nitride_is_a_formula_and_no_missing_value(tmp_path):
    path = write(tmp_path / "t.csv", "formula,gap\nNaN,NaN\nNaN,1\n")
    table = read_labelled(path, ["gap"])
    assert table.scopes == (partial_scope("NaN"),) * 2
    assert table.compositions[0] == "N 1 Na 1"
    assert [math.isnan(label) for label in table.labels[:, 0]] == [True, False]


def test_what_can_not_be_read_is_a_reject_with_a_code(tmp_path):
    path = write(
        tmp_path / "t.csv",
        "id,formula,space_group,gap\na,NaCl,225,1\nb,Xx2,225,1\nc,NaCl,231,1\nd,,1,1\n"
        "e,NaCl,Fm-3x,1\na,CsI,221,1\nf,nacl,,1\n",
    )
    table = read_labelled(path, ["gap"])
    assert table.ids == ("a",)
    assert [(r.id, r.code.value) for r in table.rejects] == [
        ("b", "bad-formula"), ("c", "bad-space-group"), ("d", "bad-formula"),
        ("e", "bad-space-group"), ("a", "duplicate-id"), ("f", "bad-formula"),
    ]  # fmt: skip
    assert table.rows_in == 7
    assert "'Xx'" in table.rejects[0].detail
    assert "nothing in formula" in table.rejects[2].detail


def test_nulls_and_numbers_of_parquet_are_told_apart(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {
        "formula": ["NaCl", "NaCl", None],
        "spg_num": pa.array([225.0, math.nan, 1.0]),
        "gap": [1.0, 2.0, 3.0],
    }
    pq.write_table(pa.table(columns), path)
    table = read_labelled(path, ["gap"])
    assert table.details == (Detail.SPACE_GROUP, Detail.FORMULA)
    assert [r.code.value for r in table.rejects] == ["bad-formula"]


def test_structures_win_over_a_formula_beside_them(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {
        "formula": ["CsI"],
        "lattice": pa.array([(np.eye(3) * 5.0).ravel().tolist()]),
        "species": ["Na Cl"],
        "frac_coords": pa.array([[0.0, 0, 0, 0.5, 0.5, 0.5]]),
        "gap": [1.0],
    }
    pq.write_table(pa.table(columns), path)
    assert read_labelled(path, ["gap"], workers=0).details == (Detail.WHOLE,)
    formulas = read_labelled(path, ["gap"], formula_column="formula")
    assert formulas.scopes == (partial_scope("CsI"),)


def test_a_table_of_strings_may_hold_partial_ones(tmp_path):
    short = hide(SALT, Detail.SPACE_GROUP)
    wrong = ["[MASK] | [MASK] | Cl 1 Na 1 | [MASK]", "[MASK] | [MASK] | Na 2 Cl 2 | [MASK]"]
    wrong += ["[MASK] | Na 4a | Na 1 | [MASK]", "[MASK] | [MASK] | Na | [MASK]"]
    wrong += ["i0 aODD | [MASK] | Na 1 | [MASK]", "[MASK] | [MASK] | Na 0 | [MASK]"]
    rows = [SALT, short, partial_scope("Fe"), *wrong]
    text = "".join(f"{k},{scope},1\n" for k, scope in enumerate(rows))
    table = read_labelled(write(tmp_path / "t.csv", "id,scope,gap\n" + text), ["gap"])
    assert table.scopes == (SALT, short, partial_scope("Fe"))
    assert table.n_atoms.tolist() == [2, 0, 0]
    assert table.details == (Detail.WHOLE, Detail.SPACE_GROUP, Detail.FORMULA)
    assert [r.code.value for r in table.rejects] == ["unreadable"] * len(wrong)
    assert "write '[MASK] | [MASK] | Na 1 Cl 1 | [MASK]'" in table.rejects[0].detail


def test_a_label_of_a_cell_needs_the_atoms_of_the_cell(tmp_path):
    text = f"id,scope,heat,gap\na,{SALT},1,1\nb,{partial_scope('Fe')},,2\n"
    table = read_labelled(write(tmp_path / "t.csv", text), ["heat", "gap"])
    table.require_atoms("heat")
    with pytest.raises(InputError, match=r"row 1 \(id 'b'\) only the formula is known"):
        table.require_atoms("gap")


def test_formation_energies_of_matbench_are_read_in_seconds(data_dir):
    path = data_dir / "matbench_labels" / "matbench_mp_e_form.parquet"
    begun = time.process_time()
    table = read_labelled(path, ["e_form"], fold_column="fold")
    assert (len(table), len(table.rejects)) == (132_752, 0)
    assert set(table.details) == {Detail.SPACE_GROUP}
    assert time.process_time() - begun < 30


def test_what_was_joined_in_formulas_is_logged(tmp_path, caplog):
    path = tmp_path / "t.csv"
    path.write_text("formula,gap\nNaCl,5\nNa2S.9H2O,1\nCoCl2.6NH3,2\n", encoding="utf-8")
    table = read_labelled(path, ["gap"])
    assert table.scopes[1] == partial_scope("Na2S(H2O)9")
    (record,) = caplog.records
    assert "Na2S + 9 H2O (1 of 2 such rows here)" in record.getMessage()
