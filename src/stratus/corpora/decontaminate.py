"""A corpus without the crystals of the tables that a model will be tested on."""

from __future__ import annotations

import re
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.corpora.dedupe import check_tables
from stratus.corpora.keys import Key, keys_of
from stratus.corpora.listing import RowWriter, listing_writer
from stratus.corpora.packed.table import open_table
from stratus.corpora.tables.read_tables import file_names
from stratus.corpora.tables.reading import read_crystals
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from stratus.corpora.encoding.options import EncodeOptions
    from stratus.corpora.tables.table import Table
    from stratus.crystals.entry import Reject

KEYS: Final = (Key.ID, Key.SCOPE, Key.FORMULA)
COUNTED: Final = (Key.ID, Key.SCOPE, Key.FORMULA_GROUP, Key.FORMULA)
MOST_TABLES: Final = 62  # one bit of a number each

_FIELDS: Final = ("id", "keys", "tables")


@dataclass(frozen=True, slots=True)
class Against:
    """What was found of one of the tables.

    Attributes:
        name: what it is called.
        rows: its crystals.
        without_id: those that had no id of their own, so that ids tell nothing.
        rejects: its rows that could not be read, which nothing can be held against.
        matches: rows of the corpus with the key of one of its rows, by key.
    """

    name: str
    rows: int
    without_id: int
    rejects: tuple[Reject, ...]
    matches: dict[Key, int]


@dataclass(frozen=True, slots=True)
class DecontaminateSummary:
    """What became of the rows; ``rows_in`` is always ``rows_out`` and ``removed`` together.

    Attributes:
        output: the table that was written.
        by: the keys by which rows were removed.
        rows_in: rows of the corpus.
        rows_out: rows kept.
        matches: rows with the key of a row of any table, by key; for some more keys than ``by``.
        against: the same for each table.
        seconds: how long it took.
    """

    output: str
    by: tuple[Key, ...]
    rows_in: int
    rows_out: int
    matches: dict[Key, int]
    against: tuple[Against, ...]
    seconds: float

    @property
    def removed(self) -> int:
        """Rows left out."""
        return self.rows_in - self.rows_out


@dataclass(slots=True)
class _Known:
    """The keys of all tables: in which tables each stands, as bits."""

    keys: tuple[Key, ...]
    tables: dict[Key, dict[str, int]] = field(default_factory=dict)
    counts: list[Counter[Key]] = field(default_factory=list)
    total: Counter[Key] = field(default_factory=Counter)

    def add(self, table: Table, own: npt.NDArray[np.bool_]) -> None:
        bit = 1 << len(self.counts)
        self.counts.append(Counter())
        for key in self.keys:
            known = self.tables.setdefault(key, {})
            found = keys_of(key, table.ids, table.scopes)
            for text, has_id in zip(found, own.tolist(), strict=True):
                if text is not None and (has_id or key != Key.ID):
                    known[text] = known.get(text, 0) | bit

    def look(self, ids: Sequence[str], scopes: Sequence[str]) -> dict[Key, npt.NDArray[np.int64]]:
        """Return, by key, the tables that each row is in; count them."""
        bits = {}
        for key in self.keys:
            known = self.tables.get(key, {})
            found = [
                0 if text is None else known.get(text, 0) for text in keys_of(key, ids, scopes)
            ]
            bits[key] = here = np.array(found, dtype=np.int64)
            self.total[key] += int((here > 0).sum())
            for place, count in enumerate(self.counts):
                count[key] += int((here >> place & 1).sum())
        return bits


