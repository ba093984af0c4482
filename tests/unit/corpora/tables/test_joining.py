"""Tables are joined without losing a row, a label, or which class a label means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.read_tables import read_tables
from stratus.corpora.tables.reading import read_labelled
from stratus.corpora.tables.table import Kind
from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.scope import Scope

SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def gaps(tmp_path):
    return write(
        tmp_path / "gaps.csv", f"id,scope,gap,metal,fold\na,{SALT},5,no,0\nb,{SALT},,yes,1\n"
    )


@pytest.fixture
def heats(tmp_path):
    return write(
        tmp_path / "heats.csv", "id,formula,heat,metal,fold\nb,CsI,-3,yes,1\nc,Xx,1,no,0\n"
    )


def test_targets_are_the_union_and_absent_labels_are_absent(gaps, heats):
    table = join_tables(
        {"gaps": read_labelled(gaps, ["gap"]), "heats": read_labelled(heats, ["heat"])}
    )
    assert table.targets == ("gap", "heat")
    np.testing.assert_array_equal(table.labels, [[5, np.nan], [np.nan, np.nan], [np.nan, -3]])
    assert table.details == (Detail.WHOLE, Detail.WHOLE, Detail.FORMULA)
    assert table.rows_in == 4
    assert [r.id for r in table.rejects] == ["c"]


def test_ids_get_the_name_of_their_table_only_where_they_clash(gaps, heats):
    one, other = read_labelled(gaps, ["gap"]), read_labelled(heats, ["heat"])
    assert join_tables({"x": one, "y": other}).ids == ("x/a", "x/b", "y/b")
    assert join_tables({"x": one}).ids == ("a", "b")


def test_files_need_not_have_all_targets(gaps, heats):
    table = read_tables([gaps, heats], ["gap", "heat"], fold_column="fold")
    assert table.ids == ("gaps/a", "gaps/b", "heats/b")
    assert table.splits == ("0", "1", "1")
    assert table.labelled == {"gap": 1, "heat": 1}
    with pytest.raises(InputError, match="no file has the label column 'heta'; did you mean heat"):
        read_tables([gaps, heats], ["gap", "heat", "heta"])
    with pytest.raises(InputError, match=r"gaps.csv has none of the label columns heat"):
        read_tables([gaps, heats], ["heat"])
    with pytest.raises(InputError, match="named twice"):
        read_tables([gaps, gaps], ["gap"])


def test_files_of_one_stem_are_told_apart_by_their_folders(tmp_path, gaps):
    (tmp_path / "other").mkdir()
    twin = write(tmp_path / "other" / "gaps.csv", gaps.read_text(encoding="utf-8"))
    assert len(set(read_tables([gaps, twin], ["gap"]).ids)) == 4


def test_a_class_means_the_same_in_each_table(tmp_path):
    kinds = {"phase": "multiclass"}
    one = write(tmp_path / "one.csv", "formula,phase\nFe,b\nCo,c\n")
    two = write(tmp_path / "two.csv", "formula,phase\nNi,b\nCu,a\nAg,\n")
    table = read_tables([one, two], ["phase"], kinds=kinds)
    assert table.kinds == (Kind.MULTICLASS,)
    assert table.classes == {"phase": ("a", "b", "c")}
    np.testing.assert_array_equal(table.labels[:, 0], [1, 2, 1, 0, np.nan])


def test_tables_that_do_not_fit_are_refused(gaps, heats):
    with pytest.raises(InputError, match="no table"):
        join_tables({})
    binary = {"metal": "binary"}
    one = read_labelled(gaps, ["metal"], kinds=binary)
    many = write(heats.parent / "x.csv", "formula,metal\nFe,yes\nCo,no!\n")
    with pytest.raises(InputError, match="3 classes in all tables together: no, no!, yes"):
        join_tables({"a": one, "b": read_labelled(many, ["metal"], kinds=binary)})
    with pytest.raises(InputError, match="'metal' is binary in a but multiclass in b"):
        join_tables({"a": one, "b": read_labelled(many, ["metal"], kinds={"metal": "multiclass"})})
    with_folds = read_labelled(gaps, ["gap"], fold_column="fold")
    with pytest.raises(InputError, match="b was read without a column of folds"):
        join_tables({"a": with_folds, "b": read_labelled(heats, ["heat"])})
