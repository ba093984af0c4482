"""One row of each crystal is left, the right one, and no row is lost unseen."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.dedupe import DedupeOptions, dedupe
from stratus.corpora.keys import Key, keys_of
from stratus.errors import InputError
from stratus.scope import Scope
from stratus.scope.partial import partial_scope

TEXTS = [
    str(Scope.from_orbits(225, [(metal, "a"), (anion, place)]))
    for metal in ("Li", "Na", "K", "Rb")
    for anion in ("F", "Cl", "Br")
    for place in ("b", "c")
]  # two of each formula and group are not: CaF2 and rock salt have other formulas


def some(values: np.ndarray, hidden: np.ndarray) -> list[float | None]:
    return [None if h else float(v) for v, h in zip(values, hidden, strict=True)]


def rows(count: int, seed: int = 0, prefix: str = "r") -> dict[str, list]:
    """Rows in which strings come several times, with ties in energy and volume."""
    rng = np.random.default_rng(seed)
    return {
        "id": [f"{prefix}{k:04d}" for k in rng.permutation(count)],
        "scope": [TEXTS[k] for k in rng.integers(len(TEXTS), size=count)],
        "volume_per_atom": some(rng.integers(9, 12, size=count), rng.random(count) < 0.2),
        "energy": some(rng.integers(-3, 0, size=count), rng.random(count) < 0.3),
        "dialect": ["orbit"] * count,
    }


def write(path, columns):
    pq.write_table(pa.table(columns), path)
    return path


def expected(columns: dict[str, list], by: str, *, energy: bool) -> set[str]:
    """The ids that are left, by the plainest of means."""
    best: dict[str, tuple] = {}
    keys = keys_of(Key(by), columns["id"], columns["scope"])
    for k, key in enumerate(keys):
        numbers = [columns["energy"][k]] if energy else []
        numbers.append(columns["volume_per_atom"][k])
        rank = (*(np.inf if n is None else n for n in numbers), columns["id"][k])
        best[key] = min(best.get(key, rank), rank)
    return {rank[-1] for rank in best.values()}


@pytest.mark.parametrize("by", ["scope", "formula-group"])
@pytest.mark.parametrize("energy", [True, False])
@pytest.mark.parametrize("rows_a_file", [1, 40, 10**6])
def test_the_best_row_of_each_key_is_left(tmp_path, by, energy, rows_a_file):
    columns = rows(300)
    options = DedupeOptions(by=by, energy="energy" if energy else None, rows_a_file=rows_a_file)
    done = dedupe([write(tmp_path / "in.parquet", columns)], tmp_path / "out.parquet", options)
    left = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert set(left["id"]) == expected(columns, by, energy=energy)
    assert left["id"] == [name for name in columns["id"] if name in set(left["id"])]  # the order
    assert (done.rows_in, done.rows_out, done.removed) == (
        300,
        len(left["id"]),
        300 - len(left["id"]),
    )
    assert done.without_volume == columns["volume_per_atom"].count(None)
    assert done.without_energy == (columns["energy"].count(None) if energy else 0)
    assert list(tmp_path.glob(".*")) == []


def test_what_is_left_does_not_depend_on_the_order_of_the_rows(tmp_path):
    columns = rows(200)
    order = np.random.default_rng(1).permutation(200)
    other = {name: [values[k] for k in order] for name, values in columns.items()}
    left = []
    for name, given in (("a", columns), ("b", other)):
        dedupe([write(tmp_path / f"{name}.parquet", given)], tmp_path / f"{name}-out.parquet")
        left.append(set(pq.read_table(tmp_path / f"{name}-out.parquet")["id"].to_pylist()))
    assert left[0] == left[1]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    path = write(tmp_path / "in.parquet", rows(100))
    for name in ("a", "b"):
        dedupe([path], tmp_path / f"{name}.parquet", removed=tmp_path / f"{name}.csv")
    for kind in ("parquet", "csv"):
        first, second = (tmp_path / f"{name}.{kind}" for name in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_several_tables_are_one_and_every_removed_row_is_listed(tmp_path):
    first, second = rows(120, prefix="a"), rows(80, seed=1, prefix="b")
    del second["energy"]
    second["note"] = ["x"] * 80
    paths = [write(tmp_path / f"{n}.parquet", c) for n, c in (("one", first), ("two", second))]
    done = dedupe(paths, tmp_path / "out.parquet", removed=tmp_path / "gone.csv")
    left = pq.read_table(tmp_path / "out.parquet")
    assert left.schema.names == [*first, "note"]
    with (tmp_path / "gone.csv").open(newline="", encoding="utf-8") as file:
        gone = list(csv.DictReader(file))
    everything = {*first["id"], *second["id"]}
    assert {row["id"] for row in gone} | set(left["id"].to_pylist()) == everything
    assert len(gone) == done.removed == 200 - len(left)
    scope_of = dict(
        zip([*first["id"], *second["id"]], first["scope"] + second["scope"], strict=True)
    )
    for row in gone:
        assert scope_of[row["id"]] == scope_of[row["kept_id"]]
        assert row["table"] == ("one.parquet" if row["id"].startswith("a") else "two.parquet")
        assert row["kept_id"] in set(left["id"].to_pylist())


def test_an_empty_table_stays_one(tmp_path):
    path = write(tmp_path / "in.parquet", pa.table(rows(3)).slice(0, 0))
    assert dedupe([path], tmp_path / "out.parquet").rows_out == 0
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 0


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"dialect": ["paper"] * 3}, {}, "dialect 'paper'"),
        ({"scope": [TEXTS[0], None, TEXTS[1]]}, {}, "row 1 of .* has no SCOPE string"),
        ({"scope": [TEXTS[0], TEXTS[1], partial_scope("NaCl")]}, {}, "row 2 of .* partial"),
        ({"volume_per_atom": ["a", "b", "c"]}, {}, "holds no numbers"),
        ({}, {"energy": "e"}, "no column 'e'"),
        ({}, {"volume": "v"}, "no column 'v'"),
        ({}, {"by": "prototype"}, "not by prototype"),
    ],
)
def test_what_can_not_be_used_is_refused_and_leaves_nothing(tmp_path, change, options, said):
    path = write(tmp_path / "in.parquet", {**rows(3), **change})
    with pytest.raises(InputError, match=said):
        dedupe(
            [path], tmp_path / "out.parquet", DedupeOptions(**options), removed=tmp_path / "g.csv"
        )
    assert [p.name for p in tmp_path.iterdir()] == ["in.parquet"]


def test_outputs_that_can_not_be_are_refused(tmp_path):
    path = write(tmp_path / "in.parquet", rows(3))
    for tables, output, said in (
        ([], "out.parquet", "no table"),
        ([path, path], "out.parquet", "named twice"),
        ([path], "in.parquet", "is an input too"),
        ([path], "out.csv", "end with .parquet"),
        ([path], "no/out.parquet", "does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            dedupe(tables, tmp_path / output)


def test_columns_that_do_not_go_together_are_refused(tmp_path):
    one, two = rows(3), rows(3, prefix="b")
    two["energy"] = ["high", "low", "low"]
    paths = [write(tmp_path / f"{n}.parquet", c) for n, c in (("one", one), ("two", two))]
    with pytest.raises(InputError, match="do not go together"):
        dedupe(paths, tmp_path / "out.parquet")
