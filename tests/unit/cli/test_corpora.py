"""``stratus corpora``: each verb does what its library function does, and says so in one screen."""

from __future__ import annotations

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.corpora.cards.files import read_data_card
from stratus.corpora.splits.files import read_split_card, with_split
from stratus.corpora.tables.folds import kfold
from stratus.corpora.tables.read_tables import read_all_crystals, read_tables
from stratus.scope import Scope

METALS, ANIONS = ("Li", "Na", "K", "Rb"), ("F", "Cl", "Br")


def stratus(*arguments):
    return CliRunner().invoke(app, ["corpora", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.fixture
def corpus(tmp_path):
    """24 rows of 24 crystals, and 6 rows that are again the first 6, with a larger volume."""
    texts = [
        str(Scope.from_orbits(group, [(metal, "a"), (anion, "b")]))
        for group in (225, 221)
        for metal in METALS
        for anion in ANIONS
    ]
    scopes = [*texts, *texts[:6]]
    columns = {
        "id": [f"c{k:02d}" for k in range(30)],
        "scope": scopes,
        "volume_per_atom": [10.0] * 24 + [11.0] * 6,
        "year": [2000 + k for k in range(30)],
        "y": [float(k) for k in range(30)],
        "dialect": ["orbit"] * 30,
    }
    pq.write_table(pa.table(columns), tmp_path / "corpus.parquet")
    return tmp_path / "corpus.parquet"


def test_dedupe_keeps_the_smaller_and_prints_the_counts(corpus, tmp_path):
    done = stratus(
        "dedupe", corpus, "-o", tmp_path / "out.parquet", "--removed", tmp_path / "r.csv"
    )
    assert done.exit_code == 0, done.output
    for said in (
        "rows in                  30",
        "rows out                 24",
        "removed                   6",
    ):
        assert said in done.output
    assert pq.read_table(tmp_path / "out.parquet")["id"].to_pylist() == [
        f"c{k:02d}" for k in range(24)
    ]
    with (tmp_path / "r.csv").open(newline="") as file:
        gone = {row["id"]: row["kept_id"] for row in csv.DictReader(file)}
    assert gone == {f"c{k + 24}": f"c{k:02d}" for k in range(6)}
    quiet = stratus("dedupe", corpus, "-o", tmp_path / "again.parquet", "--energy", "y", "-q")
    assert (quiet.exit_code, quiet.output) == (0, "")
    plain = stratus(
        "dedupe", corpus, "-o", tmp_path / "p.parquet", "--by", "formula-group", "--no-volume"
    )
    assert "repeated keys             6   by formula-group; at most 2 rows" in plain.output


def test_decontaminate_prints_every_key_and_table(corpus, tmp_path):
    (tmp_path / "a.csv").write_text("formula\nNaCl\nKBr\n", encoding="utf-8")
    (tmp_path / "b.csv").write_text("id,formula\nc00,ZnS\nx,!!\n", encoding="utf-8")
    names = ["--against", tmp_path / "a.csv", "--against", tmp_path / "b.csv"]
    done = stratus("decontaminate", corpus, *names, "-o", tmp_path / "out.parquet")
    assert done.exit_code == 0, done.output
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 30 - 6
    lines = {line.split()[1]: line.split() for line in done.output.splitlines() if line[:1] == "*"}
    assert lines["formula"] == ["*", "formula", "5", "5", "0"]
    assert lines["id"] == ["*", "id", "1", "0", "1"]
    assert "a.csv: 2 crystals, 2 without an id" in done.output
    assert "1 that could not be read, so not looked for" in done.output
    some = stratus("decontaminate", corpus, *names, "--by", "id", "-o", tmp_path / "o.parquet")
    assert pq.read_table(tmp_path / "o.parquet").num_rows == 29, some.output


def test_split_by_shares_and_its_leaks(corpus, tmp_path):
    out = tmp_path / "split.csv"
    done = stratus("split", corpus, "--by", "formula", "--fractions", 0.5, 0.25, 0.25, "-o", out)
    assert done.exit_code == 0, done.output
    card = read_split_card(tmp_path / "split.card.yaml")
    assert (card.by, card.seed, card.fractions) == ("formula", 0, (0.5, 0.25, 0.25))
    assert card.leaks["formula"] == card.leaks["scope"] == 0
    assert card.leaks["prototype"] == card.rows["test"] > 0
    assert card.sha256 in done.output
    table = with_split(read_all_crystals([corpus]), out)
    assert set(table.splits) == {"train", "validation", "test"}


def test_folds_are_those_of_finetune(corpus, tmp_path):
    out = tmp_path / "folds.parquet"
    assert (
        stratus("split", corpus, "--by", "scope", "--folds", 3, "--seed", 4, "-o", out).exit_code
        == 0
    )
    table = with_split(read_tables([corpus], ["y"]), out)
    for fold in kfold(table, 3, 4, group="scope"):
        assert {table.splits[row] for row in fold.test} == {fold.name}


def test_finetune_takes_the_file(corpus, tmp_path):
    out, config = tmp_path / "split.csv", tmp_path / "tiny.yaml"
    stratus("split", corpus, "--by", "scope", "--fractions", 0.4, 0.3, 0.3, "-o", out)
    sizes = {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16}
    config.write_text(yaml.safe_dump({"model": sizes, "epochs": 1}), encoding="utf-8")
    words = [corpus, "--target", "y", "--split", out, "--config", config, "-o", tmp_path / "run"]
    done = CliRunner().invoke(app, ["finetune", *map(str, words), "-q"])
    assert (done.exit_code, done.output) == (0, "")
    metrics = json.loads((tmp_path / "run/metrics.json").read_text())
    card = read_split_card(tmp_path / "split.card.yaml")
    assert metrics["folds"][0]["rows"] == card.rows
    assert card.sha256 in json.dumps(metrics)


def test_a_split_by_time_tests_the_latest(corpus, tmp_path):
    done = stratus("split", corpus, "--by", "time", "--time", "year", "-o", tmp_path / "s.csv")
    assert done.exit_code == 0, done.output
    table = with_split(read_all_crystals([corpus]), tmp_path / "s.csv")
    assert table.splits == ("train",) * 24 + ("validation",) * 3 + ("test",) * 3


def test_a_card_is_written_and_checked(corpus, tmp_path):
    flags = ["--licence", "MIT", "--origin", "a test", "--unit", "y=eV/atom"]
    done = stratus("card", corpus, *flags)
    assert done.exit_code == 0, done.output
    path = tmp_path / "corpus.card.yaml"
    assert yaml.safe_load(path.read_text())["name"] == "corpus"
    assert {c.name: c.unit for c in read_data_card(path).columns}["y"] == "eV/atom"
    assert "fits its files" in stratus("card", path).output
    pq.write_table(pq.read_table(corpus).slice(1), corpus)
    wrong = stratus("card", path)
    assert (wrong.exit_code, "is not the file" in wrong.output) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["dedupe", "{corpus}", "-o", "{out}.csv"], "has to end with .parquet"),
        (["dedupe", "{corpus}", "-o", "{out}.parquet", "--by", "scop"], "did you mean scope"),
        (["dedupe", "{corpus}", "-o", "{out}.parquet", "--by", "prototype"], "not by prototype"),
        (["decontaminate", "{corpus}", "--against", "no.csv", "-o", "{out}.parquet"], "no.csv"),
        (["split", "{corpus}", "--by", "luck", "-o", "{out}.csv"], "there is no rule 'luck'"),
        (["split", "{corpus}", "--by", "time", "-o", "{out}.csv"], "belong together"),
        (["split", "{corpus}", "--by", "random", "-o", "{out}.txt"], "end with .csv or .parquet"),
        (
            ["split", "{corpus}", "--by", "random", "--folds", "3", "--fractions", "1", "0", "0",
             "-o", "{out}.csv"],
            "not both",
        ),
        (["card", "{corpus}"], "needs --licence and --origin"),
        (["card", "{corpus}", "--licence", "x", "--origin", "y", "--unit", "eV"], "COL=UNIT"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence_and_leaves_nothing(corpus, tmp_path, words, said):
    named = [word.format(corpus=corpus, out=tmp_path / "out") for word in words]
    done = stratus(*named)
    assert done.exit_code == 2, done.output
    assert said in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.parquet"]
