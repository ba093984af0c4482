"""What the heads of a model have learned from, and which crystals are out of it.

Outside of that nothing was calibrated, so an interval would promise what nobody has measured. It is
widened by a factor that was measured on crystals held out, or without end where an element was
never seen by any head, and a note says why.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.crystals.facets import Detail
from stratus.tasks.predicted import Draft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from stratus.tasks.contents import Contents
    from stratus.tasks.predicted import Predicted
    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]

SLACK: Final = 0.01
"""By so much the share of an element may be above the largest one that was learned from; those of
``paper`` strings are rounded."""

WIDENING: Final = 3.4
"""By which intervals are widened where a model has no measure of its own; the bundled one's."""

MOST_WIDENING: Final = 1e6
"""No factor that was measured comes near this."""

FREQUENCY: Final = "highest_phonon_frequency"
"""The target that says how high modes reach, in 1/cm."""


class Learned(BaseModel):
    """What one head has learned from.

    Attributes:
        rows: crystals with a label.
        elements: by symbol the largest share of the atoms that it was of any of them; what is not
            here was in none.
        lowest: the lowest label of a regression; None of classes, of what is per cell or formula
            unit, and of a law.
        highest: the highest label, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(ge=1)
    elements: dict[str, float]
    lowest: float | None = Field(None, allow_inf_nan=False)
    highest: float | None = Field(None, allow_inf_nan=False)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for symbol, share in self.elements.items():
            if symbol not in NUMBERS:
                raise ValueError(f"{symbol!r} is no chemical element")
            if not 0 < share <= 1:
                raise ValueError(f"the share of {symbol} is above 0 and at most 1")
        if (self.lowest is None) != (self.highest is None) or (self.lowest or 0) > (
            self.highest or 0
        ):
            raise ValueError("there are a lowest and a highest label in this order, or neither")
        return self

    @classmethod
    def of(cls, shares: Floats, labels: ArrayLike | None = None) -> Self:
        """Return what rows hold, at least one.

        Args:
            shares: ``[n, 118]``, of the elements.
            labels: ``[n]``, whose range is kept; None where it says nothing.
        """
        largest = shares.max(axis=0)
        found = None if labels is None else np.asarray(labels, np.float64)
        return cls(
            rows=len(shares),
            elements={
                SYMBOLS[place + 1]: float(f"{largest[place]:.6g}")
                for place in np.flatnonzero(largest).tolist()
            },
            lowest=None if found is None else float(found.min()),
            highest=None if found is None else float(found.max()),
        )

    def with_those_of(self, other: Learned) -> Learned:
        """Return what both have learned from."""
        elements = {
            symbol: max(self.elements.get(symbol, 0), other.elements.get(symbol, 0))
            for symbol in SYMBOLS
            if symbol in self.elements or symbol in other.elements
        }
        ranges = [each for each in (self, other) if each.lowest is not None]
        return Learned(
            rows=self.rows + other.rows,
            elements=elements,
            lowest=min((e.lowest for e in ranges if e.lowest is not None), default=None),
            highest=max((e.highest for e in ranges if e.highest is not None), default=None),
        )

    def reasons(self, contents: Contents, values: Floats | None = None) -> dict[int, str]:
        """Return why crystals are out of what was learned, by place.

        Args:
            contents: what is known of n crystals.
            values: ``[n]``, what is predicted of them; None where it has no range.
        """
        largest = self.largest
        found: dict[int, str] = {}
        if values is not None and self.lowest is not None and self.highest is not None:
            for place in np.flatnonzero(values > self.highest).tolist():
                found[place] = f"above all that it learned from, {self.highest:.4g} at most"
            for place in np.flatnonzero(values < self.lowest).tolist():
                found[place] = f"below all that it learned from, {self.lowest:.4g} at least"
        over = contents.shares > largest + SLACK
        for place in np.flatnonzero(over.any(axis=1)).tolist():
            found[place] = _of_elements(contents.shares[place], largest, over[place])
        return found

    @property
    def largest(self) -> Floats:
        """The largest share of each element, ``[118]``; 0 of those that it has not seen."""
        found = np.zeros(len(SYMBOLS) - 1)
        for symbol, share in self.elements.items():
            found[NUMBERS[symbol] - 1] = share
        return found


class Out(NamedTuple):
    """Why a crystal is out of what was learned, and what that means.

    Attributes:
        reason: in words.
        factor: by which its interval is widened; infinite where there is nothing to go by.
    """

    reason: str
    factor: float

    @property
    def note(self) -> str:
        """What is said of it."""
        if math.isinf(self.factor):
            return f"out: {self.reason}; the interval is open"
        return f"out: {self.reason}; the interval is {self.factor:g} times as wide"


class Domain(BaseModel):
    """What a model has learned from, beyond its weights.

    Attributes:
        targets: by name of the target.
        law: what the curves of its law were learned from; None where it has none.
        modes_end_per_cm: where the densities of states end that curves were learned from, in 1/cm;
            None where they were whole, or labels were of another kind.
        metal_below: the gap below which more crystals are metals than not, in the unit of the
            target ``band_gap``, by how much is known of a crystal.
        widening: by which intervals are widened of crystals that are out of what a head learned
            from, measured on crystals held out; None where nobody has: then it is
            :data:`WIDENING`.
        before: what heads learned from of the model that this one started from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    targets: dict[str, Learned] = Field(default_factory=dict)
    law: Learned | None = None
    modes_end_per_cm: float | None = Field(None, gt=0, allow_inf_nan=False)
    metal_below: dict[Detail, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    widening: float | None = Field(None, ge=1, le=MOST_WIDENING)
    before: Learned | None = None

    @property
    def all_learned(self) -> list[Learned]:
        """What any head has learned from, of this model or of that before."""
        others = [each for each in (self.law, self.before) if each is not None]
        return [*self.targets.values(), *others]

    def out(self, learned: Learned, contents: Contents, values: Floats | None) -> dict[int, Out]:
        """Return which crystals are out of what a head has learned from, by place.

        An element that no head has ever seen leaves nothing to go by: then the factor is infinite.

        Args:
            learned: by that head.
            contents: what is known of n crystals.
            values: ``[n]``, what is predicted of them; None where it has no range.
        """
        unseen = ~np.any([each.largest > 0 for each in self.all_learned], axis=0)
        factor = self.widening or WIDENING
        lost = ((contents.shares > SLACK) & unseen).any(axis=1)
        return {
            place: Out(reason, math.inf if lost[place] else factor)
            for place, reason in learned.reasons(contents, values).items()
        }

    def only(self, names: frozenset[str]) -> Domain:
        """Return what it says of some targets, and of the law."""
        kept = {name: learned for name, learned in self.targets.items() if name in names}
        return self.model_copy(update={"targets": kept})


def metal_bound(gaps: ArrayLike, predicted: ArrayLike) -> float | None:
    """Return the gap that divides crystals best: those below are metals, the others are not.

    So just below it more crystals of those that are like these are metals than not.

    Args:
        gaps: ``[n]``, of crystals that nothing was learned of; 0 of metals.
        predicted: ``[n]``, of the same.

    Returns:
        None where there is no metal, or nothing else.
    """
    labels, values = np.asarray(gaps, np.float64), np.asarray(predicted, np.float64)
    order = np.argsort(values, kind="stable")
    metal = labels[order] <= 0
    if metal.all() or not metal.any():
        return None
    right = np.cumsum(np.where(metal, 1, -1))  # of all that lie up to each
    right[:-1][values[order][1:] == values[order][:-1]] = -len(labels)  # those cannot be divided
    best = int(np.argmax(right))
    return float(values[order][best]) if right[best] > 0 else None


def widened(
    predicted: Mapping[str, Predicted],
    tasks: Mapping[str, Task],
    contents: Contents,
    domain: Domain,
) -> dict[str, Predicted]:
    """Widen the intervals of predictions that are out of what was learned, and say why.

    They end at the ``minimum`` of the target at the latest.
    """
    found = dict(predicted)
    for name, task in tasks.items():
        learned = domain.targets.get(name)
        if learned is None:
            continue
        draft, is_number = Draft(predicted[name]), task.kind == "regression"
        outs = domain.out(learned, contents, draft.value if is_number else None)
        factors = np.ones(len(contents.shares))
        for place, out in outs.items():
            factors[place] = out.factor
            draft.say(np.arange(len(factors)) == place, out.note)
        if is_number:
            draft.stretch(factors)
            if task.minimum is not None:
                draft.cut(task.minimum)
        found[name] = draft.done()
    return found


def too_stiff(reach_per_cm: Floats, domain: Domain) -> dict[int, str]:
    """Return which crystals have modes above those that curves were learned from, and in words.

    Args:
        reach_per_cm: ``[n]``, how high their modes may reach.
        domain: of the model.
    """
    end = domain.modes_end_per_cm
    if end is None:
        return {}
    return {
        place: f"out: modes reach up to {reach_per_cm[place]:.0f} 1/cm, and it learned of none "
        f"above {end:g}; the interval holds what such modes can make"
        for place in np.flatnonzero(reach_per_cm > end).tolist()
    }


def _of_elements(shares: Floats, largest: Floats, over: NDArray[np.bool_]) -> str:
    unseen = [SYMBOLS[place + 1] for place in np.flatnonzero(over & (largest == 0)).tolist()]
    if unseen:
        return f"it learned from no crystal with {' or '.join(unseen)}"
    place = int(np.argmax(np.where(over, shares - largest, -1)))
    return (
        f"{shares[place]:.0%} of the atoms are {SYMBOLS[place + 1]}, and it learned from "
        f"{largest[place]:.0%} at most"
    )
