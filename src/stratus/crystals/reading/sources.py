"""Find the crystals in inputs, in a fixed order, without parsing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from stratus.crystals.entry import Code, Reject
from stratus.crystals.reading.formats import take_apart
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.tables import table_records
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stratus.crystals.reading.record import ReadOptions


def records(
    inputs: Any, options: ReadOptions, stdin: BinaryIO | None = None
) -> Iterator[Record | Reject]:
    """Return what the inputs hold, in order; a directory's files by name, folders included.

    Args:
        inputs: paths, ``"-"`` for standard input, pymatgen structures, ASE atoms; one or many.
        options: how to read.
        stdin: what ``"-"`` reads.

    Raises:
        InputError: an input does not exist or is of no known kind; raised by the call itself.
    """
    if isinstance(inputs, (str, Path)):
        inputs = [inputs]
    found = list(inputs)
    for item in found:
        if isinstance(item, (str, Path)) and not Path(item).exists():
            raise InputError(f"{item} does not exist")
    return _all(found, options, stdin)


def _all(
    inputs: Iterable[Any], options: ReadOptions, stdin: BinaryIO | None
) -> Iterator[Record | Reject]:
    for item in inputs:
        path = Path(item)
        if path.is_dir():
            for file in _walk(path):
                yield from _file(file, file.relative_to(path).as_posix(), options)
        else:
            yield from _file(path, path.name, options)


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda p: p.name):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path


def _file(path: Path, shown: str, options: ReadOptions) -> Iterator[Record | Reject]:
    name, source = take_apart(shown), str(path)
    try:
        if name.format in {"parquet", "csv", "tsv"}:
            yield from table_records(path, name.format, name.stem, source, options)
        elif name.format == "cif":
            yield Record(name.stem, source, name.format, path)
        else:
            raise Refusal(Code.NOT_A_STRUCTURE, f"{shown} is of no kind that holds a structure")
    except Refusal as refusal:
        yield refusal.reject(name.stem, source)
