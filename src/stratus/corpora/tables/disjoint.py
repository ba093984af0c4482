"""Proof that the parts of a fold share no row, and how many crystals they share."""

from __future__ import annotations

import hashlib
import json
from itertools import combinations
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import numpy.typing as npt

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

_SHOWN = 5


class Overlap(BaseModel):
    """How many crystals the parts of a fold share: different rows with one key.

    A key is the SCOPE string; see :attr:`stratus.corpora.tables.table.Table.keys`.

    A twin may also be a partial crystal, or another crystal of the same elements; that is counted
    by formula, and by formula with space group. A row whose space group is unknown has no twin in
    the last sense.

    Attributes:
        train_validation: keys in both.
        train_test: keys in both.
        validation_test: keys in both.
        test_rows: test rows whose key is that of a training or validation row.
        test_formula_and_group: test rows whose formula and space group are those of such a row.
        test_formula: test rows whose formula is that of such a row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_validation: int
    train_test: int
    validation_test: int
    test_rows: int
    test_formula_and_group: int
    test_formula: int


def check_disjoint(
    fold: Fold, table: Table, *, strict: bool = False, needs_test: bool = True
) -> Overlap:
    """Check that no row is in two parts of a fold; count the keys that are.

    Official folds may hold one crystal twice, under two ids; that is counted, and refused only if
    ``strict``.

    Args:
        fold: the fold.
        table: its table.
        strict: refuse a key that a test row shares with a training or validation row.
        needs_test: refuse a fold without test rows; without any, nothing is measured.

    Returns:
        the counts.

    Raises:
        stratus.errors.InputError: a part holds a row twice or one that is not in the table, two
            parts share an id (names it), there are no training or test rows, or, if ``strict``,
            a key is shared.
    """
    ids: dict[str, set[str]] = {}
    keys: dict[str, set[str]] = {}
    for name, rows in fold.parts.items():
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(table):
            raise InputError(
                f"the {name} rows of fold {fold.name} reach from {rows.min()} to {rows.max()}, but "
                f"the table has rows 0 to {len(table) - 1}; was it made for another table?"
            )
        if not len(rows) and (name == "train" or (name == "test" and needs_test)):
            raise InputError(f"fold {fold.name} has no {name} rows")
        ids[name] = {table.ids[row] for row in rows}
        keys[name] = {table.keys[row] for row in rows}
        if len(ids[name]) < len(rows):
            raise InputError(f"the {name} rows of fold {fold.name} hold an id more than once")
    for one, other in combinations(ids, 2):
        both = sorted(ids[one] & ids[other])
        if both:
            raise InputError(
                f"fold {fold.name}: {len(both)} ids are {one} and {other} rows at once: "
                f"{_some(both)}; each row belongs to one part"
            )
    seen = keys["train"] | keys["validation"]
    touched = [table.ids[row] for row in fold.test if table.keys[row] in seen]
    if strict and touched:
        raise InputError(
            f"fold {fold.name}: {len(touched)} test rows are crystals that are training or "
            f"validation rows too, by their {table.key_name}: {_some(touched)}; keep rows of one "
            "together"
        )
    learned = [*fold.train.tolist(), *fold.validation.tolist()]
    test, formulas = fold.test.tolist(), table.compositions
    groups = [crystal.space_group for crystal in table.crystals]
    seen_formulas = {formulas[row] for row in learned}
    seen_pairs = {(groups[row], formulas[row]) for row in learned if groups[row] is not None}
    return Overlap(
        train_validation=len(keys["train"] & keys["validation"]),
        train_test=len(keys["train"] & keys["test"]),
        validation_test=len(keys["validation"] & keys["test"]),
        test_rows=len(touched),
        test_formula_and_group=sum((groups[row], formulas[row]) in seen_pairs for row in test),
        test_formula=sum(formulas[row] in seen_formulas for row in test),
    )


def digest(fold: Fold, table: Table) -> str:
    """Return the sha256 of a fold: which ids are in which part, in whatever order the table has.

    Args:
        fold: the fold.
        table: its table.
    """
    return digest_of(fold.parts, table)


def digest_of(parts: Mapping[str, npt.NDArray[np.int64]], table: Table) -> str:
    """Return the sha256 of parts of any names, as :func:`digest` does of a fold.

    Args:
        parts: rows by the name of the part.
        table: their table.
    """
    ids = {name: sorted(table.ids[row] for row in rows) for name, rows in parts.items()}
    text = json.dumps(ids, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")
