"""What makes two rows the same, from the strict to the loose: id, string, formula, family.

Every key is read from a SCOPE string of the ``orbit`` dialect, whole or partial, so it does not
depend on how a table writes formulas or symbols:

| key | of rock salt | two rows are the same if |
|---|---|---|
| ``id`` | its id | their ids are one text |
| ``scope`` | the whole string | space group, orbits with elements, formula and cell agree |
| ``formula-group`` | ``Na 1 Cl 1``, generators | reduced formula and space group agree |
| ``formula`` | ``Na 1 Cl 1`` | their reduced formulas agree |
| ``chemical-system`` | ``Cl-Na`` | they hold the same elements |
| ``prototype`` | generators, ``4a 4b``, ``1 1`` | see below |

A prototype is the space group, the Wyckoff positions of the orbits with their repetitions, and the
sorted amounts of the reduced formula, whatever the elements and whichever is on which orbit.
The canonical assignment chooses the letters by the arrangement alone, without the elements
(:func:`stratus.crystals.canonical.canonical_orbits`), so a prototype has one name.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Key(StrEnum):
    """What makes two rows the same."""

    ID = "id"
    SCOPE = "scope"
    FORMULA_GROUP = "formula-group"
    FORMULA = "formula"
    CHEMICAL_SYSTEM = "chemical-system"
    PROTOTYPE = "prototype"


def keys_of(key: Key, ids: Sequence[str], scopes: Sequence[str]) -> list[str | None]:
    """Return the key of each row.

    Args:
        key: which one.
        ids: ids of the rows.
        scopes: their strings, of the ``orbit`` dialect; partial ones too.

    Returns:
        one text a row; ``None`` where a partial string does not tell it.
    """
    if key == Key.ID:
        return list(ids)
    from stratus.corpora.string_keys import READERS

    read = READERS[key]
    return [read(text) for text in scopes]