def decontaminate(  # noqa: PLR0913 - one for each thing that a command may say
    corpus: Path,
    against: Sequence[Path],
    output: Path,
    *,
    by: Sequence[Key] = KEYS,
    removed: Path | None = None,
    options: EncodeOptions | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> DecontaminateSummary:
    """Copy a corpus without the rows that stand in other tables.

    A row is left out if one of its keys is that of a row of a table. The keys of the tables are
    held in memory, the corpus is not.

    Args:
        corpus: a Parquet of ``stratus encode``.
        against: tables of structures, SCOPE strings or formulas, in any form that
            :func:`stratus.corpora.read_labelled` takes.
        output: the Parquet to write: the rows kept, in their order, with all columns. It is there
            whole or not at all.
        by: the keys; id, string and formula if not said. Ids are compared as they are written, and
            an id that was made from a row's number is none.
        removed: a ``.csv`` or ``.parquet`` for the rows left out: id, the keys by which, and the
            tables in which.
        options: how the structures of the tables are read and become strings.
        formula_column: the column of the formulas of the tables.
        space_group_column: the column of the space groups that belong to formulas.
        on_rows: called with the number of rows of each stretch of the corpus.

    Returns:
        the counts, by key and by table.

    Raises:
        stratus.errors.InputError: a table, the corpus or an option cannot be used.
    """
    begin = time.monotonic()
    check_tables([corpus, *against], output, removed)
    if not against:
        raise InputError("no table was named to hold the corpus against; give at least one")
    if len(against) > MOST_TABLES:
        raise InputError(f"{len(against)} tables were named; at most {MOST_TABLES} are taken")
    wanted = tuple(dict.fromkeys(map(Key, by)))
    if not wanted:
        raise InputError(f"no key was named; name one of {', '.join(Key)}")
    known = _Known(tuple(dict.fromkeys([*COUNTED, *wanted])))
    names = _names(against)
    with ExitStack() as stack:
        table = stack.enter_context(open_table(corpus))
        read = []
        for name, path in zip(names, against, strict=True):
            crystals = read_crystals(
                path,
                options=options,
                formula_column=formula_column,
                space_group_column=space_group_column,
            )
            own = _own_ids(crystals.ids, path)
            known.add(crystals, own)
            read.append((name, len(crystals), int((~own).sum()), crystals.rejects))
        writer = stack.enter_context(RowWriter(output, [table.schema], "decontaminate"))
        listing = listing_writer(removed, _FIELDS) if removed is not None else None
        write = stack.enter_context(listing) if listing is not None else None
        rows_out = 0
        for batch in table.rows():
            ids = ["" if value is None else str(value) for value in batch.column("id").to_pylist()]
            bits = known.look(ids, batch.column("scope").to_pylist())
            gone = np.logical_or.reduce([bits[key] > 0 for key in wanted])
            writer.write(batch, ~gone)
            rows_out += int((~gone).sum())
            if write is not None:
                write(*_listed(ids, {key: bits[key] for key in wanted}, gone, names))
            if on_rows is not None:
                on_rows(len(batch))
        writer.note(
            {
                "by": [key.value for key in wanted],
                "against": {name: rows for name, rows, _, _ in read},
                "rows_in": len(table),
            }
        )
    return DecontaminateSummary(
        str(output),
        wanted,
        len(table),
        rows_out,
        {key: known.total[key] for key in known.keys},
        tuple(
            Against(*found, matches={key: counts[key] for key in known.keys})
            for found, counts in zip(read, known.counts, strict=True)
        ),
        time.monotonic() - begin,
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the names of files, or all of their paths where two names are alike."""
    if len(paths) > 1:
        file_names(paths)  # refuses a file that is named twice
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _own_ids(ids: Sequence[str], path: Path) -> npt.NDArray[np.bool_]:
    """Return which ids are of the table itself, and not made from the number of a row."""
    made = re.compile(rf"({re.escape(path.name)}|{re.escape(path.stem)}):\d+")
    return np.array([made.fullmatch(text) is None for text in ids], dtype=np.bool_)


def _listed(
    ids: Sequence[str],
    bits: dict[Key, npt.NDArray[np.int64]],
    gone: npt.NDArray[np.bool_],
    names: Sequence[str],
) -> tuple[list[str], list[str], list[str]]:
    """Return id, keys and tables of the rows that are left out."""
    rows = np.flatnonzero(gone).tolist()
    keys = [" ".join(key for key, here in bits.items() if here[row]) for row in rows]
    every = np.bitwise_or.reduce(list(bits.values()))
    tables = [
        " ".join(name for place, name in enumerate(names) if int(every[row]) >> place & 1)
        for row in rows
    ]
    return [ids[row] for row in rows], keys, tables
