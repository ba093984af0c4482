"""Nothing that a model is tested on stays in a corpus, and every removal is counted and listed."""

from __future__ import annotations

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.decontaminate import decontaminate
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.keys import Key
from stratus.errors import InputError
from stratus.scope import Scope

ROCK = {m + x: str(Scope.from_orbits(225, [(m, "a"), (x, "b")])) for m in ("Li", "Na", "K") for x in ("F", "Cl")}  # fmt: skip  # noqa: E501
CAESIUM = {m + x: str(Scope.from_orbits(221, [(m, "a"), (x, "b")])) for m in ("Li", "Na", "K") for x in ("F", "Cl")}  # fmt: skip  # noqa: E501


@pytest.fixture
def corpus(tmp_path):
    """Twelve crystals: six formulas, each in two structures."""
    texts = [*ROCK.values(), *CAESIUM.values()]
    ids = [f"rock-{name}" for name in ROCK] + [f"cs-{name}" for name in CAESIUM]
    columns = {"id": ids, "scope": texts, "dialect": ["orbit"] * 12, "energy": range(12)}
    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), tmp_path / "corpus.parquet")
    return tmp_path / "corpus.parquet"


@pytest.fixture
def strings(tmp_path):
    """Rock salt as a string, and a crystal that the corpus has not, under an id that it has."""
    other = str(Scope.from_orbits(216, [("Zn", "a"), ("S", "c")]))
    columns = {"id": ["x", "cs-KCl"], "scope": [ROCK["NaCl"], other]}
    pq.write_table(pa.table(columns), tmp_path / "strings.parquet")
    return tmp_path / "strings.parquet"


@pytest.fixture
def formulas(tmp_path):
    """Formulas without ids, with a space group where it is known; one cannot be read."""
    path = tmp_path / "formulas.csv"
    path.write_text("formula,space_group\nLi2F2,225\nKF,\nQq,1\n", encoding="utf-8")
    return path


def left(path) -> set[str]:
    return set(pq.read_table(path)["id"].to_pylist())


def test_rows_go_by_id_string_and_formula_and_are_counted_by_table(
    tmp_path, corpus, strings, formulas
):
    done = decontaminate(
        corpus, [strings, formulas], tmp_path / "out.parquet", removed=tmp_path / "gone.csv"
    )
    kept = left(tmp_path / "out.parquet")
    assert kept == {"rock-LiCl", "rock-KCl", "cs-LiCl", "rock-NaF", "cs-NaF"}
    assert (done.rows_in, done.rows_out, done.removed) == (12, 5, 7)
    first, second = done.against
    assert first.matches == {"id": 1, "scope": 1, "formula-group": 1, "formula": 2}
    assert second.matches == {"id": 0, "scope": 0, "formula-group": 1, "formula": 4}
    assert (second.rows, second.without_id, len(second.rejects)) == (2, 2, 1)
    assert done.matches == {"id": 1, "scope": 1, "formula-group": 2, "formula": 6}
    with (tmp_path / "gone.csv").open(newline="", encoding="utf-8") as file:
        gone = {row["id"]: (row["keys"], row["tables"]) for row in csv.DictReader(file)}
    assert set(gone) | kept == set(pq.read_table(corpus)["id"].to_pylist())
    assert gone["rock-NaCl"] == ("scope formula", "strings.parquet")
    assert gone["cs-KCl"] == ("id", "strings.parquet")
    assert gone["cs-KF"] == ("formula", "formulas.csv")


@pytest.mark.parametrize(
    ("by", "removed"),
    [
        (["id"], {"cs-KCl"}),
        (["scope"], {"rock-NaCl"}),
        (["formula-group"], {"rock-NaCl"}),
        (["formula"], {"rock-NaCl", "cs-NaCl"}),
        (["prototype"], {f"rock-{name}" for name in ROCK}),
        (["chemical-system", "id"], {"rock-NaCl", "cs-NaCl", "cs-KCl"}),
    ],
)
def test_the_keys_are_chosen(tmp_path, corpus, strings, by, removed):
    done = decontaminate(corpus, [strings], tmp_path / "out.parquet", by=[Key(k) for k in by])
    assert set(pq.read_table(corpus)["id"].to_pylist()) - left(tmp_path / "out.parquet") == removed
    assert done.removed == len(removed)
    if len(by) == 1:
        assert done.matches[Key(by[0])] == len(removed)


def test_structures_are_encoded_first(tmp_path, corpus, example_cifs):
    done = decontaminate(
        corpus,
        [example_cifs / "rock-salt.cif"],
        tmp_path / "out.parquet",
        by=[Key.SCOPE],
        options=EncodeOptions(workers=0),
    )
    assert done.removed == 1
    assert "rock-NaCl" not in left(tmp_path / "out.parquet")


def test_columns_and_order_stay(tmp_path, corpus, strings):
    decontaminate(corpus, [strings], tmp_path / "out.parquet", by=[Key.ID])
    before, after = pq.read_table(corpus), pq.read_table(tmp_path / "out.parquet")
    assert after.schema.names == before.schema.names
    assert after["energy"].to_pylist() == [*range(11)]


def test_mistakes_are_refused_and_leave_nothing(tmp_path, corpus, strings):
    for against, by, said in (
        ([], [Key.ID], "no table was named to hold"),
        ([strings], [], "no key was named"),
        ([strings, strings], [Key.ID], "named twice"),
        ([tmp_path / "none.parquet"], [Key.ID], "none.parquet"),
    ):
        with pytest.raises(InputError, match=said):
            decontaminate(corpus, against, tmp_path / "out.parquet", by=by)
    assert {path.name for path in tmp_path.iterdir()} == {"corpus.parquet", "strings.parquet"}
