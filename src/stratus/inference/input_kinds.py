"""What one input is: a file, a text of one of several kinds, or an object in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from stratus.corpora.tables.crystal_file import CrystalFile
from stratus.corpora.tables.crystal_texts import is_scope
from stratus.corpora.tables.layout import file_layout
from stratus.corpora.tables.text_rows import text_row
from stratus.crystals.elements import NUMBERS
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.facets import Crystal
from stratus.crystals.formula import LONGEST, read_noted
from stratus.crystals.reading import Record, records
from stratus.crystals.reading.containers import ON_DISK, by_content
from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.sources import STDIN, is_ase, is_path, is_pymatgen
from stratus.crystals.reading.tables import TABLES
from stratus.errors import InputError
from stratus.inference.frames import Cell, frame_cells, is_frame
from stratus.inference.row import Row, formula_row, row_of
from stratus.inference.text_tables import text_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from stratus.corpora.tables.crystal_texts import CrystalTexts
    from stratus.corpora.tables.text_rows import RowReader
    from stratus.crystals.facets import ReadFacet
    from stratus.crystals.reading import ReadOptions
    from stratus.crystals.reading.file_names import FileNames

KINDS: Final = (
    "a path, a SCOPE string, CIF text, a formula, a structure of pymatgen or ASE, a mapping, an "
    "entry or a table"
)
"""What is taken, in words."""

_ONE: Final = (str, bytes, os.PathLike, Mapping, Crystal, Entry, Reject)
_DEEPEST: Final = 64
_OF_A_FILE: Final = ("data_", "{")


class Input(NamedTuple):
    """One input.

    Attributes:
        place: among the inputs, from 0.
        value: the input.
        label: what the caller calls it, such as its index in a pandas ``Series``; None for no name.
        alone: whether it is the only one, so that the rows of a ``DataFrame`` are inputs.
    """

    place: int
    value: object
    label: str | None = None
    alone: bool = False

    @property
    def name(self) -> str:
        """The id of a crystal that has no other."""
        return str(self.place) if self.label is None else self.label

    @property
    def source(self) -> str:
        """Where the input stands, for people."""
        return f"input {self.place}"


class ToEncode(NamedTuple):
    """An input whose crystals still have to be encoded.

    Attributes:
        place: of the input.
        records: what it holds.
        note: what was decided about it; empty for nothing.
        spread: whether each of its crystals is an input of its own.
    """

    place: int
    records: Iterator[Record | Reject]
    note: str = ""
    spread: bool = False


@dataclass(frozen=True)
class InputReader:
    """From an input to its rows, or to what has to be encoded first.

    Attributes:
        reads: what is read of the crystals.
        read: columns of tables, and what counts as a crystal.
        names: what the files of all inputs are called.
        stdin: what ``"-"`` reads.
        keep_columns: whether rows carry the other columns of their tables.
        texts: how strings and formulas are read.
    """

    reads: ReadFacet
    read: ReadOptions
    names: FileNames
    stdin: BinaryIO | None
    keep_columns: bool
    texts: CrystalTexts

    def rows(self, one: Input) -> Iterator[Row | ToEncode]:
        """Yield what an input holds.

        Raises:
            stratus.errors.InputError: a column that the options name is missing in a table, or it
                holds strings that are written in another way.
        """
        try:
            yield from self._rows(one)
        except Refusal as refusal:
            reject = refusal.reject(one.name, one.source)
            yield Row(reject.id, None, reject, reject.source, place=one.place)

    def _rows(self, one: Input) -> Iterator[Row | ToEncode]:
        value = one.value
        if isinstance(value, str):
            yield from self._text(one, str(value))
        elif isinstance(value, os.PathLike):
            yield from self._file(one, os.fsdecode(value))
        elif isinstance(value, Reject):
            yield Row(value.id, None, value, value.source, place=one.place)
        elif isinstance(value, Crystal) or is_scope(value):
            known = value if isinstance(value, Crystal) else self.texts.scope(value)
            yield row_of(text_row(one.name, one.source, known))._replace(place=one.place)
        elif isinstance(value, Entry):
            yield _to_encode(one, "entry", value, value.id, value.source)
        elif is_pymatgen(value):
            yield _to_encode(one, "structure", value)
        elif is_ase(value):
            yield _to_encode(one, "atoms", value)
        elif (amounts := amounts_of(value)) is not None:
            yield self._formula(one, _written(amounts))
        elif isinstance(value, Mapping):
            _check_depth(value)
            yield _to_encode(one, "mapping", dict(value))
        elif is_frame(value):
            yield from self._frame(one, value)
        elif is_nothing(value):
            raise Refusal(Code.UNREADABLE, f"there is nothing here: {value}")
        else:
            raise Refusal(
                Code.NOT_A_STRUCTURE,
                f"a value of type {type(value).__name__} is no crystal; give {KINDS}",
            )

    def _frame(self, one: Input, frame: pd.DataFrame) -> Iterator[Row | ToEncode]:
        for part in frame_cells(frame, self.reads, self.read):
            if isinstance(part, Record):
                first = one.place + part.payload.first_row if one.alone else one.place
                yield ToEncode(first, iter([part]), spread=one.alone)
                continue
            place = one.place + part.number if one.alone else one.place
            if isinstance(part, Cell):
                yield from self.rows(Input(place, part.value, part.id))
            else:
                yield row_of(part.row)._replace(place=place)

    def _text(self, one: Input, text: str) -> Iterator[Row | ToEncode]:
        stripped = text.strip()
        if text == STDIN and self.stdin is not None:
            yield ToEncode(one.place, records([STDIN], self.read, self.stdin))
        elif is_path(text):
            yield from self._file(one, text)
        elif not stripped:
            raise Refusal(Code.UNREADABLE, "the text is empty")
        elif is_file_text(stripped):
            yield _to_encode(one, "mapping", text)
        elif " | " in stripped:
            yield self._string(one, stripped)
        else:
            yield self._formula(one, stripped)

    def _string(self, one: Input, text: str) -> Row:
        found = text_row(one.name, one.source, self.texts.string(text))
        return row_of(found)._replace(place=one.place)

    def _formula(self, one: Input, text: str) -> Row:
        source = f"formula {one.place}"
        name = text if len(text) <= LONGEST else one.source
        row = formula_row(name, text, source, self.texts)
        known = row.reject is None or row.reject.code is Code.MISSING_FACET
        if row.reject is not None and isinstance(one.value, str) and not known:
            why = _no_formula(text, row.reject.detail)
            if why.code is Code.UNREADABLE:
                raise why
            row = row._replace(reject=replace(row.reject, detail=why.detail))
        return row._replace(id=row.id if one.label is None else one.label, place=one.place)

    def _file(self, one: Input, path: str) -> Iterator[Row | ToEncode]:
        if not is_path(path):
            raise Refusal(Code.UNREADABLE, f"{path} does not exist")
        note = _note_on(path) if isinstance(one.value, str) else ""
        file, reader = self._opened(Path(path))
        if reader is None:
            yield ToEncode(one.place, _named(file, one.label), note)
            return
        for row in text_table(file, reader, keep=self.keep_columns):
            yield row._replace(place=one.place, notes=(note, *row.notes) if note else row.notes)

    def _opened(self, path: Path) -> tuple[CrystalFile, RowReader | None]:
        """Return a file, and the reader of its strings or formulas if it is a table of such."""
        file = CrystalFile(path, self.read, self.names)
        if not path.is_file() or _format(path) not in TABLES:
            return file, None
        return file, file_layout(file, reads=self.reads).reader


def is_nothing(value: object) -> bool:
    """Whether a value stands for an absent one: None, NaN, or what pandas writes for it."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def is_one(value: Any) -> bool:
    """Whether a value is one input, even where it can be iterated."""
    return (
        isinstance(value, _ONE)
        or is_scope(value)
        or is_pymatgen(value)
        or is_ase(value)
        or hasattr(value, "get_el_amt_dict")
    )


