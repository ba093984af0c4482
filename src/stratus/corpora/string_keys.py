"""The keys of :mod:`stratus.corpora.keys`, read from SCOPE strings of the ``orbit`` dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.scope.partial import UNKNOWN, read_amounts
from stratus.scope.vocabulary import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Callable

_BETWEEN: Final = f" {SEPARATOR} "


def _scope(text: str) -> str | None:
    return None if UNKNOWN in text else text


def _formula(text: str) -> str:
    return text.split(_BETWEEN)[2]


def _formula_group(text: str) -> str | None:
    group, _, composition, _ = text.split(_BETWEEN)
    return None if group == UNKNOWN else f"{composition}{_BETWEEN}{group}"


def _chemical_system(text: str) -> str:
    return "-".join(sorted(read_amounts(_formula(text))))


def _prototype(text: str) -> str | None:
    group, orbits, composition, _ = text.split(_BETWEEN)
    if UNKNOWN in (group, orbits):
        return None
    positions = " ".join(orbits.split(" ")[1::2])  # they are in the order of their letters
    amounts = " ".join(map(str, sorted(read_amounts(composition).values())))
    return _BETWEEN.join((group, positions, amounts))


READERS: Final[dict[str, Callable[[str], str | None]]] = {
    "scope": _scope,
    "formula-group": _formula_group,
    "formula": _formula,
    "chemical-system": _chemical_system,
    "prototype": _prototype,
}
"""How each of :class:`stratus.corpora.keys.Key` is read, but for the id."""
