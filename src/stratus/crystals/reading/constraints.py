"""ASE's constraints, as far as they hold atoms along lattice vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


def fixed_atoms(
    constraints: Sequence[Any], count: int
) -> tuple[npt.NDArray[np.float64] | None, list[str]]:
    """Return which atoms are held, and notes on constraints that say something else.

    ``FixAtoms`` and ``FixScaled`` hold atoms along lattice vectors; ``FixCartesian`` does where it
    holds them along all three axes.

    Args:
        constraints: mappings with ``name`` and ``kwargs``, as ASE writes them.
        count: number of atoms.

    Returns:
        1 or 0, shape (count, 3), or ``None`` where no atom is held, and the notes.
    """
    fixed = np.zeros((count, 3))
    notes = list[str]()
    for one in constraints:
        name = str(one.get("name")) if isinstance(one, dict) else "constraint"
        held = _held(name, one.get("kwargs"), count) if isinstance(one, dict) else None
        if held is None:
            notes.append(f"the constraint {name} left out: it does not hold atoms alone")
        else:
            fixed = np.maximum(fixed, held)
    return (fixed if fixed.any() else None), list(dict.fromkeys(notes))


def _held(name: str, given: Any, count: int) -> npt.NDArray[np.float64] | None:
    """Return what one constraint holds, ``None`` where that is not understood."""
    if name not in {"FixAtoms", "FixScaled", "FixCartesian"} or not isinstance(given, dict):
        return None
    try:
        atoms = np.atleast_1d(np.array(given["indices" if "indices" in given else "a"], dtype=int))
        mask = np.array(given.get("mask", (True, True, True)), dtype=bool)
        if mask.shape != (3,) or (name == "FixCartesian" and not mask.all()):
            return None
        held = np.zeros((count, 3))
        held[atoms] = mask
    except (KeyError, IndexError, ValueError, TypeError):
        return None
    return held
