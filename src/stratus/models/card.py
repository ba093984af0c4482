"""The card of a model: what it learned from, under which licences, how good it is, what for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.cards.card import MOST_ROWS, DataSource, Text
from stratus.corpora.documents import read_yaml, validated

if TYPE_CHECKING:
    from pathlib import Path

CARD_FILE: Final = "card.yaml"


class Metric(BaseModel):
    """One number and what it was measured on.

    Attributes:
        name: such as ``masked accuracy``.
        value: the number.
        unit: its unit; empty for a share or a count.
        split: what it was measured on, such as ``test, 5 % by hash of the crystal``.
        rows: how many crystals that is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    value: float = Field(allow_inf_nan=False)
    unit: str = ""
    split: Text
    rows: int | None = Field(default=None, ge=0, le=MOST_ROWS)


class Card(BaseModel):
    """What a person must know before using a model.

    Attributes:
        name: short name of the model.
        summary: one sentence.
        data: what it learned from.
        licence_code: licence of the code that made it.
        licence_weights: licence of the numbers.
        metrics: how good it is, each with the split it was measured on.
        intended_use: what it is for.
        limits: what it is not for, and what is known to go wrong.
        citation: what to cite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    summary: Text
    data: tuple[DataSource, ...] = ()
    licence_code: Text
    licence_weights: Text
    metrics: tuple[Metric, ...] = ()
    intended_use: Text
    limits: Text
    citation: str = ""

    @property
    def rows(self) -> int | None:
        """Crystals the model learned from, or None where nobody knows."""
        rows = [source.rows for source in self.data if source.rows is not None]
        return sum(rows) if self.data and len(rows) == len(self.data) else None


def write_card(folder: Path, card: Card) -> None:
    """Write ``card.yaml``."""
    text = yaml.safe_dump(
        card.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100
    )
    (folder / CARD_FILE).write_text(text, encoding="utf-8")


def read_card(folder: Path) -> Card:
    """Read ``card.yaml``.

    Raises:
        stratus.errors.InputError: it is missing or not a card; the first wrong key is named.
    """
    path = folder / CARD_FILE
    return validated(Card, read_yaml(path), path)
