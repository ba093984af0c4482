"""A split follows its rule, has one name for good, and comes back from its file."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.keys import Key
from stratus.corpora.splits.files import read_split_card, with_split, write_split
from stratus.corpora.splits.leaks import leaks
from stratus.corpora.splits.shares import by_shares, by_time
from stratus.corpora.tables.disjoint import check_disjoint, digest
from stratus.corpora.tables.folds import from_column, kfold
from stratus.corpora.tables.read_tables import read_all_crystals, read_tables
from stratus.corpora.tables.reading import read_crystals
from stratus.corpora.tables.table import Table
from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.scope import Scope
from stratus.scope.dialects import Dialect
from stratus.scope.partial import partial_scope

SHARES = (0.6, 0.2, 0.2)
KEY_OF = {
    "none": Key.ID,
    "scope": Key.SCOPE,
    "composition": Key.FORMULA,
    "chemical-system": Key.CHEMICAL_SYSTEM,
    "prototype": Key.PROTOTYPE,
}


def make(rows: int = 200, seed: int = 0) -> Table:
    """Crystals of a few elements on the orbits of many groups, so that every key repeats."""
    rng = np.random.default_rng(seed)
    scopes = []
    for _ in range(rows):
        metal, anion = rng.choice(["Li", "Na", "K", "Rb", "Cs"]), rng.choice(["F", "Cl", "Br", "I"])
        number = int(rng.choice([221, 225, 216, 123, 47, 25, 99, 129]))
        orbits = [(metal, "a"), (anion, "b"), *([(anion, "c")] if rng.random() < 0.5 else [])]
        scopes.append(str(Scope.from_orbits(number, orbits)))
    return Table(
        ids=tuple(f"id{k:03d}" for k in range(rows)),
        crystals=Dialect.ORBIT.crystals(tuple(scopes), np.full(rows, 2)),
        targets=(),
        kinds=(),
        labels=np.zeros((rows, 0)),
    )


@pytest.mark.parametrize("group", KEY_OF)
def test_a_split_by_shares_leaks_nothing_of_its_key_and_has_about_its_shares(group):
    table = make()
    fold = by_shares(table, SHARES, 0, group=group)
    rows = np.concatenate(list(fold.parts.values()))
    assert sorted(rows.tolist()) == list(range(200))
    for share, part in zip(SHARES, fold.parts.values(), strict=True):
        assert abs(len(part) - 200 * share) <= 30
    found = leaks([fold], table)
    assert found[KEY_OF[group]] == 0
    if group == "none":
        assert found[Key.FORMULA] > 0


@pytest.mark.parametrize("group", ["chemical-system", "prototype"])
def test_folds_keep_the_new_groups_together(group):
    table = make()
    folds = kfold(table, 4, 0, group=group)
    assert sorted(np.concatenate([f.test for f in folds]).tolist()) == list(range(200))
    assert leaks(folds, table)[KEY_OF[group]] == 0


def test_leaks_are_those_of_the_plain_count():
    table = make(60)
    fold = by_shares(table, SHARES, 1, group="none")
    found = leaks([fold], table)
    overlap = check_disjoint(fold, table)
    assert found[Key.SCOPE] == overlap.test_rows > 0
    assert found[Key.FORMULA] == overlap.test_formula
    assert found[Key.FORMULA_GROUP] == overlap.test_formula_and_group
    assert found[Key.ID] == 0
    assert found[Key.SCOPE] <= found[Key.FORMULA_GROUP] <= found[Key.FORMULA]
    assert found[Key.FORMULA] <= found[Key.CHEMICAL_SYSTEM]


def test_the_seed_decides_and_the_order_does_not():
    table = make()
    order = np.random.default_rng(5).permutation(200)
    for group in KEY_OF:
        mine = by_shares(table, SHARES, 0, group=group)
        theirs = by_shares(table.take(order), SHARES, 0, group=group)
        assert digest(mine, table) == digest(theirs, table.take(order))
        assert digest(mine, table) != digest(by_shares(table, SHARES, 1, group=group), table)


def test_a_split_is_the_same_with_every_version():
    fold = by_shares(make(20), SHARES, 0, group="none")
    assert fold.test.tolist() == [1, 4, 7, 12]


def timed(times) -> Table:
    return dataclasses.replace(make(len(times)), splits=tuple(times))


@pytest.mark.parametrize(
    "times",
    [
        [str(2000 + k) for k in range(10)],
        [f"{k + 1}" for k in range(10)],  # 10 is after 9
        [f"2020-0{1 + k // 5}-0{1 + k % 5}" for k in range(10)],
        [f"2020-01-01T0{k}:00:00" for k in range(10)],
    ],
)
def test_the_latest_rows_are_tested(times):
    order = np.random.default_rng(0).permutation(10)
    fold = by_time(timed([times[k] for k in order]), SHARES)
    parts = [sorted(order[rows].tolist()) for rows in fold.parts.values()]
    assert parts == [[0, 1, 2, 3, 4, 5], [6, 7], [8, 9]]


def test_rows_of_one_time_stay_together():
    fold = by_time(timed(["1"] * 7 + ["2"] * 4 + ["3"] * 3), SHARES)
    assert [len(rows) for rows in fold.parts.values()] == [7, 4, 3]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (["1", None, "3"], r"row 1 \(id 'id001'\) has no time"),
        (["2020-01-01", "May", "2021-01-01"], "row 1 .*'May'"),
        (["2020-01-01", "2020-01-02T00:00:00+01:00", "2021-01-01"], "time zone"),
        (["1", "1", "1"], "part is empty"),
    ],
)
def test_times_that_can_not_be_are_refused(times, said):
    with pytest.raises(InputError, match=said):
        by_time(timed(times), SHARES)


def test_prototypes_of_partial_crystals_are_refused():
    table = make(3)
    salt = Dialect.ORBIT.crystal(partial_scope("NaCl"), detail=Detail.FORMULA)
    table = dataclasses.replace(table, crystals=(*table.crystals[:2], salt))
    with pytest.raises(InputError, match=r"row 2 .* no prototype is known"):
        by_shares(table, SHARES, 0, group="prototype")
    twins = dataclasses.replace(table, crystals=(salt,) * 3)
    found = leaks([by_shares(twins, (0.7, 0, 0.3), 0, group="none")], twins)
    assert (found[Key.FORMULA], found[Key.PROTOTYPE]) == (1, 0)


MADE = {"by": "scope", "seed": 3, "folds": None, "fractions": SHARES, "time_column": None}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_split_comes_back_from_its_file(tmp_path, suffix):
    table = make(60)
    fold = by_shares(table, SHARES, 3)
    path = tmp_path / f"split.{suffix}"
    card = write_split(path, table, [fold], MADE, [])
    assert read_split_card(tmp_path / "split.card.yaml") == card
    assert card.sha256 == digest(fold, table)
    assert card.rows == {name: len(rows) for name, rows in fold.parts.items()}
    (back,) = from_column(with_split(table, path))
    assert digest(back, table) == card.sha256
    order = np.random.default_rng(1).permutation(60)[:30]
    some = with_split(table.take(order), path)
    assert (
        dict(zip(some.ids, some.splits, strict=True)).items()
        <= dict(zip(table.ids, with_split(table, path).splits, strict=True)).items()
    )


def test_folds_from_a_file_are_those_that_were_made(tmp_path):
    table = make(80)
    folds = kfold(table, 4, 7)
    write_split(tmp_path / "s.csv", table, folds, {**MADE, "folds": 4, "fractions": None}, [])
    back = from_column(with_split(table, tmp_path / "s.csv"), seed=7)
    assert [digest(f, table) for f in back] == [digest(f, table) for f in folds]


def test_a_file_that_does_not_fit_is_refused(tmp_path):
    table, path = make(30), tmp_path / "s.csv"
    write_split(path, table, [by_shares(table, SHARES, 3)], MADE, [])
    with pytest.raises(InputError, match=r"row 30 \(id 'id030'\).*1 such rows"):
        with_split(make(31), path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + '"id000","test"\n', encoding="utf-8")
    with pytest.raises(InputError, match="has changed since its card"):
        with_split(table, path)
    (tmp_path / "s.card.yaml").unlink()
    with pytest.raises(InputError, match="the id 'id000' twice"):
        with_split(table, path)
    path.write_text("name,part\na,train\n", encoding="utf-8")
    with pytest.raises(InputError, match="columns id and split"):
        with_split(table, path)


def test_dates_of_a_parquet_are_times(tmp_path):
    table = make(10)
    dates = pa.array(np.arange("2020-01-01", "2020-01-11", dtype="datetime64[D]"))
    for kind in (pa.date32(), pa.timestamp("us")):
        columns = {"id": list(table.ids), "scope": list(table.scopes), "on": dates.cast(kind)}
        pq.write_table(pa.table(columns), tmp_path / "t.parquet")
        read = read_crystals(tmp_path / "t.parquet", fold_column="on")
        assert by_time(read, SHARES).test.tolist() == [8, 9]


def test_the_ids_of_several_tables_are_those_that_finetune_reads(tmp_path):
    for name in ("one", "two"):
        text = "id,formula,y\na,NaCl,1\nb,KCl,2\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    paths = [tmp_path / "one.csv", tmp_path / "two.csv"]
    ids = read_all_crystals(paths).ids
    assert ids == read_tables(paths, ["y"]).ids == ("one/a", "one/b", "two/a", "two/b")
    with pytest.raises(InputError, match="named twice"):
        read_all_crystals([paths[0], paths[0]])
