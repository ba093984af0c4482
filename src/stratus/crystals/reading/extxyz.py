"""Extended XYZ: one frame after the other, each with its lattice in the comment line."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import numpy as np

from stratus.crystals.elements import deuterium_note
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.cif_symbols import species_of
from stratus.crystals.reading.frame_values import ASE_SOURCE
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.periodicity import periodicity
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from stratus.crystals.reading.record import ReadOptions

    Floats = npt.NDArray[np.float64]

_PAIR = re.compile(
    r"""(?P<key>[A-Za-z_][\w\-.]*|"[^"]*")\s*(?:=\s*(?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|\{[^{}]*\}|\[(?:[^\[\]]|\[[^\[\]]*\])*\]|\S+))?"""
)
_VECTOR = 3
_MATRIX = 9


def extxyz_records(
    stream: BinaryIO, stem: str, source: str, options: ReadOptions
) -> Iterator[Record]:
    """Yield one record for each frame of an extended XYZ file.

    Raises:
        Refusal: a frame does not begin with a number of atoms, or is cut off; the frames before
            it were yielded.
    """
    first: str | None = None
    frame = 0
    for frame, text in enumerate(_frames(stream, options)):
        if frame == 0:
            first = text  # whether its id needs a number shows with the second frame
            continue
        if frame == 1:
            yield Record(f"{stem}:0", f"{source}:0", "extxyz", first)
        yield Record(f"{stem}:{frame}", f"{source}:{frame}", "extxyz", text)
    if first is None:
        raise Refusal(Code.NOT_A_STRUCTURE, "the file holds no frame")
    if frame == 0:
        yield Record(stem, source, "extxyz", first)


def parse_extxyz(
    text: str,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
) -> Entry | Reject:
    """Return the crystal of one frame, with its comment line and its further columns.

    Values of the comment line are labels, columns of numbers are arrays. Stress is as ASE writes
    it, and a virial is minus the stress times the volume.

    Raises:
        Refusal: no lattice, or a line that does not hold what ``Properties`` says.
    """
    lines = text.split("\n")
    info = _comment(lines[1])
    flat = _numbers(info.pop("Lattice", None))
    if flat is None or len(flat) != _MATRIX:
        raise Refusal(
            Code.NOT_A_STRUCTURE, "the frame has no Lattice of nine numbers: it is no crystal"
        )
    lattice = np.array(flat, dtype=np.float64).reshape(3, 3)
    properties = info.pop("Properties", "species:S:1:pos:R:3")
    periodic = periodicity(info.pop("pbc", None))
    kind, place, others = _columns(properties)
    rows = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    places = _block(rows, place, properties)
    kinds = [row[kind.start] for row in rows if len(row) > kind.start]
    if len(kinds) != len(places):
        raise Refusal(Code.UNREADABLE, f"a line of an atom does not hold {properties}")
    coords = fractional(places, lattice)
    columns, left_out = _arrays(rows, others, properties)
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=np.array([species_of(kind)[0] for kind in kinds], dtype=np.int64),
        frac_coords=coords,
        options=options,
        labels=info,
        notes=deuterium_note(kinds),
        left_out=left_out,
        columns=columns,
        periodic=periodic,
        frame=ASE_SOURCE,
    )


def _block(rows: list[list[str]], column: _Column, properties: object) -> Floats:
    """Return some columns of all atoms as numbers, shape (n, width).

    Raises:
        Refusal: a line is too short or holds what is no number; names the atom.
    """
    start, end = column.start, column.start + column.width
    words = [row[start:end] for row in rows]
    try:
        flat = [float(word) for row in words for word in row]
    except ValueError:
        flat = []
    if len(flat) != len(rows) * column.width:
        atom = next((n for n, row in enumerate(words) if not _holds(row, column.width)), 0)
        raise Refusal(Code.UNREADABLE, f"the line of atom {atom} does not hold {properties}")
    return np.array(flat, dtype=np.float64).reshape(-1, column.width)


def _holds(words: list[str], width: int) -> bool:
    return len(words) == width and _numbers(" ".join(words)) is not None


def _arrays(
    rows: list[list[str]], columns: list[_Column], properties: object
) -> tuple[dict[str, Floats], list[str]]:
    """Return the further columns of numbers and truth values, and notes on those of texts."""
    found, notes = dict[str, Any](), list[str]()
    for column in columns:
        if column.kind == "S":
            notes.append(f"{column.name} left out: it does not hold a number for each atom")
            continue
        written = rows
        if column.kind == "L":
            written = [[_TRUTH.get(word.lower(), word) for word in row] for row in rows]
        values = _block(written, column, properties)
        found[column.name] = values[:, 0] if column.width == 1 else values
    return found, notes


