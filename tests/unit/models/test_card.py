"""A card is written and read back, and nothing in it is guessed."""

from __future__ import annotations

import pytest

from stratus.corpora.cards.card import DataSource
from stratus.errors import InputError
from stratus.models.card import CARD_FILE, Card, read_card, write_card

STRANGE = "yes: [no], *anchor & 'quotes' \"more\" # comment\n- second line: 1.0\ttab Å 猫"


def test_a_card_survives_the_file_whatever_its_text(card, tmp_path):
    odd = card.model_copy(update={"limits": STRANGE, "name": "1.0", "citation": "null"})
    write_card(tmp_path, odd)
    assert read_card(tmp_path) == odd


def test_rows_are_known_only_if_all_are(card):
    def rows(*numbers):
        data = tuple(DataSource(name="x", rows=n, licence="y", origin="z") for n in numbers)
        return card.model_copy(update={"data": data}).rows

    assert rows(1, 2) == 3
    assert rows(1, None) is None
    assert rows() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the whole"),
        ("- a\n- b\n", "the whole"),
        ("name: [", "no YAML that can be read"),
        ("name: x\nname2: y\n", "the key 'summary' is missing|the key 'name2' is unknown"),
        ("name: 2026-01-01\n", "no plain text or number"),
        ("a: &a [x]\nb: *a\n", "YAML aliases"),
        ("!!python/object/apply:os.system ['touch broken']", r"tags \(!name\)"),
        ("!!python/name:os.system", r"tags \(!name\)"),
        ("[" * 100_000, "deep nesting"),
        ("name: \x00", "no YAML that can be read"),
    ],
)
def test_what_is_no_card_is_refused(text, message, tmp_path):
    (tmp_path / CARD_FILE).write_text(text)
    with pytest.raises(InputError, match=message) as refusal:
        read_card(tmp_path)
    assert CARD_FILE in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "with_", "message"),
    [
        ("licence_code: MIT", "license_code: MIT", "licen[cs]e_code"),
        ("rows: 1234", "rows: many", r"data.0.rows"),
        ("rows: 1234", "rows: '1234'", r"data.0.rows"),
        ("rows: 1234", "rows: -1", r"data.0.rows"),
        ("value: 0.5", "value: .nan", "no plain text or number"),
        ("name: tiny", "name: ''", "name"),
        ("name: tiny", "name: 5", "name"),
        (
            "  origin: this test",
            "  origin: this test\n  price: 3",
            r"key 'data.0.price' is unknown",
        ),
    ],
)
def test_a_wrong_key_is_named(card, tmp_path, line, with_, message):
    write_card(tmp_path, card)
    text = (tmp_path / CARD_FILE).read_text()
    assert line in text
    (tmp_path / CARD_FILE).write_text(text.replace(line, with_))
    with pytest.raises(InputError, match=message):
        read_card(tmp_path)


def test_a_card_can_not_be_made_with_an_unknown_field(card):
    with pytest.raises(ValueError, match="colour"):
        Card(**card.model_dump(), colour="red")
