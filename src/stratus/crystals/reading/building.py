"""From a lattice and sites to an entry that is checked."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.crystals.checks import MAX_COORDINATE, MAX_LENGTH, check, lattice_problem
from stratus.crystals.entry import Code, Entry, Reject, Stage
from stratus.crystals.first_look import first_look
from stratus.crystals.reading.frame_values import PLAIN, frame_values
from stratus.crystals.reading.periodicity import PERIODIC
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.crystals.reading.frame_values import FrameSource
    from stratus.crystals.reading.periodicity import Periodicity
    from stratus.crystals.reading.record import ReadOptions


def build(  # noqa: PLR0913 - the fields of an entry
    *,
    id: str,  # noqa: A002 - the field's name
    source: str,
    lattice: npt.NDArray[np.float64],
    numbers: npt.NDArray[np.int64],
    frac_coords: npt.NDArray[np.float64],
    options: ReadOptions,
    species: tuple[str, ...] | None = None,
    labels: Mapping[str, Any] | None = None,
    notes: tuple[str, ...] = (),
    columns: Mapping[str, Any] | None = None,
    periodic: Periodicity = PERIODIC,
    frame: FrameSource = PLAIN,
    left_out: Sequence[str] = (),
) -> Entry | Reject:
    """Make an entry, right-handed and checked, with its labels and arrays in the right places.

    Args:
        id: the crystal's id.
        source: where it came from.
        lattice: shape (3, 3), rows are vectors, in Å.
        numbers: shape (n,), atomic numbers from 1 to 118.
        frac_coords: shape (n, 3).
        options: what counts as a crystal.
        species: n names with oxidation states, where the input gave them.
        labels: what else is said of the crystal, as it was read.
        notes: what was decided on the way.
        columns: what is said of the atoms, as it was read, in the order of the sites.
        periodic: along which axes it is periodic.
        frame: what is known of its source.
        left_out: what was left out of labels and columns on the way, one sentence each.

    Returns:
        The entry, or why it is no crystal.
    """
    entry = Entry(
        id=id,
        lattice=lattice,
        numbers=numbers,
        frac_coords=frac_coords,
        source=source,
        labels=labels if labels is not None else {},
        species=species,
        notes=(*notes, *(left_out if options.labels else ()), *periodic.notes),
        pbc=periodic.axes,
    )
    if _left_handed(lattice):
        entry = _turned(entry)
    return (
        check(entry, options)
        or _unwanted(entry, options)
        or _with_values(entry, columns, options, frame)
    )


def build_all(
    drafts: Sequence[Entry | Reject], options: ReadOptions, frame: FrameSource | None = PLAIN
) -> list[Entry | Reject]:
    """Do with many crystals what :func:`build` does with one, in less time for each.

    Args:
        drafts: entries as they were read; what is rejected already stays as it is.
        options: what counts as a crystal.
        frame: what is known of their source; ``None`` where their labels are plain, whatever they
            are called.
    """
    left_handed, certain = first_look([d for d in drafts if isinstance(d, Entry)], options)
    found = iter(zip(left_handed, certain, strict=True))
    outcomes: list[Entry | Reject] = []
    for draft in drafts:
        outcome = draft
        if isinstance(draft, Entry):
            turn, good = next(found)
            entry = _turned(draft) if turn else draft
            reject = None if good else check(entry, options)
            if reject is None and entry.pbc != PERIODIC.axes:
                reject = _unwanted(entry, options)
            if reject is not None:
                outcome = replace(reject, labels=draft.labels)
            elif frame is None and options.labels:
                outcome = entry
            else:
                outcome = _with_values(entry, None, options, frame or PLAIN)
        outcomes.append(outcome)
    return outcomes


def lattice_from_cell(cell: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return the lattice of a, b, c (Å), alpha, beta, gamma (degrees), oriented as in pymatgen.

    c lies along z and a in the xz plane (``pymatgen.core.Lattice.from_parameters``).

    Raises:
        Refusal: a length is not positive, an angle is not between 0 and 180 degrees, or the three
            angles do not close a cell.
    """
    a, b, c, alpha, beta, gamma = (float(value) for value in cell)
    if not all(0 < v <= MAX_LENGTH for v in (a, b, c)):
        raise Refusal(
            Code.BAD_LATTICE,
            f"a cell length is not a positive number of a crystal's size: a={a}, b={b}, c={c} Å",
        )
    if not all(0 < v < 180 for v in (alpha, beta, gamma)):
        raise Refusal(
            Code.BAD_LATTICE,
            "a cell angle is not between 0 and 180 degrees: "
            f"alpha={alpha}, beta={beta}, gamma={gamma}",
        )
    cos_alpha, cos_beta, cos_gamma = (math.cos(math.radians(v)) for v in (alpha, beta, gamma))
    sin_alpha, sin_beta = math.sin(math.radians(alpha)), math.sin(math.radians(beta))
    cos_gamma_star = (cos_alpha * cos_beta - cos_gamma) / (sin_alpha * sin_beta)
    if abs(cos_gamma_star) >= 1:
        raise Refusal(
            Code.BAD_LATTICE,
            f"no cell has these three angles: alpha={alpha}, beta={beta}, gamma={gamma}",
        )
    gamma_star = math.acos(cos_gamma_star)
    return np.array(
        [
            [a * sin_beta, 0.0, a * cos_beta],
            [
                -b * sin_alpha * math.cos(gamma_star),
                b * sin_alpha * math.sin(gamma_star),
                b * cos_alpha,
            ],
            [0.0, 0.0, c],
        ]
    )


