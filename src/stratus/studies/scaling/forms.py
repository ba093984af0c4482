"""Laws that are sums of powers, ``L = sum_k c_k x_k^-g_k``, where a term may be a constant.

``L = E + A / N^alpha + B / D^beta`` is Hoffmann et al. 2022 (arXiv 2203.15556, approach 3); a
single power with and without a floor is that of Kaplan et al. 2020 (arXiv 2001.08361).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_EXPONENTS: Final = (0.0, 0.5, 1.0, 1.5, 2.0)
_LOG_COEFFICIENTS: Final = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0)
_LOG_FLOORS: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""The starts of Hoffmann et al. 2022, appendix D.3; here they hold for losses whose logarithm has
mean 0, so that the unit of the loss does not matter."""


@dataclass(frozen=True)
class Term:
    """One term of a law.

    Attributes:
        coefficient: name of its coefficient.
        exponent: name of its exponent; None for a constant.
        variable: the column that is raised to minus the exponent; None for a constant.
    """

    coefficient: str
    exponent: str | None = None
    variable: str | None = None


@dataclass(frozen=True)
class Form:
    """The shape of a law.

    Attributes:
        name: what it is called in files.
        terms: its terms.
    """

    name: str
    terms: tuple[Term, ...]

    @property
    def constants(self) -> tuple[str, ...]:
        """Names of the constants; term by term, the coefficient first."""
        found = [(term.coefficient, term.exponent) for term in self.terms]
        return tuple(name for pair in found for name in pair if name is not None)

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(term.variable for term in self.terms if term.variable is not None)

    def design(self, columns: Mapping[str, Floats]) -> Design:
        """Prepare the law for some points.

        Args:
            columns: ``[n]`` for each variable, positive.
        """
        first = columns[self.variables[0]]
        table = np.zeros((len(first), len(self.terms), len(self.constants)))
        centres: list[float] = []
        place = 0
        for k, term in enumerate(self.terms):
            table[:, k, place] = 1.0
            place += 1
            if term.variable is not None:
                logarithm = np.log(columns[term.variable])
                centres.append(float(logarithm.mean()))
                table[:, k, place] = centres[-1] - logarithm
                place += 1
        return Design(self, table, tuple(centres))

    def values(self, constants: Mapping[str, float], columns: Mapping[str, Floats]) -> Floats:
        """Return the loss that the law gives, ``[n]``."""
        total = np.zeros(1)
        for term in self.terms:
            part: Floats = np.array([constants[term.coefficient]])
            if term.variable is not None and term.exponent is not None:
                part = part * columns[term.variable] ** -constants[term.exponent]
            total = total + part
        return total

    def starts(self, *, coarse: bool = False) -> list[dict[str, float]]:
        """Return the start grid: logarithms of coefficients, and exponents, by name.

        Args:
            coarse: whether to leave out most of it, which is enough for clean data.
        """
        axes: dict[str, tuple[float, ...]] = {}
        for term in self.terms:
            if term.exponent is None:
                axes[term.coefficient] = _LOG_FLOORS[::2] if coarse else _LOG_FLOORS
            else:
                axes[term.coefficient] = _LOG_COEFFICIENTS[:4:3] if coarse else _LOG_COEFFICIENTS
                axes[term.exponent] = _EXPONENTS[:2] if coarse else _EXPONENTS
        return [dict(zip(axes, point, strict=True)) for point in product(*axes.values())]


@dataclass(frozen=True, eq=False)
class Design:
    """A law at some points, in variables that are easy to fit.

    The fitted vector ``theta`` holds, for each constant in the order of the form, the exponent
    itself or the logarithm of the term's value where its variable has its geometric mean: this is
    another way to write the same law, in which coefficients and exponents hardly depend on each
    other, so that the search ends where it should.

    Attributes:
        form: the law.
        table: ``[n, terms, constants]``; the logarithm of each term is ``table @ theta``.
        centres: mean logarithm of each variable, in the order of ``form.variables``.
    """

    form: Form
    table: Floats
    centres: tuple[float, ...]

    def theta(self, named: Mapping[str, float]) -> Floats:
        """Return the vector for logarithms of coefficients, and exponents, by name."""
        vector: list[float] = []
        centres = iter(self.centres)
        for term in self.form.terms:
            shift = 0.0
            if term.exponent is not None:
                shift = named[term.exponent] * next(centres)
            vector.append(named[term.coefficient] - shift)
            if term.exponent is not None:
                vector.append(named[term.exponent])
        return np.array(vector)

    def named(self, theta: Floats, level: float = 0.0) -> dict[str, float]:
        """Return logarithms of coefficients, and exponents, by name.

        Args:
            theta: the vector.
            level: what was subtracted from the logarithms of the losses.
        """
        values = iter(theta.tolist())
        centres = iter(self.centres)
        found: dict[str, float] = {}
        for term in self.form.terms:
            coefficient = next(values) + level
            if term.exponent is not None:
                exponent = next(values)
                coefficient += exponent * next(centres)
                found[term.coefficient], found[term.exponent] = coefficient, exponent
            else:
                found[term.coefficient] = coefficient
        return found

    def constants(self, theta: Floats, level: float = 0.0) -> dict[str, float]:
        """Return the constants of the law by name."""
        named = self.named(theta, level)
        powers = {term.coefficient for term in self.form.terms}
        return {n: _exp(value) if n in powers else value for n, value in named.items()}


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


LAW: Final = Form(
    "parameters and tokens",
    (Term("A", "alpha", "parameters"), Term("B", "beta", "tokens"), Term("E")),
)
"""``L = E + A / N^alpha + B / D^beta``."""


def power(variable: str, *, floor: bool) -> Form:
    """Return the law of one variable: ``c x^-gamma``, or ``E + c x^-gamma``."""
    terms = (Term("c", "gamma", variable), *((Term("E"),) if floor else ()))
    return Form("power with floor" if floor else "power", terms)


def check_columns(columns: Mapping[str, Floats], names: tuple[str, ...]) -> None:
    """Refuse values that have no logarithm.

    Raises:
        stratus.errors.InputError: a value is not a positive number; the text names it.
    """
    for name in names:
        wrong = np.flatnonzero(~(np.isfinite(columns[name]) & (columns[name] > 0)))
        if len(wrong):
            raise InputError(
                f"row {wrong[0] + 1} of the table has {name} = {columns[name][wrong[0]]:g}; "
                "scaling laws need positive numbers"
            )
