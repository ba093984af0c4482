"""Whether crystals in memory have coordinates, before any of them is read."""

from __future__ import annotations

import os
from typing import Any

from stratus.corpora.tables.crystal_texts import is_scope
from stratus.crystals.facets import Crystal
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.column_names import usable_names
from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.sources import is_path
from stratus.crystals.reading.table_columns import find_columns, has_structures
from stratus.crystals.reading.tables import TABLES
from stratus.inference.frames import SOURCE, is_frame
from stratus.inference.input_kinds import amounts_of, is_file_text


def have_coordinates(crystals: Any) -> bool:
    """Return whether each of some crystals is a structure, by what kind of input it is.

    No file is opened: one that is no table, by its name, is taken for a structure.

    Args:
        crystals: a ``DataFrame``, a ``Series`` or a list of inputs as
            :func:`stratus.inference.inputs.rows` takes them.
    """
    if is_frame(crystals):
        names = usable_names([str(name) for name in crystals.columns])
        if has_structures(names, SOURCE, ReadOptions()):
            cells = find_columns(names, SOURCE, ReadOptions()).structure
            return cells is None or have_coordinates(list(crystals.iloc[:, names.index(cells)]))
        return len(names) == 1 and have_coordinates(list(crystals.iloc[:, 0]))
    return all(map(_has_coordinates, crystals))


def _has_coordinates(one: object) -> bool:
    if isinstance(one, str) and not is_path(one):
        return is_file_text(one)  # else a SCOPE string or a formula
    if isinstance(one, str | os.PathLike):
        return take_apart(os.fsdecode(one)).format not in TABLES
    if isinstance(one, Crystal):
        return one.atoms is not None
    return not (is_scope(one) or amounts_of(one) is not None)
