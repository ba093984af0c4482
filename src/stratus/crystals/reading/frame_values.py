"""What stands beside the atoms of a crystal: labels, tensors and columns of atoms, each checked.

What cannot be kept, since it is not known what it means or to which atom it belongs, is left out
with a note. A note names the quantity and the reason and no number of this crystal, so that notes
can be counted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from stratus.crystals.reading.number_lists import BRACKETS
from stratus.crystals.reading.quantities import (
    CARTESIAN_MASK,
    FIXED,
    MOVABLE,
    Quantity,
    array_name,
    quantities,
    stress_name,
)
from stratus.crystals.stress import ASE, VIRIAL, StressConvention, is_stress, is_symmetric

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_AGREEMENT: Final = 1e-2
_MOST_NUMBERS: Final = 9  # of a stress
_SINGLE: Final = (bool, int, float)
_NO_LABELS: Final[dict[str, Any]] = {}


class FrameSource(NamedTuple):
    """What is known of the source of a frame.

    Attributes:
        documented: how the source writes stress, if it says so: of every label, or by name.
        no_directions: why directions of the source are not those of the lattice, if they are not.
        no_order: why atoms of the source are not the sites of the crystal in order, if so.
    """

    documented: StressConvention | Mapping[str, StressConvention] | None = None
    no_directions: str = ""
    no_order: str = ""

    def convention(self, name: str) -> StressConvention | None:
        """Return how the source writes a stress of this name, if it says so."""
        if self.documented is None or isinstance(self.documented, StressConvention):
            return self.documented
        return self.documented.get(name)


PLAIN: Final = FrameSource()
"""Sites in order, a lattice with directions, nothing said of stress."""


ASE_SOURCE: Final = FrameSource(documented=ASE)
"""The same, with stress as ASE writes it."""


BY_ANGLES: Final = (
    "the cell is given by lengths and angles, so its directions in space are not known"
)


@dataclass(slots=True)
class FrameValues:
    """What is kept.

    Attributes:
        labels: of the crystal.
        arrays: of its atoms.
        notes: what was left out or changed, and why.
    """

    labels: dict[str, Any]
    arrays: dict[str, Floats] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def frame_values(
    labels: Mapping[str, Any],
    columns: Mapping[str, Any] | None,
    *,
    count: int,
    volume: float,
    source: FrameSource,
    declared: StressConvention | None,
) -> FrameValues | None:
    """Sort out what stands beside a crystal; ``None`` where all of it are plain labels.

    Args:
        labels: what is said of the crystal. Forces, magnetic moments and the like that have a value
            for each atom become arrays, and a stress or virial becomes a tensor.
        columns: what is said of the atoms by a format with columns of atoms.
        count: number of atoms.
        volume: of the cell, in Å³.
        source: what is known of the source.
        declared: how stress is written, as the caller says; wins over what the format says.
    """
    named = quantities(labels) if labels else _NO_LABELS
    if not named and not columns:
        return None
    found = FrameValues(dict(labels))
    for name, value in (columns or _NO_LABELS).items():
        _column(found, name, value, count, source)
    virials = list[str]()
    for name, kind in named.items():
        value = labels[name]
        if value is None or isinstance(value, _SINGLE):
            continue
        numbers = as_numbers(value)
        if numbers is None:
            if isinstance(value, list | tuple | np.ndarray):
                _left_out(found, name, "it does not hold numbers alone")
        elif kind is Quantity.VIRIAL:
            virials.append(name)  # once it is known which stress there is
        elif kind is Quantity.STRESS:
            _stress(found, name, numbers, declared or source.convention(name), volume, source)
        elif kind is Quantity.DIPOLE:
            _dipole(found, name, numbers, source)
        else:
            _listed(found, name, numbers, count, source, must=kind is Quantity.FORCES)
    for name in virials:
        _virial(found, name, np.array(as_numbers(labels[name])), declared, volume, source)
    return found


def as_numbers(value: Any) -> Floats | None:
    """Return an array of what holds numbers alone: a list, an array or a text in brackets."""
    if isinstance(value, str):
        words = value.translate(BRACKETS).split()
        value = words if len(words) > 1 else None
    if value is None:
        return None
    try:
        return np.array(value, dtype=np.float64)
    except (ValueError, TypeError):
        return None


def _left_out(found: FrameValues, name: str, why: str) -> None:
    found.notes.append(f"{name} left out: {why}")
    found.labels.pop(name, None)


def _listed(
    found: FrameValues,
    name: str,
    numbers: Floats,
    count: int,
    source: FrameSource,
    *,
    must: bool,
) -> None:
    """Move a label that is a list with a value for each atom to the arrays.

    Args:
        found: where it is moved.
        name: of the label.
        numbers: what it holds.
        count: number of atoms.
        source: what is known of the source.
        must: whether it can be nothing else, having three numbers for each atom.
    """
    size = numbers.size
    if not (size == 3 * count if must else size > 0 and size % count == 0):
        if must and numbers.ndim:
            _left_out(found, name, "it does not hold three numbers for each atom")
        return
    del found.labels[name]
    shape = numbers.shape if numbers.shape[:1] == (count,) else (count, size // count)
    shape = (count, 3) if must else shape[:1] if shape[1:] == (1,) else shape
    _column(found, name, numbers.reshape(shape), count, source)


def _column(found: FrameValues, name: str, value: Any, count: int, source: FrameSource) -> None:
    """Add a column of atoms, or say why not."""
    numbers = as_numbers(value) if not isinstance(value, str) else None
    if numbers is None or (isinstance(value, np.ndarray) and value.dtype.kind not in "biuf"):
        return _left_out(found, name, "it does not hold a number for each atom")
    if numbers.shape[:1] != (count,):
        return _left_out(found, name, "it does not have a value for each atom")
    own = array_name(name)
    if own in found.arrays:
        own = name
    if not np.isfinite(numbers).all():
        return _left_out(found, name, "not all of its numbers are finite")
    if source.no_order:
        return _left_out(found, name, source.no_order)
    if own == FIXED:
        numbers = 1.0 - numbers if name in MOVABLE else numbers
        numbers = numbers.reshape(count, -1)
        if numbers.shape[1] not in {1, 3} or not np.isin(numbers, (0.0, 1.0)).all():
            return _left_out(found, name, "it is not 0 or 1 along each lattice vector")
        if name == CARTESIAN_MASK and (numbers != numbers[:, :1]).any():
            return _left_out(found, name, "it holds atoms along Cartesian axes")
        numbers = np.broadcast_to(numbers, (count, 3)).copy()
    elif numbers.ndim > 1 and source.no_directions:
        return _left_out(found, name, source.no_directions)
    found.arrays[own] = numbers
    return None


def _dipole(found: FrameValues, name: str, numbers: Floats, source: FrameSource) -> None:
    if numbers.size != 3:
        return
    if source.no_directions:
        _left_out(found, name, source.no_directions)
    else:
        found.labels[name] = numbers.reshape(3)


def _stress(
    found: FrameValues,
    name: str,
    numbers: Floats,
    convention: StressConvention | None,
    volume: float,
    source: FrameSource,
) -> None:
    if not is_stress(numbers):
        if 1 < numbers.size < _MOST_NUMBERS:  # else a strength, or a curve
            _left_out(found, name, "it holds neither six nor nine numbers")
        return
    tensor = _tensor(found, name, numbers, convention, volume, source)
    if tensor is not None:
        found.labels[name] = tensor


def _virial(
    found: FrameValues,
    name: str,
    numbers: Floats,
    declared: StressConvention | None,
    volume: float,
    source: FrameSource,
) -> None:
    """Make a stress of a virial, or compare them where both are there."""
    if not is_stress(numbers):
        return
    convention = VIRIAL if source.convention(name) is not None else None
    if declared is not None and declared.unit == VIRIAL.unit:
        convention = declared
    tensor = _tensor(found, name, numbers, convention, volume, source)
    if tensor is None:
        return
    del found.labels[name]
    own = stress_name(name)
    other = found.labels.get(own)
    if other is None:
        found.labels[own] = tensor
        found.notes.append(f"{own} made from {name}")
    elif np.shape(other) != tensor.shape or not np.allclose(
        other, tensor, rtol=_AGREEMENT, atol=_AGREEMENT * float(np.abs(tensor).max())
    ):
        if declared is not None:
            found.notes.append(f"{name} left out: it contradicts {own}")
        else:
            _left_out(found, own, f"{name} contradicts it; {_SAY}")


_SAY: Final = (
    "say how stress is written with the option stress (--stress), such as ase, vasp or "
    "'GPa tension'"
)


def _tensor(
    found: FrameValues,
    name: str,
    numbers: Floats,
    convention: StressConvention | None,
    volume: float,
    source: FrameSource,
) -> Floats | None:
    """Return a stress in the convention of the package, or ``None`` and say why not."""
    why = ""
    if source.no_directions:
        why = source.no_directions
    elif not np.isfinite(numbers).all():
        why = "not all of its numbers are finite"
    elif convention is None:
        why = f"its unit and sign are not known; {_SAY}"
    if why or convention is None:
        _left_out(found, name, why)
        return None
    tensor = convention.tensor(numbers, volume)
    if not is_symmetric(tensor):
        found.notes.append(f"{name} is not symmetric: its symmetric part is kept")
    return (tensor + tensor.T) / 2
