"""No crystal is learnt from and tested on; a split has one name for good."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.corpora.tables.disjoint import check_disjoint, digest
from stratus.corpora.tables.folds import Fold, from_column, kfold, without_test
from stratus.corpora.tables.table import Kind, Table
from stratus.crystals.facets import Crystal, Detail
from stratus.errors import InputError
from stratus.scope import Scope
from stratus.scope.dialects import Dialect
from stratus.scope.partial import hide, write_partial

METALS = ("Li", "Na", "K", "Rb", "Cs")
ANIONS = ("F", "Cl", "Br", "I")


def make(rows: int = 60, splits: list[str | None] | None = None) -> Table:
    """Make a table in which strings and compositions come several times."""
    rng = np.random.default_rng(3)
    scopes = []
    for _ in range(rows):
        a, x = rng.choice(METALS), rng.choice(ANIONS)
        letter = rng.choice(["a", "b"])
        scopes.append(f"i0 | {a} 1{letter} {x} 1a | {a} 1 {x} 1 | 2")
    return Table(
        ids=tuple(f"id{i:03d}" for i in range(rows)),
        crystals=Dialect.ORBIT.crystals(tuple(scopes), np.full(rows, 2)),
        targets=("y",),
        kinds=(Kind.REGRESSION,),
        labels=rng.normal(size=(rows, 1)),
        splits=tuple(splits) if splits is not None else None,
    )


def with_scopes(scopes: tuple[str, ...]) -> Table:
    """Make a table of strings; a row has atoms if its string tells them."""
    atoms = [0 if scope.endswith("[MASK]") else 2 for scope in scopes]
    return of(Dialect.ORBIT.crystals(scopes, atoms))


def named(letters: str) -> Table:
    """Make a table of rows whose strings are letters."""
    return of(tuple(Crystal({"Na": 1}, letter, n_atoms=1, formula_atoms=1) for letter in letters))


def of(crystals: tuple[Crystal, ...]) -> Table:
    table = make(len(crystals))
    return Table(table.ids, crystals, table.targets, table.kinds, table.labels)


def as_ids(fold: Fold, table: Table) -> dict[str, set[str]]:
    return {name: {table.ids[r] for r in rows} for name, rows in fold.parts.items()}


@pytest.mark.parametrize("group", ["none", "scope", "composition"])
def test_every_row_is_tested_once_and_groups_stay_together(group):
    table = make()
    folds = kfold(table, 4, 0, group=group)
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested.tolist()) == list(range(60))
    of = {"none": table.ids, "scope": table.scopes, "composition": table.compositions}[group]
    for fold in folds:
        rows = np.concatenate(list(fold.parts.values()))
        assert sorted(rows.tolist()) == list(range(60))
        parts = [{of[r] for r in part} for part in fold.parts.values()]
        assert parts[0].isdisjoint(parts[1] | parts[2])
        assert parts[1].isdisjoint(parts[2])
        assert len(fold.validation) > 0


def test_strings_straddle_folds_where_rows_are_not_grouped():
    table = make()
    overlaps = [check_disjoint(fold, table) for fold in kfold(table, 4, 0, group="none")]
    assert any(overlap.train_test for overlap in overlaps)
    assert not any(check_disjoint(f, table).test_rows for f in kfold(table, 4, 0))


def test_single_rows_make_folds_of_equal_size():
    for fold in kfold(1000, 5, 7):
        assert (len(fold.train), len(fold.validation), len(fold.test)) == (720, 80, 200)


def test_the_seed_decides_and_the_order_of_the_rows_does_not():
    table = make()
    order = np.random.default_rng(1).permutation(60)
    other = table.take(order)
    for group in ("none", "scope", "composition"):
        mine, theirs = kfold(table, 4, 0, group=group), kfold(other, 4, 0, group=group)
        again = kfold(table, 4, 1, group=group)
        for a, b in zip(mine, theirs, strict=True):
            assert as_ids(a, table) == as_ids(b, other)
            assert digest(a, table) == digest(b, other)
        assert as_ids(mine[0], table) != as_ids(again[0], table)


def test_a_split_is_the_same_with_every_version_of_every_library():
    assert kfold(10, 5, 0, validation=0.2)[0].parts["test"].tolist() == [3, 9]
    table = named("ABCDABCD")
    assert digest(kfold(table, 2, 0)[0], table) == (
        "6e2f91b538fcc97e35d16fdc22cc107bda25927dab1228f3ea66e5452442b30b"
    )


def test_no_validation_rows_are_taken_where_none_are_wanted():
    fold = kfold(10, 2, 0, validation=0)[0]
    assert (len(fold.train), len(fold.validation)) == (5, 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rows": 10, "k": 1}, "at least 2"),
        ({"rows": 3, "k": 4}, "at least 4 groups of rows, but there are 3"),
        ({"rows": 10, "k": 2, "validation": 1.0}, "below 1"),
        ({"rows": 10, "k": 2, "validation": 0.99}, "no training rows left"),
        ({"rows": 10, "k": 2, "group": "scope"}, "not in a number of rows"),
        ({"rows": make(), "k": 2, "group": "scop"}, "did you mean scope"),
    ],
)
def test_a_split_that_can_not_be_is_refused(arguments, said):
    with pytest.raises(InputError, match=said):
        kfold(**arguments, seed=0)


def test_a_group_too_large_for_its_fold_is_refused():
    with pytest.raises(InputError, match="one group holds 37 of 40 rows"):
        kfold(named("A" * 37 + "BCD"), 4, 0)


def test_numbered_folds_are_test_rows_in_turn():
    table = make(50, [str(i % 5) for i in range(50)])
    folds = from_column(table)
    assert [fold.name for fold in folds] == ["0", "1", "2", "3", "4"]
    for number, fold in enumerate(folds):
        assert fold.test.tolist() == list(range(number, 50, 5))
        assert check_disjoint(fold, table).train_validation == 0


def test_named_splits_are_taken_as_they_are():
    names = ["train"] * 30 + ["val"] * 10 + ["Test"] * 20
    (fold,) = from_column(make(60, names))
    assert fold.train.tolist() == list(range(30))
    assert fold.validation.tolist() == list(range(30, 40))
    assert fold.test.tolist() == list(range(40, 60))


def test_validation_rows_are_drawn_where_the_split_names_none():
    table = make(60, ["train_and_val"] * 40 + ["test"] * 20)
    (fold,) = from_column(table, seed=1)
    assert fold.test.tolist() == list(range(40, 60))
    assert 4 <= len(fold.validation) < 20
    assert sorted([*fold.train, *fold.validation]) == list(range(40))
    (other,) = from_column(table, seed=2)
    assert fold.validation.tolist() != other.validation.tolist()


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        (None, "name it with fold_column"),
        (["0", "1", None, "0"], "row 2 .*id002"),
        (["0", "2", "0", "2"], "none is left out"),
        (["0", "0", "0", "0"], "at least two"),
        (["train", "tset", "train", "test"], "test, train, tset"),
        (["train", "0", "train", "test"], "numbers throughout"),
        (["0", "²", "0", "1"], "numbers throughout"),
        (["train"] * 4, "no row of 'test'"),
        (["test"] * 4, "no row of 'train'"),
    ],
)
def test_a_column_that_says_no_folds_is_refused(splits, said):
    with pytest.raises(InputError, match=said):
        from_column(make(4, splits))


def test_overlapping_folds_are_refused_and_the_ids_named():
    table = make()
    rows = [np.array(part) for part in ([0, 1, 2, 3], [4, 5], [3, 6, 1])]
    with pytest.raises(InputError, match="2 ids are train and test rows at once: id001, id003"):
        check_disjoint(Fold("0", *rows), table)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (([0, 1], [2], [3, 60]), "reach from 3 to 60"),
        (([0, 1], [2], [-1, 3]), "reach from -1"),
        (([0, 0], [2], [3]), "more than once"),
        (([0, 1], [2], []), "no test rows"),
        (([], [2], [3]), "no train rows"),
    ],
)
def test_a_fold_of_another_table_is_refused(parts, said):
    fold = Fold("0", *(np.array(part, dtype=np.int64) for part in parts))
    with pytest.raises(InputError, match=said):
        check_disjoint(fold, make())


def test_all_rows_can_be_learned_from_where_nothing_is_scored():
    table = make(60)
    fold = without_test(table, 4, validation=0.25)
    rows = np.concatenate([fold.train, fold.validation])
    assert sorted(rows.tolist()) == list(range(60))
    assert not len(fold.test)
    assert 15 <= len(fold.validation) < 30
    assert check_disjoint(fold, table, needs_test=False).train_validation == 0
    with pytest.raises(InputError, match="no test rows"):
        check_disjoint(fold, table)
    with pytest.raises(InputError, match="at least 0 and below 1"):
        without_test(table, 4, validation=1.0)


def test_shared_strings_are_counted_and_refused_if_strict():
    table = with_scopes(tuple(f"i0 | Na 1{x} | Na 1 | 1" for x in "abcdaace"))
    fold = Fold("0", np.array([0, 1]), np.array([2, 3]), np.array([4, 5, 6, 7]))
    found = check_disjoint(fold, table)
    assert (found.train_validation, found.train_test, found.validation_test) == (0, 1, 1)
    assert found.test_rows == 3
    with pytest.raises(InputError, match=r"3 test rows .* id004, id005, id006"):
        check_disjoint(fold, table, strict=True)


def test_twins_that_are_partial_crystals_are_counted_by_formula_and_group():
    salt, caesium = write_partial({"Na": 1, "Cl": 1}), write_partial({"Cs": 1, "I": 1}, 221)
    whole = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
    table = with_scopes(
        (salt, caesium, "i0 | K 1a | K 1 | 1", salt, whole, caesium, "i1 | K 1a | K 1 | 1")
    )
    fold = Fold("0", np.array([0, 1]), np.array([2]), np.array([3, 4, 5, 6]))
    found = check_disjoint(fold, table)
    assert found.test_rows == 2  # the formula of salt, and the iodide with its group
    assert found.test_formula_and_group == 1  # salt has a group in one row only; that of K differs
    assert found.test_formula == 4


def test_rows_of_one_formula_stay_together_where_some_are_partial():
    salt = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
    others = [write_partial({name: 1}) for name in ("K", "Li", "Rb", "Cs", "Fe", "Co")]
    table = with_scopes((salt, hide(salt, Detail.SPACE_GROUP), hide(salt, Detail.FORMULA), *others))
    for seed in range(5):
        for fold in kfold(table, 3, seed):
            assert check_disjoint(fold, table).test_formula == 0
    apart = [check_disjoint(f, table) for f in kfold(table, 3, 0, group="scope")]
    assert sum(overlap.test_rows for overlap in apart) == 0
    assert sum(overlap.test_formula for overlap in apart) > 0


def test_the_digest_sees_a_row_that_changes_its_part():
    table = make(6)
    fold = Fold("0", np.array([0, 1, 2]), np.array([3]), np.array([4, 5]))
    moved = Fold("0", np.array([0, 1]), np.array([2, 3]), np.array([4, 5]))
    assert len(digest(fold, table)) == 64
    assert digest(fold, table) != digest(moved, table)
