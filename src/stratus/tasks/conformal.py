"""How far off predictions may be: split-conformal intervals from rows that nothing was learned of.

The score of a row is its error in units of how unsure the model says it is (Lei et al. 2018,
arXiv:1604.04173, section 5.2). If the rows to come are like those of the calibration (exchangeable
with them), an interval of a level holds at least that share of them, whatever the model is.
"""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from stratus.crystals.facets import Detail
from stratus.errors import InputError
from stratus.physics.quantities import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from stratus.tasks.task import Task

    Floats = NDArray[np.float64]

MOST_SCORES: Final = 2000
"""Scores that are kept of a group; of more, those evenly by rank."""

_LARGEST: Final = 1e100
"""No error of a prediction comes near it, and products of two such numbers are finite."""

_ROUNDING: Final = 1e-9  # (n + 1) * level that is a whole number but for rounding is that number
_log = logging.getLogger(__name__)


class Scores(BaseModel):
    """The calibration of one task, group and kind of crystal.

    Attributes:
        rows: crystals that it was made from.
        floor: in the unit of the task; how unsure the model is at least.
        scores: ascending; all of them, or, of more than :data:`MOST_SCORES`, those whose ranks
            :func:`kept_ranks` gives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int = Field(ge=1)
    floor: float = Field(gt=0, allow_inf_nan=False)
    scores: tuple[float, ...]

    @model_validator(mode="after")
    def _are_those_of_the_rows(self) -> Self:
        expected = len(kept_ranks(self.rows))
        if len(self.scores) != expected:
            raise ValueError(f"{self.rows} rows have {expected} scores, not {len(self.scores)}")
        if self.floor > _LARGEST:
            raise ValueError(f"a floor of {self.floor:g} is larger than any error")
        scores = np.array(self.scores)
        fine = (scores >= 0) & (scores <= _LARGEST)  # NaN is neither
        if not fine.all() or (np.diff(scores) < 0).any():
            raise ValueError(f"scores are not negative nor above {_LARGEST:g}, and ascend")
        return self

    def quantile(self, level: float) -> float:
        """Return the ceil((n + 1) * level)-th smallest score of n rows; infinite beyond the last.

        Of scores that were thinned out it is the next that was kept, so never a smaller one.

        Raises:
            stratus.errors.InputError: the level is not between 0 and 1.
        """
        check_level(level)
        rank = max(1, math.ceil((self.rows + 1) * level - _ROUNDING))
        if rank > self.rows:
            return math.inf
        return self.scores[int(np.searchsorted(kept_ranks(self.rows), rank))]

    def half_width(self, sigma: ArrayLike, level: float) -> Floats:
        """Return half the width of the intervals, ``[n]``, in the unit of the task.

        Args:
            sigma: ``[n]``, spread of the predictions of the members.
            level: share of the crystals that the intervals are to hold.
        """
        width: Floats = self.quantile(level) * np.hypot(np.asarray(sigma, np.float64), self.floor)
        return width


class CurvePoint(BaseModel):
    """The calibration of a curve at one temperature.

    Attributes:
        temperature_k: where, in K.
        groups: scores by group of members, by what is known of a crystal; floors are per atom, in
            J/(mol K), those of energies in J/mol.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature_k: float = Field(ge=0, le=1e9)
    groups: dict[str, dict[Detail, Scores]]


class Calibration(BaseModel):
    """What intervals of a model are made from.

    Attributes:
        tasks: scores by task, by group of members, by what is known of a crystal.
        curves: for each thermodynamic quantity the temperatures that it was calibrated at,
            ascending.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tasks: dict[str, dict[str, dict[Detail, Scores]]]
    curves: dict[Quantity, tuple[CurvePoint, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _temperatures_ascend(self) -> Self:
        for quantity, points in self.curves.items():
            if (np.diff([point.temperature_k for point in points]) <= 0).any():
                raise ValueError(f"the temperatures of {quantity} ascend")
        return self

    def of(self, task: str, group: str, kind: Detail) -> Scores | None:
        """Return the scores of a task, group and kind; None where nothing was calibrated."""
        return self.tasks.get(task, {}).get(group, {}).get(kind)


def check_level(level: float) -> None:
    """Refuse a level that no interval can have.

    Raises:
        stratus.errors.InputError: it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"the level of an interval is between 0 and 1, not {level}; such as 0.9")


