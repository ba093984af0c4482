"""Extended XYZ: one frame after the other, each with its lattice in the comment line."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from stratus.crystals.elements import deuterium_note
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.cif_symbols import species_of
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.periodicity import periodic_notes
from stratus.crystals.reading.record import Record
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.crystals.reading.record import ReadOptions

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
    """Return the crystal of one frame; the other values of its comment line are labels.

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
    kind_at, place_at = _columns(properties)
    notes = periodic_notes(info.pop("pbc", None))
    kinds, places = list[str](), []
    for atom, line in enumerate(lines[2 : 2 + int(lines[0])]):
        words = line.split()
        place = _numbers(" ".join(words[place_at : place_at + _VECTOR]))
        if place is None or len(place) != _VECTOR or len(words) <= kind_at:
            raise Refusal(Code.UNREADABLE, f"the line of atom {atom} does not hold {properties}")
        kinds.append(words[kind_at])
        places.append(place)
    coords = fractional(np.array(places, dtype=np.float64).reshape(-1, _VECTOR), lattice)
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=np.array([species_of(kind)[0] for kind in kinds], dtype=np.int64),
        frac_coords=coords,
        options=options,
        labels=info,
        notes=(*notes, *deuterium_note(kinds)),
    )


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
        if value is None:
            info[match["key"].strip('"')] = True
        elif value[0] in "\"'{":
            info[match["key"].strip('"')] = value[1:-1]
        else:
            try:
                info[match["key"].strip('"')] = loads(value)
            except ValueError:
                info[match["key"].strip('"')] = value
    for key in list(info):
        if key.lower() in {"lattice", "properties", "pbc"}:
            proper = "pbc" if key.lower() == "pbc" else key.capitalize()
            info[proper] = info.pop(key)
    return info


def _columns(properties: object) -> tuple[int, int]:
    """Return the first column of the species and of the positions."""
    parts = str(properties).split(":")
    at, found = 0, dict[str, int]()
    for name, _, width in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        found[name.lower()] = at
        if not width.isdigit():
            raise Refusal(Code.UNREADABLE, f"Properties={properties} cannot be understood")
        at += int(width)
    kind = found.get("species", found.get("z"))
    place = found.get("pos", found.get("positions"))
    if kind is None or place is None:
        raise Refusal(Code.NOT_A_STRUCTURE, f"Properties={properties} names no species or no pos")
    return kind, place


def _numbers(text: object) -> list[float] | None:
    if isinstance(text, list):
        text = " ".join(str(value) for value in np.array(text).reshape(-1))
    if not isinstance(text, str):
        return None
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return None


_MAX_LINE = 1 << 24
_MANY = 100_000
