"""How many test rows a model has met in some form before it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.corpora.keys import Key, keys_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

KEYS: Final = tuple(Key)


def leaks(folds: Sequence[Fold], table: Table) -> dict[Key, int]:
    """Count the test rows of which a key is that of a training or validation row.

    Args:
        folds: the folds; the rows of all their tests are counted together.
        table: their table.

    Returns:
        the counts by key. A partial crystal does not tell some keys, and then counts for none.
    """
    found = {}
    for key in KEYS:
        names = keys_of(key, table.ids, table.scopes)
        found[key] = sum(_leaked(fold, names) for fold in folds)
    return found


def _leaked(fold: Fold, names: Sequence[str | None]) -> int:
    learned = {names[row] for part in (fold.train, fold.validation) for row in part.tolist()}
    return sum(names[row] is not None and names[row] in learned for row in fold.test.tolist())
