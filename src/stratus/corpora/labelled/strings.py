"""Tables that hold SCOPE strings already, of whole crystals or of partial ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.corpora.labelled.gathering import Row
from stratus.crystals.entry import Code
from stratus.errors import InputError
from stratus.scope import Dialect, Scope
from stratus.scope.partial import UNKNOWN, check_partial

if TYPE_CHECKING:
    import pyarrow as pa

    from stratus.corpora.labelled.gathering import Where

SCOPE: Final = "scope"
DIALECT: Final = "dialect"


class Strings:
    """Rows with a string in the column ``scope``."""

    column = SCOPE
    own = frozenset({SCOPE})

    def __init__(self) -> None:
        self._known: dict[str, Row] = {}

    def rows(self, batch: pa.RecordBatch, where: Where) -> list[Row]:
        """Return what each row came to.

        Raises:
            stratus.errors.InputError: a row says that it is of another dialect.
        """
        _check_dialect(batch, where)
        return [self._row(str(text or "").strip()) for text in batch.column(SCOPE).to_pylist()]

    def _row(self, text: str) -> Row:
        if text not in self._known:
            self._known[text] = _read(text)
        return self._known[text]


def _read(text: str) -> Row:
    if not text:
        return Row(f"The row has nothing in {SCOPE}.", code=Code.UNREADABLE)
    try:
        if UNKNOWN in text:
            check_partial(text)
            return Row(text)
        return Row(text, Scope.parse(text).n_atoms)
    except InputError as error:
        return Row(str(error), code=Code.UNREADABLE)


def _check_dialect(batch: pa.RecordBatch, where: Where) -> None:
    if DIALECT not in batch.schema.names:
        return  # then each string has to prove it
    for place, dialect in enumerate(batch.column(DIALECT).to_pylist()):
        if dialect != Dialect.ORBIT:
            raise InputError(
                f"{where(place)} is of dialect {dialect!r}; labelled tables are read in the "
                f"{Dialect.ORBIT.value!r} dialect: encode the crystals with --dialect "
                f"{Dialect.ORBIT.value}"
            )