def fractional(
    cartesian: npt.NDArray[np.float64], lattice: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return fractional coordinates of Cartesian ones, shape (n, 3) in Å.

    Raises:
        Refusal: the lattice has no volume, or a coordinate is no number of a crystal's size.
    """
    problem = lattice_problem(lattice)
    if problem is not None:
        raise Refusal(Code.BAD_LATTICE, problem, Stage.CHECKING)
    if cartesian.size and not float(np.abs(cartesian).max()) <= MAX_COORDINATE:
        raise Refusal(
            Code.BAD_COORDINATES,
            "a Cartesian coordinate is no number of a crystal's size",
            Stage.CHECKING,
        )
    return np.linalg.solve(lattice.T, cartesian.T).T.astype(np.float64)


def _unwanted(entry: Entry, options: ReadOptions) -> Reject | None:
    """Return the reject of what is not periodic along three axes, where that is not wanted."""
    if options.not_periodic == "note" or entry.pbc == PERIODIC.axes:
        return None
    detail = (
        "the input is not periodic along three axes; choose not_periodic (--not-periodic) note to "
        "read it as a crystal all the same"
    )
    return Reject(
        id=entry.id,
        source=entry.source,
        stage=Stage.CHECKING,
        code=Code.NOT_PERIODIC,
        detail=detail,
    )


def _with_values(
    entry: Entry, columns: Mapping[str, Any] | None, options: ReadOptions, frame: FrameSource
) -> Entry:
    """Return an entry whose labels and arrays are sorted out, or that has none if so wanted."""
    if not columns and not entry.labels:
        return entry
    if not options.labels:
        return replace(entry, labels={})
    found = frame_values(
        entry.labels,
        columns,
        count=len(entry.numbers),
        volume=entry.volume_per_atom * len(entry.numbers),
        source=frame,
        declared=options.stress,
    )
    if found is None:
        return entry
    return replace(
        entry,
        labels=found.labels,
        arrays=found.arrays,
        notes=(*entry.notes, *found.notes) if found.notes else entry.notes,
    )


def _turned(entry: Entry) -> Entry:
    """Return a left-handed crystal right-handed, by negating lattice and fractional coordinates.

    The positions ``frac_coords @ lattice`` stay the same, and so does the set of translations.
    """
    return replace(entry, lattice=-entry.lattice, frac_coords=-entry.frac_coords)


def _left_handed(lattice: npt.NDArray[np.float64]) -> bool:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = lattice.tolist()
    volume = ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx)
    return bool(volume < 0)
