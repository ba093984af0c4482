"""A structure as a mapping: pymatgen's ``as_dict``, and a few plain forms.

The lattice and the sites are taken as numbers; a class that a file names is never imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.crystals.elements import SYMBOLS, deuterium_note
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.building import build, fractional, lattice_from_cell
from stratus.crystals.reading.cif_symbols import species_name, species_of
from stratus.crystals.reading.frame_values import BY_ANGLES, FrameSource
from stratus.crystals.reading.json_text import loads
from stratus.crystals.reading.periodicity import periodicity
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.site_properties import labels_of_structure, site_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from stratus.crystals.reading.record import ReadOptions

_TOLERANCE = 1e-3
_CELL_KEYS = ("a", "b", "c", "alpha", "beta", "gamma")


def is_structure(value: Any) -> bool:
    """Return whether a mapping is a structure itself, rather than holding one."""
    return isinstance(value, dict) and (
        "sites" in value
        or ("lattice_mat" in value and "elements" in value)
        or ("species" in value and ("frac_coords" in value or "coords" in value))
    )


def parse_mapping(
    value: Mapping[str, Any],
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Entry | Reject:
    """Return the crystal of a mapping for which :func:`is_structure` holds.

    Raises:
        Refusal: something is missing or of the wrong kind.
    """
    try:
        if "sites" in value:
            lattice, numbers, coords, species, words = _pymatgen(value)
        elif "lattice_mat" in value:
            lattice, numbers, coords, species, words = _plain(
                value["lattice_mat"],
                value["elements"],
                value["coords"],
                cartesian=bool(value.get("cartesian")),
            )
        else:
            given = value.get("lattice", value.get("cell"))
            fractional = "frac_coords" in value
            lattice, numbers, coords, species, words = _plain(
                given,
                value["species"],
                value["frac_coords"] if fractional else value["coords"],
                cartesian=not fractional and value.get("cartesian") is not False,
            )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise Refusal(Code.NOT_A_STRUCTURE, f"the mapping is no structure: {reason}") from error
    columns = {}
    if "sites" in value:
        columns = site_columns([site.get("properties") for site in value["sites"]])
        own = labels_of_structure(value.get("properties"), value.get("charge"))
        labels = own | dict(labels or {}) if own else labels
    inner = value.get("lattice")
    told = inner.get("pbc") if isinstance(inner, dict) else None
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=numbers,
        frac_coords=coords,
        options=options,
        species=species,
        labels=labels,
        notes=(*notes, *deuterium_note(words)),
        columns=columns,
        periodic=periodicity(told if told is not None else value.get("pbc")),
        frame=FrameSource(no_directions="" if _has_directions(inner, value) else BY_ANGLES),
    )


_Parts = tuple[
    "npt.NDArray[np.float64]",
    "npt.NDArray[np.int64]",
    "npt.NDArray[np.float64]",
    "tuple[str, ...] | None",
    "list[Any]",  # the species as they are written
]


def _pymatgen(value: Mapping[str, Any]) -> _Parts:
    given = value.get("lattice")
    if given is None:
        raise Refusal(Code.NOT_A_STRUCTURE, "the sites have no lattice: a molecule is no crystal")
    lattice = _lattice(given)
    sites = value["sites"]
    if not isinstance(sites, list):
        raise Refusal(Code.NOT_A_STRUCTURE, "the sites are no list")
    numbers, names, words, charged = [], [], [], False
    for position, site in enumerate(sites):
        kinds = site["species"] if "species" in site else [{"element": site["label"], "occu": 1}]
        if len(kinds) != 1 or abs(float(kinds[0].get("occu", 1)) - 1) > _TOLERANCE:
            raise Refusal(
                Code.PARTIAL_OCCUPANCY,
                f"site {position} is partially occupied; stratus reads ordered crystals: "
                "choose an ordered model of it first",
                Stage.CHECKING,
            )
        kind = kinds[0]
        if "Dummy" in str(kind.get("@class", "")):
            raise Refusal(
                Code.DUMMY_SPECIES, f"site {position} holds the dummy {kind['element']!r}"
            )
        words.append(kind["element"])
        number, name = species_of(kind["element"])
        charge = kind.get("oxidation_state")
        numbers.append(number)
        if charge is not None:
            name = species_name(SYMBOLS[number], float(charge))
            charged = charged or bool(charge)
        names.append(name or SYMBOLS[number])
    coords = _places(sites, lattice)
    species = tuple(names) if charged else None
    return lattice, np.array(numbers, dtype=np.int64), coords, species, words


def _places(sites: list[Any], lattice: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if all("abc" in site for site in sites):
        return np.array([site["abc"] for site in sites], dtype=np.float64).reshape(-1, 3)
    return fractional(
        np.array([site["xyz"] for site in sites], dtype=np.float64).reshape(-1, 3), lattice
    )


def _plain(lattice: Any, species: Any, coords: Any, *, cartesian: bool) -> _Parts:
    matrix = _lattice(lattice)
    words = species.split() if isinstance(species, str) else list(species)
    pairs = [species_of(word) for word in words]
    array = np.array(coords, dtype=np.float64)
    if array.size != 3 * len(pairs):
        raise Refusal(
            Code.UNREADABLE,
            f"{len(pairs)} species but {array.size} coordinates; three for each are needed",
        )
    array = array.reshape(-1, 3)
    if cartesian:
        array = fractional(array, matrix)
    named = None
    if any(name is not None for _, name in pairs):
        named = tuple(name or SYMBOLS[number] for number, name in pairs)
    return matrix, np.array([number for number, _ in pairs], dtype=np.int64), array, named, words


def _has_directions(given: Any, value: Mapping[str, Any]) -> bool:
    """Return whether a lattice is one of vectors, and not of lengths and angles."""
    if isinstance(given, dict):
        return "matrix" in given
    given = value.get("lattice_mat", value.get("cell") if given is None else given)
    return np.size(given) != len(_CELL_KEYS)


def _lattice(given: Any) -> npt.NDArray[np.float64]:
    if isinstance(given, dict):
        if "matrix" in given:
            given = given["matrix"]
        else:
            return lattice_from_cell([float(given[key]) for key in _CELL_KEYS])
    array = np.array(given, dtype=np.float64)
    if array.size == len(_CELL_KEYS):
        return lattice_from_cell(array.reshape(-1).tolist())
    if array.size != 9:
        raise Refusal(Code.BAD_LATTICE, f"the lattice has {array.size} numbers; 9 or 6 are needed")
    return array.reshape(3, 3)


def decoded(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises:
        Refusal: it is no JSON.
    """
    try:
        return loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(Code.UNREADABLE, f"the JSON is broken: {error}") from error
