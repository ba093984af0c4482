"""The table of SCOPE strings, read in stretches: memory does not grow with its rows."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stratus.errors import InputError
from stratus.scope.vocabulary import Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stratus.scope.vocabulary import Vocabulary

DIALECT: Final = "orbit"
COLUMNS: Final = ("id", "scope", "dialect")
STRETCH_ROWS: Final = 65_536


class ScopeTable:
    """The strings of a Parquet that ``stratus encode`` wrote.

    Args:
        path: the Parquet.
        file: the same, open.
    """

    def __init__(self, path: Path, file: pq.ParquetFile) -> None:
        self.path = path
        self._file = file
        missing = [name for name in COLUMNS if name not in file.schema_arrow.names]
        if missing:
            raise InputError(
                f"{path} has no column {missing[0]!r}; give it a Parquet that `stratus encode` "
                "wrote"
            )

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self._file.metadata.num_rows)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return self._file.schema_arrow

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield rows in stretches, after a look at their dialect and their strings.

        Args:
            columns: columns that the table has; all of them if not said.

        Raises:
            InputError: a dialect that is not ``orbit``, or a row without a string.
        """
        row = 0
        names = self.schema.names if columns is None else list(columns)
        for batch in self._stretches(list(dict.fromkeys([*names, "scope", "dialect"]))):
            found = pc.unique(self._texts(batch, "dialect")).to_pylist()
            other = [dialect for dialect in found if dialect != DIALECT]
            if other:
                raise InputError(
                    f"{self.path} has rows of dialect {other[0]!r}; the {DIALECT!r} dialect alone "
                    f"is canonical: encode the crystals with --dialect {DIALECT}"
                )
            empty = self._texts(batch, "scope").is_null()
            if pc.any(empty).as_py():
                first = row + int(np.flatnonzero(empty.to_numpy(zero_copy_only=False))[0])
                raise InputError(f"row {first} of {self.path} has no SCOPE string; remove the row")
            yield batch.select(names)
            row += len(batch)

    def strings(self) -> Iterator[pa.Array]:
        """Yield the strings in stretches.

        Raises:
            InputError: as :meth:`rows`.
        """
        for batch in self.rows(["scope"]):
            yield self._texts(batch, "scope")

    def tokens(self, vocabulary: Vocabulary) -> Iterator[tuple[pa.Array, pa.ListArray]]:
        """Yield the ids of the rows and their tokens (``list<uint16>``) in stretches.

        Raises:
            InputError: a word is no token; names the row.
        """
        words = [
            None if role is Role.SPECIAL else token  # no string of a crystal holds a special token
            for token, role in zip(vocabulary.tokens, vocabulary.roles, strict=True)
        ]
        known = pa.array(words, type=pa.string())
        row = 0
        for batch in self._stretches(["id", "scope"]):
            ids = pc.fill_null(self._texts(batch, "id"), "")
            texts = self._texts(batch, "scope")
            split = pc.split_pattern(texts, " ")
            numbers = pc.index_in(split.values, value_set=known)
            if numbers.null_count:
                self._refuse(texts, ids, split, numbers, row)
            yield ids, pa.ListArray.from_arrays(split.offsets, numbers.cast(pa.uint16()))
            row += len(texts)

    def _refuse(
        self, texts: pa.Array, ids: pa.Array, split: pa.ListArray, numbers: pa.Array, row: int
    ) -> None:
        """Name the first row with a word that is no token."""
        word = int(np.flatnonzero(numbers.is_null().to_numpy(zero_copy_only=False))[0])
        place = int(np.searchsorted(split.offsets.to_numpy(), word, side="right")) - 1
        raise InputError(
            f"row {row + place} (id {ids[place].as_py()!r}) of {self.path} is no SCOPE string of "
            f"the {DIALECT} dialect: {split.values[word].as_py()!r} is no token, "
            f"in {texts[place].as_py()!r}; encode the crystal anew"
        )

    def _stretches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        with _readable(self.path):
            yield from self._file.iter_batches(STRETCH_ROWS, columns=columns)

    def _texts(self, batch: pa.RecordBatch, name: str) -> pa.Array:
        try:
            return batch.column(name).cast(pa.string())
        except pa.ArrowException as error:
            raise InputError(
                f"the column {name!r} of {self.path} holds no text ({error}); give it a Parquet "
                "that `stratus encode` wrote"
            ) from None


class ScopeTables:
    """Several tables of strings, one after another.

    Args:
        tables: at least one.
    """

    def __init__(self, tables: Sequence[ScopeTable]) -> None:
        self.tables = tuple(tables)

    def __len__(self) -> int:
        """Return the number of rows of all."""
        return sum(map(len, self.tables))

    def strings(self) -> Iterator[pa.Array]:
        """Yield the strings in stretches, as :meth:`ScopeTable.strings` does."""
        for table in self.tables:
            yield from table.strings()

    def tokens(self, vocabulary: Vocabulary) -> Iterator[tuple[pa.Array, pa.ListArray]]:
        """Yield ids and tokens in stretches, as :meth:`ScopeTable.tokens` does."""
        for table in self.tables:
            yield from table.tokens(vocabulary)


@contextmanager
def open_tables(paths: Sequence[Path]) -> Iterator[ScopeTables]:
    """Open several Parquets of SCOPE strings.

    Raises:
        InputError: as :func:`open_table`.
    """
    with ExitStack() as stack:
        yield ScopeTables([stack.enter_context(open_table(path)) for path in paths])


@contextmanager
def open_table(path: Path) -> Iterator[ScopeTable]:
    """Open a Parquet of SCOPE strings.

    Raises:
        InputError: there is no such file, it is no Parquet, or a column is missing.
    """
    if not path.is_file():
        raise InputError(f"{path} does not exist or is no file; check the path")
    with _readable(path):
        file: Any = pq.ParquetFile(path)
    with file:
        yield ScopeTable(path, file)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a Parquet: {reason}; make it anew") from None
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        raise InputError(f"{path} cannot be read: {reason}") from None
