"""Groups of symmetry operations: whether a list is one, which one, and whether a cell keeps it."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.crystals.entry import Code
from stratus.crystals.reading.cif_operations import Operations, parse_operations
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    import numpy.typing as npt

    Turn = tuple[int, ...]
    """Nine entries of a rotation and three of a translation, in steps of a 24th."""

CLOSE: Final = 1e-3
"""A cell that misses its symmetry by less is rounded.

What a cell misses is counted in its metric, in units of the products of its lengths: 0.01 is half a
per cent in a length, or 0.3 degrees in an angle.
"""

NEAR: Final = 0.01
"""A cell that misses the symmetry of a named space group by more is not one of it."""

LOOSE: Final = 0.07
"""A cell that misses the operations of its file's own list by more contradicts it.

Of 10,904 crystals of the Materials Project with lists, symmetrised with a wide tolerance, 28 miss
it by more than 0.001, 4 by more than 0.01, and one by 0.062.
"""

_SAME: Final = 2e-3  # translations, in fractions of the cell
_SHORTEST: Final = 1e-3  # Å, of a cell that can be one
_STEPS: Final = 24
_LARGEST: Final = 192  # operations in the conventional cell
_MOST_CENTRINGS: Final = 4
_MOST_ROTATIONS: Final = 48  # of the largest point group
_MOST_TRANSLATIONS: Final = 256  # in a cell of 64 conventional ones; comparing them costs the cube
_ROWS: Final = 1024  # compared at once
_PLACES: Final = 31.0 ** np.arange(9)
_IDENTITY: Final = float(np.eye(3).ravel() @ _PLACES)


@dataclass(frozen=True, eq=False)
class Group:
    """Operations that close.

    Attributes:
        operations: rotations (k, 3, 3) and translations (k, 3), in the order of the file.
        added: how many of these were not listed, but follow from those that are.
    """

    operations: Operations
    added: int = 0

    @cached_property
    def turns(self) -> npt.NDArray[np.float64]:
        """The rotations that ask something of a cell, each once, inversions aside."""
        rotations = self.operations[0]
        proper = rotations * np.sign(np.linalg.det(rotations))[:, None, None]
        codes, first = np.unique(_codes(proper), return_index=True)
        kept: npt.NDArray[np.float64] = proper[first[codes != _IDENTITY]]
        return kept

    @cached_property
    def keys(self) -> frozenset[tuple[int, ...]]:
        """The operations as integers, to compare groups by."""
        rotations, translations = self.operations
        shifts = np.rint(translations * 1000).astype(np.int64) % 1000
        turns = np.rint(rotations.reshape(-1, 9)).astype(np.int64)
        return frozenset(map(tuple, np.concatenate([turns, shifts], axis=1).tolist()))

    @cached_property
    def number(self) -> int | None:
        """The number of the space group, in whatever setting; ``None`` where it has none."""
        import spglib

        rotations, translations = self.operations
        if len(rotations) == 1:
            return 1
        turns = np.rint(rotations)
        if np.abs(turns - rotations).max() > 1e-6:
            return None
        # any lattice that keeps the operations will do
        basis = np.array([[9.1, 0.0, 0.0], [0.3, 10.7, 0.0], [-0.4, 0.5, 12.3]])
        metric = np.mean(turns.transpose(0, 2, 1) @ (basis @ basis.T) @ turns, axis=0)
        logger = logging.getLogger(__name__)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                found = spglib.get_spacegroup_type_from_symmetry(
                    turns.astype(np.intc), translations, np.linalg.cholesky(metric), symprec=1e-3
                )
        except Exception as error:  # noqa: BLE001 - spglib changes how it says that it failed
            logger.debug("spglib names no group: %s", error)
            return None
        return None if found is None else int(found.number)

    def misfit(self, lattice: npt.NDArray[np.float64]) -> float:
        """Return how far the metric of a lattice is from one that the operations keep.

        A lattice without a volume is no matter of symmetry: it keeps everything.
        """
        turns = self.turns
        if not len(turns):
            return 0.0
        metric = lattice @ lattice.T
        lengths = np.sqrt(metric.diagonal())
        if not lengths.min() > _SHORTEST:
            return 0.0
        moved = turns.transpose(0, 2, 1) @ metric @ turns
        return float((np.abs(moved - metric) / np.outer(lengths, lengths)).max())


@lru_cache(maxsize=1024)
def group_of_hall(symbol: str) -> Group | None:
    """Return the group of a Hall symbol, or ``None`` if it is none.

    One with a change to a cell of another volume is none either: gemmi does not add its centring.
    """
    import gemmi

    change = symbol.partition("(")[2].rstrip(") ")
    try:
        if "," in change:
            parse_operations((change,))
        operations = gemmi.symops_from_hall(symbol)
    except (RuntimeError, ValueError, Refusal):
        return None
    rotations = np.array([operation.rot for operation in operations]) / gemmi.Op.DEN
    translations = np.array([operation.tran for operation in operations]) / gemmi.Op.DEN
    return Group((rotations, translations))


@lru_cache(maxsize=2048)
def group_of_list(listed: tuple[str, ...]) -> Group:
    """Return the group of listed operations, completed where the list does not close.

    Raises:
        Refusal: a text is no operation, or no space group holds all of them.
    """
    return group_of(parse_operations(listed))


def group_of(operations: Operations) -> Group:
    """Return the group of operations, completed where they do not close.

    Raises:
        Refusal: no space group holds all of them.
    """
    if _closes(operations):
        return Group(operations)
    completed = _completed(operations)
    if completed is None:
        raise Refusal(
            Code.DOUBTFUL_SYMMETRY,
            f"the {len(operations[0])} listed symmetry operations form no space group; "
            "correct the list, or leave it out and name the space group",
        )
    return Group(completed, len(completed[0]) - len(operations[0]))


def _closes(operations: Operations) -> bool:
    """Return whether operations form a group: each product of two is one of them.

    Raises:
        Refusal: there are too many translations to say.
    """
    rotations, translations = operations
    if len(rotations) == 1:
        return bool((rotations[0] == np.eye(3)).all() and not translations[0].any())
    codes, first, kind = np.unique(_codes(rotations), return_index=True, return_inverse=True)
    if len(codes) > _MOST_ROTATIONS:
        return False
    identity = np.searchsorted(codes, _IDENTITY)
    shifts = translations[kind == identity]
    if len(shifts) > _MOST_TRANSLATIONS:
        raise Refusal(
            Code.DOUBTFUL_SYMMETRY,
            f"{len(shifts)} of the listed symmetry operations are translations alone, more than "
            f"the {_MOST_TRANSLATIONS} that are looked at; give a smaller cell, or all atoms under "
            "x,y,z",
        )
    if len(shifts) * len(codes) != len(rotations) or not _inside(np.zeros((1, 3)), shifts):
        return False
    turns, starts = rotations[first], translations[first]
    products = _codes(np.einsum("aij,bjk->abik", turns, turns))
    found = np.searchsorted(codes, products).clip(max=len(codes) - 1)
    if (codes[found] != products).any():
        return False
    ends = np.einsum("aij,bj->abi", turns, starts) + starts[:, None, :]
    lists = (
        translations - starts[kind],
        (shifts[:, None] + shifts[None]).reshape(-1, 3),
        np.einsum("aij,bj->abi", turns, shifts).reshape(-1, 3),
        ends.reshape(-1, 3) - starts[found],
    )
    return all(_inside(places, shifts) for places in lists)


def _codes(rotations: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return one number for each rotation, the same for the same rotation alone."""
    rows = rotations.reshape(-1, 9)
    codes: npt.NDArray[np.float64] = (rows @ _PLACES).round(3)
    return codes


