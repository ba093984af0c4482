"""A card says what a data set is, and every card in the repository is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from stratus.corpora.cards import card as module
from stratus.corpora.cards.card import DataCard, card_schema
from stratus.corpora.cards.files import check_files, read_data_card
from stratus.errors import InputError

ROOT = Path(__file__).resolve().parents[4]
CARDS = sorted((ROOT / "examples/cards").glob("*.card.yaml"))
LISTS = ("examples/bundled/sources.yaml", "scripts/real_corpus.yaml")
GOOD = {
    "name": "x",
    "licence": "MIT",
    "origin": "here",
    "files": [{"file": "x.csv", "bytes": 1, "sha256": "0" * 64, "rows": 1}],
    "columns": [{"name": "a", "type": "number", "unit": "eV"}],
}


def listed() -> list[dict]:
    """The data sets with a licence in the two lists that the project learns from."""
    tables = [yaml.safe_load((ROOT / name).read_text("utf-8")) for name in LISTS]
    lists = [rows for table in tables for rows in table.values() if isinstance(rows, list)]
    return [row for rows in lists for row in rows if "licence" in row]


def test_the_schema_file_is_what_the_model_says():
    path = Path(module.__file__).parent / "data" / module.SCHEMA_FILE
    assert json.loads(path.read_text("utf-8")) == card_schema(), "run scripts/make_card_schema.py"


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.name)
def test_every_card_in_the_repository_is_valid(path):
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(yaml.safe_load(path.read_text("utf-8")), card_schema())
    assert read_data_card(path).files[0].rows


def test_every_data_set_that_is_learned_from_has_a_card_that_says_the_same():
    cards = {card.files[0].file: card for card in map(read_data_card, CARDS)}
    rows = listed()
    assert {row["file"] for row in rows} == set(cards)
    for row in rows:
        card = cards[row["file"]]
        assert card.licence == row["licence"], row["file"]
        names = {column.name: column for column in card.columns}
        assert all(names[label].unit is not None for label in row.get("labels", {})), row["file"]


def test_the_cards_describe_the_files_of_the_data_folder(data_dir):
    for path in CARDS:
        check_files(read_data_card(path), data_dir)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"colour": "red"}, "'colour' is unknown"),
        ({"licence": " "}, "licence"),
        ({"files": []}, "files"),
        ({"files": [{"file": "x", "bytes": 1, "sha256": "abc"}]}, "sha256"),
        ({"columns": [{"name": "a", "type": "float"}]}, "columns.0.type"),
        ({"columns": GOOD["columns"] * 2}, "'a' stands twice"),
        ({"format": 2}, "format"),
    ],
)
def test_what_is_no_card_is_refused_by_name(tmp_path, wrong, said):
    path = tmp_path / "x.card.yaml"
    path.write_text(json.dumps({**GOOD, **wrong}), encoding="utf-8")  # JSON is YAML
    with pytest.raises(InputError, match=said):
        read_data_card(path)


def test_the_schema_refuses_what_the_model_refuses():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(GOOD, card_schema())
    for wrong in ({"colour": "red"}, {"files": []}, {"format": 2}, {"licence": ""}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**GOOD, **wrong}, card_schema())


def test_a_good_card_is_one():
    assert DataCard.model_validate(GOOD).columns[0].unit == "eV"
