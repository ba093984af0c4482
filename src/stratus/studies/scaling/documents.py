"""What a fit is written as: ``fit.json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from stratus.corpora.documents import read_text
from stratus.errors import InputError
from stratus.studies.scaling.intervals import Interval

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Document):
    """Where the points came from.

    Attributes:
        table: name of the file.
        sha256: its digest.
        rows: points.
        runs: runs that they belong to.
        ranges: least and largest value of each variable.
        decades: powers of ten between them.
    """

    table: str
    sha256: str
    rows: int
    runs: int
    ranges: dict[str, tuple[float, float]]
    decades: dict[str, float]


class Search(_Document):
    """How the constants were found.

    Attributes:
        delta: where the Huber loss of log loss turns.
        objective: the sum of the Huber losses.
        rms: root mean square of the residuals of log loss.
        agreeing: share of the dozen best starts that ended at the same objective.
        level: share of the draws that an interval holds.
        draws: refits to resampled runs.
        draws_left_out: resamples that could not tell the constants.
        seed: of the resamples.
    """

    delta: float
    objective: float
    rms: float
    agreeing: float
    level: float
    draws: int
    draws_left_out: int
    seed: int


class ProfileDocument(_Document):
    """The likelihood along a constant; the deviance is 3.84 at the ends of a 95 % interval."""

    lo: float | None
    hi: float | None
    values: tuple[float, ...]
    deviance: tuple[float, ...]


class HeldOut(_Document):
    """A run that a second fit did not see.

    Attributes:
        run: which.
        at: its variables.
        measured: its loss.
        predicted: what the fit to the other runs gives, with the interval of their draws.
        error: predicted over measured, less 1.
        times_larger: its compute over the largest of the other runs.
    """

    run: str
    at: dict[str, float]
    measured: float
    predicted: Interval
    error: float
    times_larger: float


class Budget(_Document):
    """The best sizes for a budget; None where it was refused or there is none.

    Attributes:
        flops: the budget, in operations; 6 N D.
        parameters: best N.
        tokens: best D.
        loss: what the law gives there.
        inside: whether N and D are inside what was measured.
        refused: the sentence that says why nothing is given.
    """

    flops: float
    parameters: Interval | None
    tokens: Interval | None
    loss: Interval | None
    inside: bool
    refused: str | None = None


class LawFit(_Document):
    """``L = E + A / N^alpha + B / D^beta``, fitted; the constants are unrounded."""

    format: Literal[1] = FORMAT
    law: Literal["E + A / parameters^alpha + B / tokens^beta"] = (
        "E + A / parameters^alpha + B / tokens^beta"
    )
    E: Interval
    A: Interval
    B: Interval
    alpha: Interval
    beta: Interval
    a: Interval
    b: Interval
    source: Source
    search: Search
    profile: dict[str, ProfileDocument]
    held_out: tuple[HeldOut, ...]
    notes: tuple[str, ...] = Field(description="What to know before the law is used.")
    budgets: tuple[Budget, ...]

    @property
    def constants(self) -> dict[str, float]:
        """The five constants by name."""
        return {name: getattr(self, name).value for name in ("E", "A", "B", "alpha", "beta")}


class Prediction(_Document):
    """The loss at a value of the variable; None where it was refused."""

    x: float
    power: Interval | None
    power_with_floor: Interval | None
    refused: str | None = None


class SinglePower(_Document):
    """One of the two single powers, with how well it holds.

    Attributes:
        constants: ``c``, ``gamma`` and, with a floor, ``E``.
        search: how they were found.
        profile: of each of them.
        held_out: runs that a second fit did not see.
    """

    constants: dict[str, Interval]
    search: Search
    profile: dict[str, ProfileDocument]
    held_out: tuple[HeldOut, ...]


class PowerFit(_Document):
    """``c / x^gamma`` and ``E + c / x^gamma``, fitted.

    Attributes:
        x: name of the variable.
        power: without a floor.
        power_with_floor: with one; None where there are too few rows.
        floor_p: how likely so much better a fit with a floor would be without one: of the
            likelihood ratio, half a chi squared, since a floor cannot be negative (Self and
            Liang 1987).
    """

    format: Literal[1] = FORMAT
    law: Literal["c / x^gamma, and E + c / x^gamma"] = "c / x^gamma, and E + c / x^gamma"
    x: str
    power: SinglePower
    power_with_floor: SinglePower | None
    floor_p: float | None
    source: Source
    notes: tuple[str, ...]
    at: tuple[Prediction, ...]


def read_fit(path: Path) -> LawFit | PowerFit:
    """Read what ``stratus scaling fit`` wrote.

    Raises:
        stratus.errors.InputError: it cannot be read, or is no such file.
    """
    try:
        return TypeAdapter(LawFit | PowerFit).validate_json(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{path} is no fit of this version of stratus ({first['msg']}); fit the table again"
        ) from None
