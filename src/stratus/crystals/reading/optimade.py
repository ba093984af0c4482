"""A structure entry as the OPTIMADE specification 1.2 writes it, from any provider.

https://github.com/Materials-Consortia/OPTIMADE/blob/v1.2.0/optimade.rst, "Structures Entries".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.elements import NUMBERS, deuterium_note
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.building import build, fractional
from stratus.crystals.reading.periodicity import periodicity, periodicity_of_count
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from stratus.crystals.reading.periodicity import Periodicity
    from stratus.crystals.reading.record import ReadOptions

FIELDS: Final = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species_at_sites",
    "species",
    "nperiodic_dimensions",
    "structure_features",
)
"""The properties that make the crystal; all others are labels."""

_TOLERANCE = 1e-3


def is_optimade(value: Any) -> bool:
    """Return whether a mapping is an OPTIMADE structure: an entry, or its attributes alone."""
    if not isinstance(value, dict):
        return False
    inside = value.get("attributes")
    if isinstance(inside, dict):
        return value.get("type") == "structures" or "lattice_vectors" in inside
    return "lattice_vectors" in value and "cartesian_site_positions" in value


def parse_optimade(
    value: Mapping[str, Any],
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
) -> Entry | Reject:
    """Return the crystal of a mapping for which :func:`is_optimade` holds.

    Raises:
        Refusal: a property of the crystal is missing, null or of the wrong kind, or a site is
            shared, empty or unknown.
    """
    given = value.get("attributes", value)
    lattice = _vectors(given.get("lattice_vectors"), "lattice_vectors", Code.BAD_LATTICE)
    if len(lattice) != 3:
        raise Refusal(Code.BAD_LATTICE, f"lattice_vectors has {len(lattice)} vectors; 3 are needed")
    names = given.get("species_at_sites")
    if not isinstance(names, list) or not names:
        raise Refusal(Code.NOT_A_STRUCTURE, "species_at_sites is missing: the sites are unknown")
    places = _vectors(
        given.get("cartesian_site_positions"), "cartesian_site_positions", Code.BAD_COORDINATES
    )
    if len(places) != len(names):
        raise Refusal(Code.UNREADABLE, f"{len(names)} species_at_sites but {len(places)} positions")
    elements = _elements(given.get("species"))
    numbers = [_number(name, elements) for name in names]
    notes += deuterium_note(_written(given.get("species"), names))
    own = {name: item for name, item in given.items() if name not in FIELDS}
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=np.array(numbers, dtype=np.int64),
        frac_coords=fractional(places, lattice),
        options=options,
        labels={**own, **(labels or {})},
        notes=notes,
        periodic=_periodicity(given),
    )


def _periodicity(given: Mapping[str, Any]) -> Periodicity:
    """Return along which axes it is periodic: ``dimension_types``, else how many there are."""
    types = given.get("dimension_types")
    if isinstance(types, list) and len(types) == 3 and None not in types:
        return periodicity(types)
    return periodicity_of_count(given.get("nperiodic_dimensions"))


def _vectors(value: Any, name: str, code: Code) -> npt.NDArray[np.float64]:
    """Return rows of three numbers; a null among them, which OPTIMADE allows, is refused."""
    if value is None:
        raise Refusal(code, f"{name} is missing")
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise Refusal(code, f"{name} holds what is no number") from None
    if array.ndim != 2 or array.shape[1] != 3:
        raise Refusal(code, f"{name} is not a list of vectors of three numbers")
    if not np.isfinite(array).all():
        raise Refusal(code, f"{name} holds a null: the crystal is not known whole")
    return array


def _elements(species: Any) -> dict[str, int | Refusal]:
    """Return the atomic number of each species, or why it has none."""
    found: dict[str, int | Refusal] = {}
    for one in species if isinstance(species, list) else ():
        if not isinstance(one, dict) or not isinstance(one.get("chemical_symbols"), list):
            raise Refusal(Code.UNREADABLE, "species holds what is no species")
        found[str(one.get("name"))] = _element(one)
    return found


def _written(species: Any, names: list[Any]) -> list[Any]:
    """Return the symbols of the species that are at sites, as the provider writes them."""
    symbols = {str(one.get("name")): one["chemical_symbols"] for one in species or ()}
    return [
        symbol for name in dict.fromkeys(map(str, names)) for symbol in symbols.get(name, [name])
    ]


def _element(one: Mapping[str, Any]) -> int | Refusal:
    name, symbols = one.get("name"), one["chemical_symbols"]
    shares = one.get("concentration") or [1.0] * len(symbols)
    whole = len(symbols) == 1 and len(shares) == 1 and abs(_share(shares[0]) - 1) <= _TOLERANCE
    if not whole:
        return Refusal(
            Code.PARTIAL_OCCUPANCY,
            f"the species {name!r} is partially occupied; stratus reads ordered crystals: "
            "choose an ordered model of it first",
            Stage.CHECKING,
        )
    if one.get("attached"):
        return Refusal(
            Code.DUMMY_SPECIES,
            f"the species {name!r} has atoms attached that have no positions",
            Stage.CHECKING,
        )
    return _symbol(symbols[0])


def _share(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _symbol(symbol: Any) -> int | Refusal:
    number = NUMBERS.get("H" if symbol == "D" else symbol) if isinstance(symbol, str) else None
    if number is None:
        return Refusal(Code.DUMMY_SPECIES, f"{symbol!r} names no element", Stage.CHECKING)
    return number


def _number(name: Any, elements: Mapping[str, int | Refusal]) -> int:
    found = elements.get(name) if isinstance(name, str) else None
    if found is None:
        found = _symbol(name)  # a provider that leaves out `species` writes elements at the sites
    if isinstance(found, Refusal):
        raise found
    return found