_TRUTH: Final = {"t": "1", "true": "1", "f": "0", "false": "0"}


def _frames(stream: BinaryIO, options: ReadOptions) -> Iterator[str]:
    frame = 0
    while line := stream.readline(_MAX_LINE):
        line = line.removeprefix(codecs.BOM_UTF8)
        if not line.strip():
            continue
        try:
            count = int(line)
        except ValueError:
            raise Refusal(
                Code.UNREADABLE, f"frame {frame} does not begin with its number of atoms"
            ) from None
        if not 0 <= count <= max(10 * options.max_atoms, _MANY):
            raise Refusal(Code.TOO_MANY_ATOMS, f"frame {frame} announces {count} atoms")
        lines = [stream.readline(_MAX_LINE) for _ in range(count + 1)]
        if not all(lines):
            raise Refusal(Code.UNREADABLE, f"frame {frame} is cut off: it announces {count} atoms")
        yield b"".join([line, *lines]).decode("utf-8", errors="replace")
        frame += 1


def _comment(line: str) -> dict[str, Any]:
    info: dict[str, Any] = {}
    for match in _PAIR.finditer(line):
        value = match["value"]
        info[match["key"].strip('"')] = True if value is None else _value(value)
    for key in list(info):
        if key.lower() in {"lattice", "properties", "pbc"}:
            proper = "pbc" if key.lower() == "pbc" else key.capitalize()
            info[proper] = info.pop(key)
    return info


def _value(text: str) -> Any:
    """Return a number, a text, or an array of several numbers."""
    if text[0] in "\"'{":
        text = text[1:-1]
        if text.startswith(_JSON):
            return _arrayed(_decoded(text.removeprefix(_JSON).replace('\\"', '"')))
        numbers = _numbers(text) if text[:1] in _BEGINS and len(text.split()) > 1 else None
        return text if numbers is None else np.array(numbers)
    found = _decoded(text)
    if text[0] == "[" and isinstance(found, str):
        numbers = _numbers(text.strip("[]").replace(",", " "))
        return text if numbers is None else np.array(numbers)
    return _arrayed(found)


_JSON: Final = "_JSON "
_BEGINS: Final = tuple("0123456789+-. ")


def _decoded(text: str) -> Any:
    try:
        return loads(text)
    except (ValueError, RecursionError):
        return text


def _arrayed(value: Any) -> Any:
    """Return an array of what is a list of numbers, and anything else as it is."""
    if not isinstance(value, list):
        return value
    try:
        array = np.array(value)
    except ValueError:  # rows of different lengths
        return value
    return array.astype(np.float64) if array.dtype.kind in "iuf" else value


class _Column(NamedTuple):
    """Some columns of the lines of the atoms that are one property.

    Attributes:
        name: of the property.
        kind: R, I, S or L.
        start: the first column.
        width: how many there are.
    """

    name: str
    kind: str
    start: int
    width: int


def _columns(properties: object) -> tuple[_Column, _Column, list[_Column]]:
    """Return where the species are, the positions, and everything else.

    Raises:
        Refusal: ``Properties`` cannot be understood or names no species or no positions.
    """
    parts = str(properties).split(":")
    at, found = 0, list[_Column]()
    for name, letter, width in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        if not width.isdigit():
            raise Refusal(Code.UNREADABLE, f"Properties={properties} cannot be understood")
        found.append(_Column(name, letter.upper(), at, int(width)))
        at += int(width)
    named = {column.name.lower(): column for column in reversed(found)}
    kind = named.get("species", named.get("z"))
    place = named.get("pos", named.get("positions"))
    if kind is None or place is None or place.width != _VECTOR:
        raise Refusal(Code.NOT_A_STRUCTURE, f"Properties={properties} names no species or no pos")
    others = [one for one in found if one not in {kind, place} and one.name.lower() != "z"]
    return kind, place, others


def _numbers(value: object) -> list[float] | None:
    if isinstance(value, np.ndarray):
        return list(value.reshape(-1).tolist())
    if not isinstance(value, str):
        return None
    try:
        return [float(word) for word in value.split()]
    except ValueError:
        return None


_MAX_LINE = 1 << 24
_MANY = 100_000
