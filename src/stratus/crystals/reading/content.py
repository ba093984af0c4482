"""A structure that stands in one value: a CIF, POSCAR or JSON text, or a mapping."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.cif import parse_cif
from stratus.crystals.reading.mapping import decoded, is_structure, parse_mapping
from stratus.crystals.reading.optimade import is_optimade, parse_optimade
from stratus.crystals.reading.poscar import looks_like_poscar, parse_poscar
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stratus.crystals.reading.record import ReadOptions

_INNER_KEYS = ("structure", "cif", "poscar", "atoms", "final_structure")
_MAX_DEPTH = 4


def parse_content(
    value: object,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
    depth: int = 0,
) -> Iterator[Entry | Reject]:
    """Yield the crystals of a text or mapping whose format is found out by looking at it.

    Args:
        value: CIF text, POSCAR text, JSON text, or what JSON decodes to.
        id: the crystal's id.
        source: where the value stands.
        options: what counts as a crystal.
        labels: carried into each entry.
        notes: carried into each entry.
        depth: how many mappings were opened on the way here.
    """
    try:
        if isinstance(value, str):
            value = value.lstrip("\ufeff")
            start = value.lstrip(" \t\r\n")[:1]
            if start in {"{", "["}:
                value = decoded(value)
            elif looks_like_poscar(value):
                yield parse_poscar(
                    value, id=id, source=source, options=options, labels=labels, notes=notes
                )
                return
            else:
                for outcome in parse_cif(
                    value, id=id, source=source, options=options, labels=labels
                ):
                    if notes and isinstance(outcome, Entry):
                        yield replace(outcome, notes=notes + outcome.notes)
                    else:
                        yield outcome
                return
        if isinstance(value, dict):
            if is_structure(value):
                yield parse_mapping(
                    value, id=id, source=source, options=options, labels=labels, notes=notes
                )
                return
            if is_optimade(value):
                yield parse_optimade(
                    value, id=id, source=source, options=options, labels=labels, notes=notes
                )
                return
            key = _inner_key(value, options)
            if key is not None and depth < _MAX_DEPTH:
                yield from parse_content(
                    value[key],
                    id=id,
                    source=source,
                    options=options,
                    labels={**_around(value, key), **(labels or {})},
                    notes=notes,
                    depth=depth + 1,
                )
                return
            raise Refusal(Code.NOT_A_STRUCTURE, "the mapping holds no lattice with sites")
        raise Refusal(
            Code.NOT_A_STRUCTURE, f"a value of type {type(value).__name__} holds no structure"
        )
    except Refusal as refusal:
        yield refusal.reject(id, source)


def _around(value: dict[str, Any], key: str) -> dict[str, Any]:
    """Return what stands beside a structure; pymatgen entries keep some of it under ``data``."""
    around = {
        name: item for name, item in value.items() if name != key and not name.startswith("@")
    }
    inner = around.get("data")
    if isinstance(inner, dict):
        del around["data"]
        around |= inner
    return around


def _inner_key(value: dict[str, Any], options: ReadOptions) -> str | None:
    if options.structure_column is not None and options.structure_column in value:
        return options.structure_column
    return next((key for key in _INNER_KEYS if key in value), None)