def _inside(places: npt.NDArray[np.float64], shifts: npt.NDArray[np.float64]) -> bool:
    """Return whether each place is one of the shifts, up to whole cells."""
    for start in range(0, len(places), _ROWS):
        delta = places[start : start + _ROWS, None, :] - shifts[None]
        delta -= np.rint(delta)
        if not (np.abs(delta).max(axis=2) < _SAME).any(axis=1).all():
            return False
    return True


def _completed(operations: Operations) -> Operations | None:
    """Return the group that operations generate, or ``None`` where it is no space group's.

    The centring of a space group has four translations at most; a wrong sign or a wrong fraction in
    a list generates more.
    """
    rotations, translations = operations
    steps = translations * _STEPS
    if np.abs(np.rint(steps) - steps).max() > 1e-6 or np.abs(np.rint(rotations) - rotations).max():
        return None
    listed: list[Turn] = [
        (*turn, *(step % _STEPS for step in shift))
        for turn, shift in zip(
            np.rint(rotations).astype(int).reshape(-1, 9).tolist(),
            np.rint(steps).astype(int).tolist(),
            strict=True,
        )
    ]
    identity: Turn = (1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    elements: dict[Turn, None] = {identity: None}
    generators: list[Turn] = []
    for operation in listed:
        if operation in elements:
            continue
        generators.append(operation)
        fresh = list(elements)
        while fresh:
            products = [_product(g, e) for g in generators for e in fresh]
            fresh = [p for p in dict.fromkeys(products) if p not in elements]
            elements.update(dict.fromkeys(fresh))
            if len(elements) > _LARGEST:
                return None
    if sum(element[:9] == identity[:9] for element in elements) > _MOST_CENTRINGS:
        return None
    ordered = np.array(list(dict.fromkeys([*listed, *elements])), dtype=np.float64)
    return ordered[:, :9].reshape(-1, 3, 3), ordered[:, 9:] / _STEPS


def _product(left: Turn, right: Turn) -> Turn:
    """Return the operation that does the right one first, then the left one."""
    turn = tuple(
        sum(left[3 * row + k] * right[3 * k + column] for k in range(3))
        for row in range(3)
        for column in range(3)
    )
    shift = tuple(
        (sum(left[3 * row + k] * right[9 + k] for k in range(3)) + left[9 + row]) % _STEPS
        for row in range(3)
    )
    return turn + shift
