"""A split on disk: which id is in which part, and beside it a card that says how it was made."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import yaml
from pydantic import BaseModel, ConfigDict

from stratus.corpora.cards.files import card_path
from stratus.corpora.documents import read_yaml, validated
from stratus.corpora.keys import Key
from stratus.corpora.listing import listing_writer
from stratus.corpora.splits.leaks import leaks
from stratus.corpora.tables.disjoint import digest, digest_of
from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.files.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

ID: Final = "id"
SPLIT: Final = "split"
SUFFIXES: Final = (".csv", ".parquet")


class SplitCard(BaseModel):
    """How a split was made, and what leaks through it; ``SPLIT.card.yaml``.

    Attributes:
        format: version of this form.
        by: the rule: ``random``, ``formula``, ``scope``, ``chemical-system``, ``prototype`` or
            ``time``.
        seed: which lot; None for a split by time.
        folds: how many folds; None where there is one split by names.
        fractions: shares of training, validation and test rows; None for folds.
        time_column: the column of times, if it was split by time.
        tables: SHA-256 of each table that was split, by file name; of a folder an empty text.
        file_sha256: SHA-256 of the file of the split.
        sha256: digest of which ids are in which part, the same in whatever order the rows are;
            for folds, of which ids each fold tests.
        rows: rows of each part; of folds, the test rows of each.
        rejects: rows of the tables that could not be read, and are in no part.
        leaks: test rows of which the key is that of a training or validation row, by key; of all
            folds together.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    by: str
    seed: int | None
    folds: int | None
    fractions: tuple[float, float, float] | None
    time_column: str | None = None
    tables: dict[str, str]
    file_sha256: str
    sha256: str
    rows: dict[str, int]
    rejects: int
    leaks: dict[Key, int]


def check_split_path(path: Path) -> None:
    """Refuse a place where no split can be written, before any work.

    Raises:
        stratus.errors.InputError: a name that ends otherwise, or a folder that is not there.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path} has to end with {' or '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist; make it first")


def write_split(
    path: Path,
    table: Table,
    folds: Sequence[Fold],
    made: Mapping[str, Any],
    tables: Sequence[Path],
) -> SplitCard:
    """Write a split, and its card beside it.

    Args:
        path: a ``.csv`` or ``.parquet`` with the columns ``id`` and ``split``, sorted by id.
        table: what was split.
        folds: one with three parts, or several whose tests hold each row once.
        made: ``by``, ``seed``, ``folds``, ``fractions`` and ``time_column`` of the card.
        tables: the files of the table.

    Returns:
        the card.

    Raises:
        stratus.errors.InputError: a name that ends otherwise.
    """
    of_row = [""] * len(table)
    for fold in folds:
        parts = fold.parts if len(folds) == 1 else {fold.name: fold.test}
        for name, rows in parts.items():
            for row in rows.tolist():
                of_row[row] = name
    pairs = sorted(zip(table.ids, of_row, strict=True))
    with listing_writer(path, (ID, SPLIT)) as write:
        write(*zip(*pairs, strict=True))
    counts = {name: len(rows) for name, rows in folds[0].parts.items()}
    if len(folds) > 1:
        counts = {fold.name: len(fold.test) for fold in folds}
    card = SplitCard(
        **made,
        tables={p.name: sha256(p) if p.is_file() else "" for p in map(Path, tables)},
        file_sha256=sha256(path),
        sha256=split_digest(folds, table),
        rows=counts,
        rejects=len(table.rejects),
        leaks=leaks(folds, table),
    )
    text = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, width=100)
    write_whole(card_path(path), text)
    return card


def split_digest(folds: Sequence[Fold], table: Table) -> str:
    """Return the digest of a split, in whatever order the table has its rows.

    Args:
        folds: one, of which this is :func:`stratus.corpora.digest`, or several, of which it tells
            which ids each of them tests.
        table: their table.
    """
    if len(folds) == 1:
        return digest(folds[0], table)
    return digest_of({fold.name: fold.test for fold in folds}, table)


def read_split_card(path: Path) -> SplitCard:
    """Read the card of a split.

    Raises:
        stratus.errors.InputError: it is missing or no such card.
    """
    return validated(SplitCard, read_yaml(path), path)


def is_split_file(name: str) -> bool:
    """Return whether a text names a file of a split rather than a column of a table."""
    return Path(name).suffix in SUFFIXES


def with_split(table: Table, path: Path) -> Table:
    """Give each row of a table its part, from the file of a split.

    Args:
        table: the table that was split, or some rows of it.
        path: what :func:`write_split` wrote, or any ``.csv`` or ``.parquet`` with the columns
            ``id`` and ``split``.

    Returns:
        the table with ``splits``, for :func:`stratus.corpora.from_column`.

    Raises:
        stratus.errors.InputError: the file cannot be read, has an id twice, has changed since
            its card was written, or knows nothing of a row.
    """
    beside = card_path(path)
    if beside.is_file() and read_split_card(beside).file_sha256 != sha256(path):
        raise InputError(
            f"{path} has changed since its card {beside.name} was written; make the split anew, "
            "or remove the card"
        )
    of = _read(path)
    missing = [row for row, id_ in enumerate(table.ids) if id_ not in of]
    if missing:
        raise InputError(
            f"{path} does not say in which part row {missing[0]} (id "
            f"{table.ids[missing[0]]!r}) of the table is ({len(missing)} such rows); "
            "was it made for another table?"
        )
    return replace(table, splits=tuple(of[id_] for id_ in table.ids))


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file; check the path")
    try:
        if path.suffix == ".parquet":
            rows = pq.read_table(path, columns=[ID, SPLIT])
        else:
            texts = {ID: pa.string(), SPLIT: pa.string()}
            options = pa_csv.ConvertOptions(
                column_types=texts, include_columns=[ID, SPLIT], strings_can_be_null=False
            )
            parse = pa_csv.ParseOptions(newlines_in_values=True)
            rows = pa_csv.read_csv(path, convert_options=options, parse_options=parse)
        ids, parts = (rows.column(name).cast(pa.string()).to_pylist() for name in (ID, SPLIT))
    except (pa.ArrowException, KeyError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} cannot be read as a split ({reason}); it needs the columns id and split"
        ) from None
    of = dict(zip(ids, parts, strict=True))
    if len(of) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise InputError(f"{path} has the id {twice!r} twice")
    return of
