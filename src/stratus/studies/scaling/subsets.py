"""A part of a table's training rows, with the same validation and test rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stratus.corpora.packed.info import SPLITS
from stratus.corpora.packed.splitting import DUPLICATE, fate_of_rows
from stratus.corpora.packed.table import COLUMNS, open_table
from stratus.errors import InputError
from stratus.files.whole import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from stratus.training.options import PretrainOptions

_TRAIN: Final = SPLITS.index("train")
_ANY_LENGTH: Final = 1 << 30
_SEED: Final = 20_240_521


def table_of_share(table: Path, folder: Path, share: float, options: PretrainOptions) -> Path:
    """Return a table with a share of the training rows of another, and all its other rows.

    A smaller share is part of a larger one, so runs that differ in it differ in nothing else.

    Args:
        table: the Parquet of ``stratus encode``.
        folder: where a new table is written, unless it is there.
        share: of the training rows; with 1 the table itself is returned.
        options: of the run: its fractions and salt decide which rows are for training.

    Raises:
        stratus.errors.InputError: the table cannot be used, or no training row would be left.
    """
    if share == 1:
        return table
    path = folder / f"share-{share:g}.parquet"
    if path.is_file():
        return path
    with open_table(table) as rows:
        fates = fate_of_rows(rows, options.shares, options.salt, _ANY_LENGTH)
    train = np.flatnonzero(fates == _TRAIN)
    kept = round(share * len(train))
    if kept < 1:
        raise InputError(f"{share:g} of the {len(train)} training rows of {table} is none")
    order = np.random.default_rng(_SEED).permutation(len(train))
    keep = (fates != _TRAIN) & (fates != DUPLICATE)
    keep[train[order[:kept]]] = True
    whole = pq.read_table(table, columns=list(COLUMNS))
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as draft:
        pq.write_table(whole.filter(pa.array(keep)), draft)
    return path
