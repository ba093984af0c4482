"""A structure that stands in one value: a CIF, POSCAR or JSON text, or a mapping."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.cif import parse_cif
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratus.crystals.reading.record import ReadOptions


def parse_content(
    value: object,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Iterator[Entry | Reject]:
    """Yield the crystals of a text or mapping whose format is found out by looking at it.

    Args:
        value: CIF text, POSCAR text, JSON text, or what JSON decodes to.
        id: the crystal's id.
        source: where the value stands.
        options: what counts as a crystal.
        labels: carried into each entry.
        notes: carried into each entry.
    """
    if not isinstance(value, str):
        yield Refusal(Code.UNREADABLE, f"a {type(value).__name__} holds no structure").reject(id, source)
        return
    for outcome in parse_cif(value, id=id, source=source, options=options, labels=labels):
        if notes and isinstance(outcome, Entry):
            yield replace(outcome, notes=notes + outcome.notes)
        else:
            yield outcome
