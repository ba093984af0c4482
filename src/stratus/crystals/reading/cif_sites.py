"""The sites that a CIF block lists: element, charge, place, occupancy."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.crystals.checks import coordinates_problem
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Code, Stage
from stratus.crystals.reading.cif_symbols import label_reading, species_name, type_reading
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from stratus.crystals.reading.cif_symbols import Reading

OCCUPANCY_TOLERANCE = 1e-3
"""An occupancy this near to 1 is 1, and this near to 0 is 0."""

_AXES = ("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z")
_NUMBER = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?:\(|$)")
_LONGEST_NUMBER = 1000  # characters
_COLUMNS = (
    *_AXES,
    "_atom_site_label",
    "_atom_site_type_symbol",
    "_atom_site_occupancy",
    "_atom_site_calc_flag",
)
_FULL = frozenset({"1", "1.0", "1.00", "1.000", "?", "."})
_UNKNOWN = frozenset({"?", ".", ""})
_HIGHEST_CHARGE = 100
_SAME_PLACE = 1e-3  # fractional
_FEW = 32  # sites up to which all pairs are compared
_CHARGE_END = re.compile(r"\d?[+,\-]?$")


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites of a block, as listed; all of them fully occupied.

    Attributes:
        names: s labels, for messages.
        numbers: s atomic numbers.
        coords: shape (s, 3), fractional.
        readings: s times what the site's word can mean.
        several: whether a word can mean several elements.
        charges: oxidation states by type symbol and element, empty where the block gives none.
        words: s type symbols, or ``None`` where the block gives labels alone.
        notes: what was decided, one sentence each.
    """

    names: list[str]
    numbers: list[int]
    coords: npt.NDArray[np.float64]
    readings: list[Reading]
    several: bool
    charges: dict[str, float]
    words: list[str] | None
    notes: list[str]

    @property
    def species(self) -> list[str] | None:
        """The names with charges that ``_atom_type_oxidation_number`` gives, as in pymatgen."""
        if not self.charges:
            return None
        symbols = [SYMBOLS[number] for number in self.numbers]
        found = [self.charges.get(symbol, 0.0) for symbol in symbols]
        if self.words is not None:
            found = [
                self.charges.get(word, value) for word, value in zip(self.words, found, strict=True)
            ]
        return [species_name(symbol, value) for symbol, value in zip(symbols, found, strict=True)]

    def subset(self, wanted: Sequence[int]) -> Sites:
        """Return the sites with these indices, in this order."""
        return Sites(
            [self.names[i] for i in wanted],
            [self.numbers[i] for i in wanted],
            self.coords[list(wanted)],
            [self.readings[i] for i in wanted],
            self.several,
            self.charges,
            None if self.words is None else [self.words[i] for i in wanted],
            self.notes,
        )


def number_of(text: str) -> float | None:
    """Return a CIF number without its uncertainty, or ``None`` if the text is none."""
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    match = _NUMBER.match(text.strip("'\" \t\n;"))
    return float(match[1]) if match is not None else None


def read_sites(block: Any) -> Sites:
    """Return the sites of a ``gemmi.cif.Block``.

    Raises:
        Refusal: a site has no coordinates, names no element, or is partially occupied.
    """
    table = _table(block)
    if any(axis not in table for axis in _AXES):
        raise Refusal(Code.NOT_A_STRUCTURE, "the sites lack one of the fractional coordinates")
    xs, ys, zs = (table[axis] for axis in _AXES)
    symbols = table.get("_atom_site_type_symbol")
    labels = table.get("_atom_site_label", symbols)
    if labels is None:
        raise Refusal(Code.NOT_A_STRUCTURE, "the sites have neither a label nor a type symbol")
    words = labels if symbols is None else symbols
    notes: list[str] = []
    rows, shares = _present(table, labels, notes)
    if len(rows) < len(labels):
        xs, ys, zs, labels, words = (
            [column[row] for row in rows] for column in (xs, ys, zs, labels, words)
        )
    places = (_numbers(xs), _numbers(ys), _numbers(zs))
    missing = [site for site, place in enumerate(zip(*places, strict=True)) if None in place]
    if missing:
        site = missing[0]
        raise Refusal(
            Code.NOT_A_STRUCTURE,
            f"site {labels[site]} has no coordinates ({xs[site]} {ys[site]} {zs[site]}), "
            "so the crystal is incomplete",
        )
    readings = _readings(labels, words if symbols is not None else None)
    special = [r for r in readings if r.note is not None or len(r.numbers) > 1]
    notes += dict.fromkeys(reading.note for reading in special if reading.note is not None)
    coords = np.array(places, dtype=np.float64).T
    problem = coordinates_problem(coords)
    if problem is not None:
        raise Refusal(Code.BAD_COORDINATES, problem, Stage.CHECKING)
    sites = Sites(
        names=labels,
        numbers=[reading.numbers[0] for reading in readings],
        coords=coords,
        readings=readings,
        several=any(len(reading.numbers) > 1 for reading in special),
        charges=_charges(block),
        words=words if symbols is not None else None,
        notes=notes,
    )
    partial = {
        site: share for site, share in enumerate(shares) if abs(share - 1) > OCCUPANCY_TOLERANCE
    }
    return sites if not partial else _fill(sites, partial)


