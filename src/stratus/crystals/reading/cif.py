"""CIF: from text to entries, in pymatgen's order of sites and a hundredth of its time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.reading.building import build, lattice_from_cell
from stratus.crystals.reading.cif_composition import differences
from stratus.crystals.reading.cif_formula import stated_formula, stated_units
from stratus.crystals.reading.cif_labels import decided
from stratus.crystals.reading.cif_sites import Sites, number_of, read_sites
from stratus.crystals.reading.cif_symmetry import is_modulated, operations
from stratus.crystals.reading.cif_text import blocks_of
from stratus.crystals.reading.frame_values import FrameSource
from stratus.crystals.reading.orbits import IMAGE_TOLERANCE, expand
from stratus.crystals.reading.refusal import Refusal
from stratus.crystals.reading.site_order import pymatgen_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from stratus.crystals.reading.record import ReadOptions

_CELL_TAGS = (
    "_cell_length_a",
    "_cell_length_b",
    "_cell_length_c",
    "_cell_angle_alpha",
    "_cell_angle_beta",
    "_cell_angle_gamma",
)
_RIGHT_ANGLE = 90.0


def parse_cif(
    text: str,
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None = None,
) -> Iterator[Entry | Reject]:
    """Yield one outcome for each block of a CIF text that lists atoms, or one reject.

    Args:
        text: the whole CIF.
        id: the crystal's id; ``id:block`` when the text holds several crystals.
        source: where the text stands.
        options: what counts as a crystal.
        labels: carried into each entry.
    """
    try:
        blocks, note = blocks_of(text)
        crystals = [block for block in blocks if _has_sites(block)]
        if not crystals:
            raise Refusal(Code.NOT_A_STRUCTURE, _what_is_missing(blocks))
    except Refusal as refusal:
        yield refusal.reject(id, source)
        return
    seen: Counter[str] = Counter()
    for block in crystals:
        own_id = id
        if len(crystals) > 1:
            seen[block.name] += 1
            again = f"#{seen[block.name]}" if seen[block.name] > 1 else ""
            own_id = f"{id}:{block.name}{again}"
        try:
            yield _entry(block, own_id, source, options, labels, note)
        except Refusal as refusal:
            yield refusal.reject(own_id, source)


def _entry(
    block: Any,
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None,
    note: str | None,
) -> Entry | Reject:
    if is_modulated(block):
        raise Refusal(
            Code.NOT_A_STRUCTURE,
            "an incommensurate (modulated) structure has no unit cell of atoms",
        )
    cell = _cell(block)
    lattice = lattice_from_cell(cell)
    sites = read_sites(block)
    (rotations, translations), choices = operations(block, cell, lattice, sites)
    if len(sites.numbers) * len(rotations) > options.max_atoms * 200:
        raise Refusal(
            Code.TOO_MANY_ATOMS,
            f"{len(sites.numbers)} sites under {len(rotations)} operations are far more than "
            f"{options.max_atoms} atoms",
        )
    images = expand(sites.coords, rotations, translations, lattice)
    sites = decided(block, sites, images)
    notes = [text for text in (note, *choices) if text is not None] + sites.notes
    outcome = _assembled(sites, images, lattice, id, source, options, labels, tuple(notes))
    if isinstance(outcome, Reject) and outcome.code is Code.OVERLAPPING_ATOMS:
        kept = _without_repeats(sites, images, lattice)
        if len(kept) < len(images):
            sites = sites.subset(kept)
            notes.append(f"{len(images) - len(kept)} sites are listed twice and taken once")
            images = [images[site] for site in kept]
            outcome = _assembled(sites, images, lattice, id, source, options, labels, tuple(notes))
    return _beside_formula(outcome, block, sites)


def _beside_formula(outcome: Entry | Reject, block: Any, sites: Sites) -> Entry | Reject:
    """Return an entry with notes on where its atoms and the block's formula disagree."""
    formula = stated_formula(block) if isinstance(outcome, Entry) else None
    if formula is None or isinstance(outcome, Reject):
        return outcome
    counts = dict(Counter(outcome.numbers.tolist()))
    found = differences(counts, sites, formula, stated_units(block))
    return replace(outcome, notes=(*outcome.notes, *found)) if found else outcome


