"""Tables that hold SCOPE strings already, of whole crystals or of partial ones."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from stratus.corpora.tables.formulas import formula_text
from stratus.corpora.tables.text_rows import KIND_OF_STRINGS, SCOPE
from stratus.crystals.entry import Code
from stratus.crystals.reading.column_names import find_column
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import InputError
from stratus.scope import Dialect

if TYPE_CHECKING:
    import pyarrow as pa

    from stratus.corpora.tables.text_rows import Where
    from stratus.crystals.facets import Crystal
    from stratus.scope.dialects import AnyScope

_REMEMBERED: Final = 1 << 14  # strings; tables may be longer than memory


class StringTexts:
    """Texts for a model of strings.

    Args:
        strings: how they are written: ``orbit`` or ``paper``.
    """

    def __init__(self, strings: str) -> None:
        self._dialect = Dialect(strings)
        self._strings = Strings(self._dialect)

    def string(self, text: str) -> Crystal | Refusal:
        """Return what a SCOPE string comes to."""
        return self._strings.read(text)

    def formula(self, formula: Any, space_group: Any = None) -> Crystal | Refusal:
        """Return what a formula and a space group come to."""
        if self._dialect is not Dialect.ORBIT:
            return Refusal(
                Code.BAD_FORMULA,
                f"a formula can be written in the {Dialect.ORBIT} dialect alone, and the model "
                f"reads {self._dialect}",
            )
        return formula_text(formula, space_group)

    def scope(self, scope: AnyScope) -> Crystal | Refusal:
        """Return what a :class:`stratus.Scope` comes to."""
        if not isinstance(scope, self._dialect.scope):
            return Refusal(
                Code.UNREADABLE,
                f"it is a {type(scope).__name__}, but the model reads the {self._dialect} dialect: "
                f"encode the crystal with dialect={self._dialect.value!r}",
            )
        return self._dialect.crystal(str(scope), scope.n_atoms)


class Strings:
    """Rows with a string in the column ``scope``, in whatever case.

    Args:
        dialect: of the strings; those of another one are rejects.
        column: how the column is written.
    """

    has_formulas: Final = False

    def __init__(self, dialect: Dialect = Dialect.ORBIT, column: str = SCOPE) -> None:
        self.dialect = dialect
        self.column = column
        self.own = frozenset({column})
        self._read = lru_cache(maxsize=_REMEMBERED)(self._row)

    def rows(self, batch: pa.RecordBatch, where: Where) -> list[Crystal | Refusal]:
        """Return what each row came to.

        Raises:
            stratus.errors.InputError: a row says that it is of another dialect.
        """
        self._check_dialect(batch, where)
        return [self.read(str(text or "")) for text in batch.column(self.column).to_pylist()]

    def read(self, text: str) -> Crystal | Refusal:
        """Return what one string came to."""
        return self._read(text.strip())

    def _row(self, text: str) -> Crystal | Refusal:
        if not text:
            return Refusal(Code.UNREADABLE, f"The row has nothing in {self.column}.")
        try:
            return self.dialect.read(text)
        except InputError as error:
            return Refusal(Code.UNREADABLE, f"{error}{self._hint(text)}")

    def _hint(self, text: str) -> str:
        """Say so where a string is good in another dialect."""
        for other in Dialect:
            if other is not self.dialect:
                try:
                    other.scope.parse(text)
                except InputError:
                    continue
                return f"; it is a string of the {other} dialect, and {self.dialect} is read here"
        return ""

    def _check_dialect(self, batch: pa.RecordBatch, where: Where) -> None:
        column = find_column(KIND_OF_STRINGS, batch.schema.names, "the table")
        if column is None:
            return  # then each string has to prove it
        for place, dialect in enumerate(batch.column(column).to_pylist()):
            if dialect != self.dialect:
                raise InputError(
                    f"{where(place)} is of dialect {dialect!r}, but {self.dialect.value!r} is read "
                    f"here: encode the crystals with --dialect {self.dialect}, or read the table "
                    "in its own"
                )
