"""Labels brought to mean 0 and standard deviation 1, and predictions brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.errors import InputError
from stratus.tasks.by import ByLaw

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_LARGEST: Final = 1e100  # whatever a head of float32 gives is finite in the unit of the task
_ROUNDING: Final = 8 * 2.0**-52  # labels this close together, in shares of them, are the same


class Normaliser(BaseModel):
    """Mean and spread of the labels of one task, in float64.

    It is plain values: ``model_dump()`` gives them and ``Normaliser(**values)`` takes them.

    Attributes:
        mean: of the labels it was fitted on, in the unit of the task (per atom if ``per_atom``); 0
            where nothing is subtracted.
        std: the root of the mean square distance from it (not n - 1); of a task of a law the mean
            absolute distance, or the floor of its quantity if that is more.
        per_atom: whether labels are of a cell or a formula unit, and what is normalised is the
            label per atom.
        rows: how many labels it was fitted on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float = Field(allow_inf_nan=False)
    std: float = Field(gt=0, allow_inf_nan=False)
    per_atom: bool = False
    rows: int = Field(ge=0)

    @model_validator(mode="after")
    def _is_of_labels(self) -> Self:
        if max(abs(self.mean), self.std) > _LARGEST:
            raise ValueError(f"no label is larger than {_LARGEST:g}, so no mean or std is")
        return self

    def normalise(self, labels: ArrayLike, present: Mask, atoms: Integers | None = None) -> Floats:
        """Return what the head is to give: ``[n]``, and 0 where there is no label.

        Args:
            labels: ``[n]``, in the unit of the task; where absent, anything.
            present: ``[n]``, which labels there are.
            atoms: ``[n]``, atoms that a label is of; needed if ``per_atom``.

        Raises:
            stratus.errors.InputError: atoms are needed and not given, or less than one.
        """
        here = np.asarray(present, np.bool_)
        known = np.asarray(labels, np.float64)[here]
        result = np.zeros(len(here), np.float64)
        result[here] = (known / self._atoms(atoms, here) - self.mean) / self.std
        return result

    def restore(self, values: ArrayLike, atoms: Integers | None = None) -> Floats:
        """Return values ``[n]`` of a head in the unit of the task; the way back of normalise.

        If ``per_atom`` they are NaN where the atoms are unknown, so less than one.

        Raises:
            stratus.errors.InputError: atoms are needed and not given.
        """
        found = np.asarray(values, np.float64)
        return (found * self.std + self.mean) * self._atoms_if_known(atoms)

    def restore_spread(self, spread: ArrayLike, atoms: Integers | None = None) -> Floats:
        """Return standard deviations ``[n]`` in the unit of the task; as :meth:`restore`."""
        found = np.asarray(spread, np.float64)
        return found * self.std * self._atoms_if_known(atoms)

    def _atoms_if_known(self, atoms: Integers | None) -> Floats | float:
        if not self.per_atom or atoms is None:
            return self._atoms(atoms, np.ones(0, np.bool_))
        known = np.asarray(atoms, np.float64)
        return np.where(known >= 1, known, np.nan)

    def _atoms(self, atoms: Integers | None, present: Mask) -> Floats | float:
        return _atoms_of(atoms, present, "the target") if self.per_atom else 1.0


def fit_normaliser(
    task: Task,
    labels: ArrayLike,
    present: Mask,
    rows: Integers,
    atoms: Integers | None = None,
) -> Normaliser:
    """Fit the normaliser of a task on some rows, and look at no other.

    Classes are not normalised: for a binary or multiclass task the labels are checked, and the
    normaliser changes nothing.

    Args:
        task: what the labels are of.
        labels: ``[n]``, those of the whole table; where absent, anything.
        present: ``[n]``, which labels there are.
        rows: indices of the rows to fit on, which are those to train on.
        atoms: ``[n]``, atoms that a label is of; needed for a task per cell or formula.

    Raises:
        stratus.errors.InputError: a label in these rows is no finite number (the row is given) or
            no class, there are fewer than two labels, or all are the same.
    """
    chosen = np.asarray(rows, np.int64)
    chosen = chosen[np.asarray(present, np.bool_)[chosen]]
    known = np.asarray(labels, np.float64)[chosen]
    if not np.isfinite(known).all():
        first = chosen[np.argmin(np.isfinite(known))]
        raise InputError(
            f"{task.name}: the label of row {first}, counted from 0, is no finite number; mend it "
            "or leave it out"
        )
    if len(known) < 2:
        raise InputError(
            f"{task.name} has {len(known)} labels in the {len(rows)} training rows, and two are "
            "needed at least; give more labels or leave the target out"
        )
    if task.kind != "regression":
        return _unchanged(task, known)
    if task.is_extensive:
        all_there = np.ones(len(chosen), np.bool_)
        known = known / _atoms_of(_taken(atoms, chosen), all_there, task.name)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        extent = float(np.ptp(known))
        mean, std = float(np.mean(known)), float(np.std(known))
    if extent <= _ROUNDING * float(np.abs(known).max()):
        raise InputError(
            f"{task.name} is {known[0]:g} in all {len(known)} training rows that have it, so there "
            "is nothing to learn; check the column or leave the target out"
        )
    if not (np.isfinite(std) and std > 0):
        raise InputError(
            f"{task.name} has labels from {known.min():g} to {known.max():g}, too large or too "
            "small for a standard deviation in float64; use another unit"
        )
    if task.references == "none":
        mean, std = 0.0, float(np.sqrt(np.mean(np.square(known))))
    if isinstance(task.by, ByLaw):
        deviation = float(np.mean(np.abs(known - mean)))
        std = max(deviation, task.by.floor(task.unit))
    return Normaliser(mean=mean, std=std, per_atom=task.is_extensive, rows=len(known))


def _unchanged(task: Task, known: Floats) -> Normaliser:
    count = max(2, len(task.classes))
    wrong = known[~np.isin(known, np.arange(count))]
    if len(wrong):
        raise InputError(
            f"{task.name} has the label {wrong[0]:g}, but its classes are 0 to {count - 1}"
        )
    if np.ptp(known) == 0:
        raise InputError(
            f"{task.name} has the class {int(known[0])} in all {len(known)} training rows that "
            "have it, so there is nothing to learn; check the column or leave the target out"
        )
    return Normaliser(mean=0.0, std=1.0, rows=len(known))


def _taken(atoms: Integers | None, rows: Integers) -> Integers | None:
    return None if atoms is None else np.asarray(atoms)[rows]


def _atoms_of(atoms: Integers | None, present: Mask, name: str) -> Floats:
    if atoms is None:
        raise InputError(
            f"{name} is per cell, so the atoms of the primitive cells are needed; give them"
        )
    known = np.asarray(atoms, np.float64)[present]
    if not (known >= 1).all():
        raise InputError(
            f"{name} is per cell, but for {int((~(known >= 1)).sum())} crystals the atoms of the "
            "primitive cell are not known; leave those out"
        )
    return known
