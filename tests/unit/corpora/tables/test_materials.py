"""Rows of one material stay together, whichever column says it; where none does, neighbours do."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.tables.disjoint import check_disjoint
from stratus.corpora.tables.folds import from_column, kfold, with_validation_share, without_test
from stratus.corpora.tables.grouping import Group, usual_group
from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.read_tables import read_tables
from stratus.corpora.tables.reading import read_crystals, read_labelled
from stratus.errors import InputError
from stratus.scope import Scope

SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))


def write(path, rows: int, species=("Na", "Cl"), **columns):
    """Write frames of a cell of two atoms, the second a little further each time."""
    frac = [[0, 0, 0, 0.5, 0.5, 0.5 + k / 1000] for k in range(rows)]
    table = {
        "lattice": [(np.eye(3) * 4.0).ravel().tolist()] * rows,
        "species": [list(species)] * rows if isinstance(species[0], str) else species,
        "frac_coords": frac,
        "energy": [-float(k) for k in range(rows)],
        **columns,
    }
    pq.write_table(pa.table(table), path)
    return path


def atoms(path, **options):
    return read_labelled(path, ["energy"], facets=["atoms"], workers=0, **options)


def neighbours(fold) -> int:
    """Count the rows to learn from whose neighbour is a row of another part."""
    train = set(fold.train.tolist())
    others = {*fold.validation.tolist(), *fold.test.tolist()}
    return sum(len({row - 1, row + 1} & others) for row in train)


def pieces(rows) -> int:
    return int((np.diff(np.sort(rows)) > 1).sum()) + 1


def test_a_well_known_column_that_repeats_says_the_material(tmp_path):
    names = [f"mp-{k // 4}" for k in range(40)]
    path = write(tmp_path / "t.parquet", 40, id=[f"f{k}" for k in range(40)], material_id=names)
    table = atoms(path)
    assert table.ids[:2] == ("f0", "f1")
    assert table.keys == tuple(names)
    assert table.key_name == "material (material_id)"
    for fold in kfold(table, 5, 0):
        overlap = check_disjoint(fold, table)
        assert (overlap.test_rows, overlap.train_validation) == (0, 0)
        assert overlap.test_formula == len(fold.test)  # all are NaCl


def test_a_material_that_would_be_the_id_loses_no_row(tmp_path):
    names = ["mp-1", "mp-1", "mp-2", "mp-1", "mp-2", "mp-3"]
    table = atoms(write(tmp_path / "t.parquet", 6, material_id=names))
    assert table.ids == ("mp-1", "mp-1:1", "mp-2", "mp-1:3", "mp-2:4", "mp-3")
    assert table.materials == tuple(names)
    assert not table.rejects
    np.testing.assert_array_equal(table.labels[:, 0], -np.arange(6.0))


def test_a_material_that_never_repeats_is_only_an_id(tmp_path):
    table = atoms(write(tmp_path / "t.parquet", 3, material_id=["a", "b", "c"]))
    assert table.ids == ("a", "b", "c")
    assert table.materials == ()
    assert table.keys == ("Na 1 Cl 1",) * 3 == table.compositions
    assert table.key_name == "composition"


def test_an_id_that_was_named_may_not_repeat(tmp_path):
    path = write(tmp_path / "t.parquet", 3, material_id=["a", "a", "c"])
    table = atoms(path, id_column="material_id")
    assert table.ids == ("a", "c")
    assert [reject.code.value for reject in table.rejects] == ["duplicate-id"]


def test_strings_beside_atoms_are_their_keys(tmp_path):
    other = str(Scope.from_orbits(221, [("Na", "a"), ("Cl", "b")]))
    scopes = [SALT, other, SALT, SALT]
    table = atoms(write(tmp_path / "t.parquet", 4, scope=scopes))
    assert table.keys == tuple(scopes)
    assert table.key_name == "material (scope)"
    assert all(crystal.scope is None for crystal in table.crystals)


def test_a_column_that_is_named_wins(tmp_path):
    path = write(
        tmp_path / "t.parquet", 4, scope=[SALT] * 4, material_id=["a", "a", "b", "b"],
        run=[7, 8, 8, 9], own=list("pqrs"),
    )  # fmt: skip
    assert atoms(path, material_column="Run").keys == ("7", "8", "8", "9")
    assert atoms(path).keys == ("a", "a", "b", "b")
    assert read_labelled(path, ["energy"]).ids == ("a", "b")  # strings: an id is an id
    named = {"id_column": "own"}
    assert read_labelled(path, ["energy"], **named).keys == (SALT,) * 4
    by_run = read_labelled(path, ["energy"], **named, material_column="run")
    assert by_run.keys == ("7", "8", "8", "9")
    with pytest.raises(InputError, match=r"no column 'rum', which is to say the material .* run"):
        atoms(path, material_column="rum")


@pytest.mark.parametrize("facets", [["atoms"], ["scope"]])
def test_the_column_of_the_ids_may_be_named_for_the_material(tmp_path, facets):
    path = write(tmp_path / "t.parquet", 3, scope=[SALT] * 3, key=["a", "a", "b"])
    table = read_labelled(path, ["energy"], facets=facets, workers=0, material_column="key")
    assert table.ids == ("a", "a:1", "b")
    assert table.keys == ("a", "a", "b")


def test_an_empty_cell_is_an_error_where_the_column_was_named(tmp_path, caplog):
    path = write(tmp_path / "t.parquet", 3, id=["x", "y", "z"], material_id=["a", None, "a"])
    with pytest.raises(InputError, match=r"row 1 \(id 'y'\) .* nothing in 'material_id'"):
        atoms(path, material_column="material_id")
    assert atoms(path).materials == ()
    assert "row 1 (id 'y')" in caplog.text
    assert "not used" in caplog.text


def test_frames_of_a_file_say_their_material_too(tmp_path):
    path = tmp_path / "t.extxyz"
    frame = (
        '2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 mp_id=mp-{} energy=-{}\n'
        "Na 0 0 0\nCl 2 2 2.{}\n"
    )
    path.write_text("".join(frame.format(k // 2, k, k) for k in range(6)), encoding="utf-8")
    assert atoms(path).keys == ("mp-0", "mp-0", "mp-1", "mp-1", "mp-2", "mp-2")


def test_joined_tables_keep_materials_of_one_column_alone(tmp_path):
    one = write(tmp_path / "one.parquet", 4, id=list("abcd"), material_id=["x", "x", "y", "y"])
    two = write(tmp_path / "two.parquet", 2, id=list("ef"), material_id=["x", "x"])
    both = read_tables([one, two], ["energy"], facets=["atoms"], workers=0)
    assert both.keys == ("x", "x", "y", "y", "x", "x")
    assert both.material_column == "material_id"
    other = atoms(write(tmp_path / "u.parquet", 2, id=list("gh"), mp_id=["x", "x"]))
    mixed = join_tables({"a": atoms(one), "b": other})
    assert (mixed.materials, mixed.material_column) == ((), None)
    assert mixed.keys == mixed.compositions


@pytest.mark.parametrize("k", [2, 3, 5])
def test_frames_of_few_compositions_are_split_in_blocks_and_that_is_said(tmp_path, caplog, k):
    table = atoms(write(tmp_path / "t.parquet", 100))
    folds = kfold(table, k, 0)
    assert "100 rows have 1 compositions" in caplog.text
    assert "group" in caplog.text
    assert sorted(np.concatenate([fold.test for fold in folds]).tolist()) == list(range(100))
    for number, fold in enumerate(folds):
        rows = np.concatenate(list(fold.parts.values()))
        assert sorted(rows.tolist()) == list(range(100))
        assert pieces(fold.test) == pieces(fold.validation) == 1
        assert fold.test[0] == 100 * number // k or k == 3
        assert len(fold.validation) == -(-(100 - len(fold.test)) // 10)
        assert 1 <= neighbours(fold) <= 2
    by_lot = kfold(table, k, 0, group="none")
    assert min(neighbours(fold) for fold in by_lot) > 10
    caplog.clear()
    kfold(table, k, 0, group="blocks")
    assert not caplog.records


def test_the_rows_to_choose_with_are_a_block_wherever_they_are_drawn(tmp_path, caplog):
    path = write(tmp_path / "t.parquet", 60, fold=["train"] * 40 + ["test"] * 20)
    caplog.set_level(logging.ERROR)
    table = atoms(path, fold_column="fold")
    (official,) = from_column(table)
    assert official.validation.tolist() == [0, 1, 2, 3]  # nothing is behind the test rows
    last = without_test(table, 0, validation=0.2)
    assert last.validation.tolist() == list(range(48, 60))
    first = kfold(table, 3, 0)[0]
    again = with_validation_share(first, table, 0.3, 0)
    assert again.test.tolist() == list(range(20))
    assert again.validation.tolist() == list(range(20, 32))
    assert again.train.tolist() == list(range(32, 60))


def test_enough_compositions_keep_rows_of_one_together(tmp_path, caplog):
    names = ("Li", "Na", "K", "Rb", "Cs")
    species = [[names[k % 5], "Cl"] for k in range(50)]
    table = atoms(write(tmp_path / "t.parquet", 50, species))
    assert usual_group(table, 5) is Group.COMPOSITION
    assert usual_group(table, 6) is Group.BLOCKS
    for fold in kfold(table, 5, 0):
        assert check_disjoint(fold, table).test_formula == 0
    assert not caplog.records


def test_strings_are_never_split_in_blocks_unless_it_is_said(tmp_path, caplog):
    table = read_crystals(write(tmp_path / "t.parquet", 9, scope=[SALT] * 9))
    with pytest.raises(InputError, match="3 folds need at least 3 groups"):
        kfold(table, 3, 0)
    folds = kfold(table, 3, 0, group="blocks")
    assert [fold.test.tolist() for fold in folds] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert not caplog.records


def test_groups_that_need_strings_are_refused_for_atoms(tmp_path):
    table = atoms(write(tmp_path / "t.parquet", 4))
    with pytest.raises(InputError, match="this is one without strings"):
        kfold(table, 2, 0, group="prototype")