def _present(
    table: dict[str, list[str]], labels: list[str], notes: list[str]
) -> tuple[Sequence[int], Sequence[float]]:
    """Return the rows that stand for atoms, and the occupancy of each."""
    occupancy, flags = table.get("_atom_site_occupancy"), table.get("_atom_site_calc_flag")
    if flags is None and (occupancy is None or all(text in _FULL for text in occupancy)):
        return range(len(labels)), ()
    rows, shares = [], []
    for row, label in enumerate(labels):
        if flags is not None and flags[row] == "dum":
            notes.append(f"site {label} is marked as a dummy and left out")
            continue
        share = 1.0 if occupancy is None else _occupancy(occupancy[row], label)
        if abs(share) <= OCCUPANCY_TOLERANCE:
            notes.append(f"site {label} has occupancy 0 and is left out")
            continue
        rows.append(row)
        shares.append(share)
    return rows, shares


def _readings(labels: list[str], words: list[str] | None) -> list[Reading]:
    if words is None:
        return list(map(label_reading, labels))
    if _UNKNOWN.isdisjoint(words):
        return list(map(type_reading, words))
    return [
        label_reading(label) if word in _UNKNOWN else type_reading(word)
        for label, word in zip(labels, words, strict=True)
    ]


def _numbers(column: list[str]) -> list[float | None] | list[float]:
    try:
        return list(map(float, column))
    except ValueError:
        return [number_of(text) for text in column]


def _table(block: Any) -> dict[str, list[str]]:
    """Return the columns of the atom sites by lower-case tag, each value without quotes."""
    loop_column = block.find_loop(_AXES[0])
    loop = loop_column.get_loop()
    if loop is None and not block.find_values(_AXES[0]):
        loop = block.find_loop("_atom_site.fract_x").get_loop()
    if loop is None:  # one site, written without a loop
        table = {}
        for tag in _COLUMNS:
            raw = block.find_value(tag)
            if raw is not None:
                table[tag] = [_unquoted(raw)]
        return table
    width, values = len(loop.tags), loop.values
    table = {}
    for position, tag in enumerate(loop.tags):
        name = tag.lower().replace("_atom_site.", "_atom_site_")
        if name in _COLUMNS and name not in table:
            column = values[position::width]
            if "'" in "".join(column) or '"' in "".join(column) or ";" in "".join(column):
                column = [_unquoted(raw) for raw in column]
            table[name] = column
    return table


def _unquoted(raw: str) -> str:
    import gemmi

    return gemmi.cif.as_string(raw).strip() if raw.startswith(("'", '"', ";")) else raw


def _occupancy(text: str, label: str) -> float:
    if text in _UNKNOWN:
        return 1.0
    value = number_of(text)
    if value is None:
        raise Refusal(Code.UNREADABLE, f"site {label} has occupancy {text!r}, which is no number")
    return value


def _charges(block: Any) -> dict[str, float]:
    """Return what ``_atom_type_oxidation_number`` gives, if any of it is a charge."""
    column = block.find_values("_atom_type_oxidation_number")
    if not column:
        return {}
    types = [_unquoted(raw) for raw in block.find_values("_atom_type_symbol")]
    charges: dict[str, float] = {}
    for name, raw in zip(types, column, strict=False):
        value = 0.0 if raw == "." else number_of(raw)
        if value is None or not abs(value) < _HIGHEST_CHARGE:
            return {}
        charges[name] = value
        charges[_CHARGE_END.sub("", name)] = value
    return charges if any(charges.values()) else {}


def _fill(sites: Sites, partial: dict[int, float]) -> Sites:
    """Join sites of one element that fill one place together; refuse what stays partial."""
    dropped: set[int] = set()
    notes = list(sites.notes)
    near = _neighbours(sites.coords, list(partial))
    for first, share in partial.items():
        if first in dropped:
            continue
        together = [other for other in near(first) if other not in dropped]
        total = sum(partial[other] for other in together)
        elements = {sites.numbers[other] for other in together}
        if len(elements) == 1 and abs(total - 1) <= OCCUPANCY_TOLERANCE:
            dropped.update(other for other in together if other != first)
            notes.append(f"sites at the place of {sites.names[first]} add up to one atom")
            continue
        others = ", ".join(sites.names[other] for other in together if other != first)
        shared = f" and shares its place with {others}" if others else ""
        raise Refusal(
            Code.PARTIAL_OCCUPANCY,
            f"site {sites.names[first]} has occupancy {share:g}{shared}; "
            "stratus reads ordered crystals: choose an ordered model of it first",
            Stage.CHECKING,
        )
    whole = sites.subset([site for site in range(len(sites.names)) if site not in dropped])
    return replace(whole, notes=notes)


def _neighbours(coords: npt.NDArray[np.float64], rows: list[int]) -> Callable[[int], Iterable[int]]:
    """Return a function from a row to those of the rows that are at the same place."""
    if len(rows) <= _FEW:
        places = coords.tolist()

        def compare(row: int) -> Iterable[int]:
            x, y, z = places[row]
            for other in rows:
                u, v, w = places[other]
                apart = max(
                    abs(u - x - round(u - x)), abs(v - y - round(v - y)), abs(w - z - round(w - z))
                )
                if apart < _SAME_PLACE:
                    yield other

        return compare
    from scipy.spatial import cKDTree

    inside = coords - np.floor(coords)
    inside[inside >= 1] = 0.0  # what -1e-17 becomes
    tree = cKDTree(inside[rows], boxsize=1.0)

    def look_up(row: int) -> Iterable[int]:
        return [rows[k] for k in sorted(tree.query_ball_point(inside[row], _SAME_PLACE, p=np.inf))]

    return look_up