def kept_ranks(rows: int) -> NDArray[np.int64]:
    """Return which ranks of so many scores are kept, from 1, ascending; the last one always."""
    if rows <= MOST_SCORES:
        return np.arange(1, rows + 1)
    return -(-np.arange(1, MOST_SCORES + 1) * rows // MOST_SCORES)


def moments(values: ArrayLike) -> tuple[Floats, Floats]:
    """Return what members predict together, and how far they differ.

    Args:
        values: ``[members, n]``.

    Returns:
        mean ``[n]`` and standard deviation ``[n]`` (divided by the number of members; 0 of one).
    """
    given = np.asarray(values, np.float64)
    return given.mean(axis=0), given.std(axis=0)


def calibrate(labels: ArrayLike, mu: ArrayLike, sigma: ArrayLike) -> Scores | None:
    """Make the scores of the calibration rows of a group.

    The score of a row is ``|y - mu| / sqrt(sigma**2 + floor**2)``, where the floor is the median
    of ``|y - mu|`` of the rows; where that is 0, the median of those that are not 0 (and 1 where
    there are none: then all scores are 0).

    Args:
        labels: ``[n]``, in the unit of the task; NaN where absent.
        mu: ``[n]``, mean of the members of the group.
        sigma: ``[n]``, their spread.

    Returns:
        None where no row has a label.

    Raises:
        stratus.errors.InputError: a prediction of a row with a label is no finite number.
    """
    known = ~np.isnan(np.asarray(labels, np.float64))
    if not known.any():
        return None
    y, centre, spread = (np.asarray(x, np.float64)[known] for x in (labels, mu, sigma))
    errors = np.abs(y - centre)
    if not (np.isfinite(errors).all() and np.isfinite(spread).all()):
        raise InputError("a label or prediction of a calibration row is no finite number")
    floor = float(np.median(errors))
    if floor == 0:
        floor = float(np.median(errors[errors > 0])) if errors.any() else 1.0
    scores = np.sort(errors / np.hypot(spread, floor))
    kept = scores[kept_ranks(len(scores)) - 1]
    return Scores(rows=len(scores), floor=floor, scores=tuple(map(_shortened, kept.tolist())))


def intervals(
    calibration: Calibration,
    task: Task,
    kinds: Sequence[Detail],
    groups_mu: Mapping[str, ArrayLike],
    groups_sigma: Mapping[str, ArrayLike],
    level: float,
) -> tuple[Floats, Floats]:
    """Return the intervals of a regression: means over the groups of those of each group.

    Args:
        calibration: of the model.
        task: what is predicted; nothing lies below its ``minimum``.
        kinds: ``[n]``, what is known of each crystal.
        groups_mu: ``[n]`` by group, mean of its members.
        groups_sigma: ``[n]`` by group, spread of its members.
        level: share of the crystals that the intervals are to hold.

    Returns:
        lo ``[n]`` and hi ``[n]``, in the unit of the task. Infinite where a group has too few
        calibration rows for the level; NaN where a group was not calibrated for the kind, which is
        logged.

    Raises:
        stratus.errors.InputError: the task is no regression, there is no group, or the level is
            not between 0 and 1.
    """
    check_level(level)
    if task.kind != "regression":
        raise InputError(f"{task.name} is a {task.kind} task; only regressions have intervals")
    if not groups_mu:
        raise InputError(f"{task.name} has no predictions to make intervals of")
    kind_of = np.array([str(kind) for kind in kinds], dtype=np.str_)
    lo, hi = np.zeros(len(kind_of)), np.zeros(len(kind_of))
    for group, centre in groups_mu.items():
        mu = np.asarray(centre, np.float64)
        sigma = np.asarray(groups_sigma[group], np.float64)
        half = np.full(len(kind_of), np.nan)
        for kind in Detail:
            here = kind_of == kind
            scores = calibration.of(task.name, group, kind)
            if scores is not None:
                half[here] = scores.half_width(sigma[here], level)
            elif here.any():
                _say_uncalibrated(task.name, group, kind)
        lo += (mu - half) / len(groups_mu)
        hi += (mu + half) / len(groups_mu)
    return task.cut(lo), task.cut(hi)


@cache  # so that a stream of batches says it once
def _say_uncalibrated(task: str, group: str, kind: Detail) -> None:
    _log.warning(
        "%s: no interval for crystals of the kind %r, because group %r was calibrated on none of "
        "them; their cells are empty",
        task,
        str(kind),
        group,
    )


def _shortened(score: float) -> float:
    return float(f"{score:.6g}")  # a millionth of a score matters to nobody, the file is half