def require_inputs(inputs: Any) -> None:
    """Find out before the work whether the texts and paths among inputs can be read as anything.

    Raises:
        stratus.errors.InputError: there is no input, a path does not exist, or a text is nothing.
    """
    if not inputs:
        raise InputError("No input was given; name files or folders of crystals")
    for item in inputs:
        if isinstance(item, os.PathLike) and not is_path(os.fsdecode(item)):
            raise InputError(f"{item} does not exist")
        if not isinstance(item, str) or item == STDIN or is_path(item):
            continue
        text = item.strip()
        if " | " not in text and not is_file_text(text):
            try:
                read_noted(text)
            except InputError as error:
                raise InputError(_no_formula(text, str(error)).detail) from None


def is_file_text(text: str) -> bool:
    """Whether a text is that of a file, such as a CIF, and no SCOPE string or formula."""
    stripped = text.strip()
    return len(stripped.splitlines()) > 1 or stripped.startswith(_OF_A_FILE)


def _no_formula(text: str, reason: str) -> Refusal:
    """Return why a text that is neither a file nor a string is no formula either."""
    name = take_apart(text)
    if "/" in text or os.sep in text or name.format is not None or name.compression is not None:
        return Refusal(Code.UNREADABLE, f"{text} does not exist")
    return Refusal(Code.BAD_FORMULA, f"{reason}; nor is it a file, a SCOPE string or CIF text")