def _assembled(  # noqa: PLR0917 - what an entry is made of
    sites: Sites,
    images: list[npt.NDArray[np.float64]],
    lattice: npt.NDArray[np.float64],
    id: str,  # noqa: A002 - the field's name
    source: str,
    options: ReadOptions,
    labels: Mapping[str, Any] | None,
    notes: tuple[str, ...],
) -> Entry | Reject:
    order = pymatgen_order(sites.numbers, sites.species)
    counts = [len(images[site]) for site in order]
    numbers = np.repeat(np.array([sites.numbers[site] for site in order], dtype=np.int64), counts)
    species = None
    if sites.species is not None:
        species = tuple(
            sites.species[site]
            for site, count in zip(order, counts, strict=True)
            for _ in range(count)
        )
    coords = [images[site] for site in order]
    return build(
        id=id,
        source=source,
        lattice=lattice,
        numbers=numbers,
        frac_coords=np.concatenate(coords) if coords else np.empty((0, 3)),
        options=options,
        species=species,
        labels=labels,
        notes=notes,
        frame=_SOURCE,
    )


_SOURCE: Final = FrameSource(
    no_directions="a CIF does not say how its cell lies in space",
    no_order="the atoms of a CIF are made from sites and sorted",
)


def _without_repeats(
    sites: Sites, images: list[npt.NDArray[np.float64]], lattice: npt.NDArray[np.float64]
) -> list[int]:
    """Return the sites that are not at the place of an earlier one.

    Raises:
        Refusal: two sites of different elements are at one place.
    """
    kept: list[int] = []
    for site, orbit in enumerate(images):
        repeated = False
        for earlier in kept:
            delta = images[earlier] - orbit[0]
            delta -= np.rint(delta)
            delta = delta @ lattice
            if np.einsum("ij,ij->i", delta, delta).min() >= IMAGE_TOLERANCE**2:
                continue
            if sites.numbers[earlier] != sites.numbers[site]:
                raise Refusal(
                    Code.PARTIAL_OCCUPANCY,
                    f"sites {sites.names[earlier]} and {sites.names[site]} share one place; "
                    "stratus reads ordered crystals: choose an ordered model of it first",
                    Stage.CHECKING,
                )
            repeated = True
        if not repeated:
            kept.append(site)
    return kept


def _has_sites(block: Any) -> bool:
    """Return whether a block places an atom: a row of question marks does not."""
    for tag in ("_atom_site_fract_x", "_atom_site.fract_x"):
        column = block.find_values(tag)
        if column and any(value not in {"?", "."} for value in column):
            return True
    return False


def _what_is_missing(blocks: Any) -> str:
    if not blocks:
        return "the text holds no data block, so it is no CIF"
    if any(bool(block.find_values(tag)) for block in blocks for tag in _CARTESIAN_TAGS):
        return (
            "the sites have Cartesian coordinates alone; write them as _atom_site_fract_x, _y, _z"
        )
    if any(bool(block.find_values("_cell_length_a")) for block in blocks):
        return "the CIF gives a cell but no fractional coordinates of atoms"
    return "the CIF gives neither a cell nor atoms"


def _cell(block: Any) -> tuple[float, float, float, float, float, float]:
    """Return a, b, c in Å and the angles in degrees; an angle that is not given is 90."""
    values = []
    for position, tag in enumerate(_CELL_TAGS):
        raw = block.find_value(tag)
        if raw is None:
            raw = block.find_value(tag.replace("_cell_", "_cell.", 1))
        value = number_of(raw) if raw is not None else None
        if value is None:
            if position >= 3 and raw is None:
                value = _RIGHT_ANGLE
            else:
                given = "is not given" if raw is None else f"is {raw!r}, no number"
                raise Refusal(Code.BAD_LATTICE, f"{tag} {given}, so there is no cell")
        values.append(value)
    a, b, c, alpha, beta, gamma = values
    return a, b, c, alpha, beta, gamma


_CARTESIAN_TAGS = ("_atom_site_cartn_x", "_atom_site.cartn_x")
