"""Tables of predictions as pandas has them: the columns of the command line, ids as the index."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.inference.columns import ENDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from stratus.inference.columns import Cell, Column
    from stratus.models.model import Model


def data_frame(
    columns: Sequence[Column],
    lines: Iterable[Sequence[Cell]],
    model: Model,
    interval: float | None,
    **about: str,
) -> pd.DataFrame:
    """Return a table.

    Args:
        columns: those of the table on the command line, the ids first; those of the ends of
            intervals are left out where there are no intervals.
        lines: the cells of each row.
        model: what predicted.
        interval: share of crystals that the intervals are to hold; None for no intervals.
        about: what else there is to say.

    Returns:
        numbers as float64, whole ones as Int64, texts as they are; ``attrs`` holds ``stratus``,
        ``model``, ``interval`` and, by column, ``units`` and ``functionals``.
    """
    import pandas as pd

    by_column = list(zip(*lines, strict=True)) or [()] * len(columns)
    taken = [
        (column, cells)
        for column, cells in zip(columns, by_column, strict=True)
        if interval is not None or column.part not in ENDS
    ]
    (first, ids), *others = taken
    frame = pd.DataFrame(
        {column.name: _array(column, cells) for column, cells in others},
        index=pd.Index(list(ids), name=first.name, dtype=object),
    )
    frame.attrs = {
        "stratus": version("stratus-crystals"),
        "model": model.card.name,
        "interval": interval,
        **about,
        "units": {column.name: column.unit for column, _ in taken if column.unit},
        "functionals": {column.name: column.functional for column, _ in taken if column.functional},
    }
    return frame


def _array(column: Column, cells: Sequence[Cell]) -> Any:
    if column.kind == "number":
        return np.array([np.nan if cell is None else cell for cell in cells], np.float64)
    if column.kind == "whole":
        import pandas as pd

        return pd.array(list(cells), dtype="Int64")
    return np.array(["" if cell is None else cell for cell in cells], dtype=object)