def _note_on(path: str) -> str:
    """Return a note where the name of a file is a formula too."""
    if os.sep in path or "." in path:
        return ""
    try:
        read_noted(path)
    except InputError:
        return ""
    return f"{path} is read as the file of this name, not as a formula"


def _to_encode(
    one: Input, kind: str, value: object, name: str | None = None, source: str = ""
) -> ToEncode:
    id = one.name if name is None or one.label is not None else name  # noqa: A001 - the field's name
    return ToEncode(one.place, iter([Record(id, source or one.source, kind, value)]))


def _named(file: CrystalFile, label: str | None) -> Iterator[Record | Reject]:
    """Yield what a file holds; one of one crystal is called as the caller calls it."""
    for record in file.records():
        plain = isinstance(record, Record) and record.format in ON_DISK
        yield replace(record, id=label) if plain and label is not None else record


def _format(path: Path) -> str | None:
    """Return the format of a file, which its first bytes tell where its name does not."""
    try:
        return by_content(path, take_apart(path.name)).format
    except OSError:  # reading it will say what is wrong
        return None


def amounts_of(value: object) -> Mapping[str, float] | None:
    """Return the amounts of a pymatgen ``Composition``, or of a mapping of elements to amounts."""
    if hasattr(value, "get_el_amt_dict"):
        found: Mapping[str, float] = value.get_el_amt_dict()
        return found
    if isinstance(value, Mapping) and value and all(
        isinstance(name, str) and (name in NUMBERS or name == "D")
        and isinstance(amount, int | float) and not isinstance(amount, bool)
        for name, amount in value.items()
    ):  # fmt: skip
        return value
    return None


def _written(amounts: Mapping[str, float]) -> str:
    """Return a formula."""
    return "".join(
        symbol if amount == 1 else f"{symbol}{amount:.12g}" for symbol, amount in amounts.items()
    )


def _check_depth(value: object) -> None:
    """Refuse what is nested so deep that no structure is.

    Raises:
        Refusal: it is.
    """
    level = {id(value): value}
    for _ in range(_DEEPEST):
        level = {  # each once, or a few lists in each other would be very many
            id(inner): inner
            for one in level.values()
            for inner in (one.values() if isinstance(one, Mapping) else one)  # type: ignore[attr-defined]
            if isinstance(inner, Mapping | list | tuple)
        }
        if not level:
            return
    raise Refusal(Code.UNREADABLE, f"the mapping is nested more than {_DEEPEST} levels deep")
