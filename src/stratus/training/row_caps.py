"""Simple models that do not learn from all rows, because these are too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Capped(BaseModel):
    """How many rows a simple model learned from that did not learn from all.

    Attributes:
        of: rows that there were to learn from.
        most: rows that it learned from.
        each: a word where that is so for each part of the model: ``tree``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    of: int
    most: int
    each: str = ""


def footnotes(capped: Mapping[str, Mapping[str, Capped]]) -> Iterator[str]:
    """Give a sentence for each model that some fold caps.

    Args:
        capped: by name of the model, by fold.
    """
    for name, folds in capped.items():
        if not folds:
            continue
        rows = [found.of for found in folds.values()]
        first = next(iter(folds.values()))
        there = f"{min(rows):,}" if min(rows) == max(rows) else f"{min(rows):,} to {max(rows):,}"
        part = f", each {first.each}," if first.each else ""
        where = "fold" if len(folds) == 1 else "folds"
        yield (
            f"{name} learned{part} from {first.most:,} of {there} rows in {where} "
            f"{', '.join(folds)}"
        )
