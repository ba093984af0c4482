"""Points and a law that is to be fitted to them: the sum of Huber losses of log loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError
from stratus.studies.scaling.forms import check_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stratus.studies.scaling.forms import Design, Form

    Floats = NDArray[np.float64]

DELTA: Final = 1e-3
"""Where the loss of a residual of log loss turns from a parabola to a line (Hoffmann et al.)."""


@dataclass(frozen=True, eq=False)
class Problem:
    """Points to be fitted.

    Attributes:
        design: the law at the points.
        target: ``[n]``, log loss less its mean.
        level: that mean.
        delta: where the Huber loss turns.
    """

    design: Design
    target: Floats
    level: float
    delta: float = DELTA

    def residuals(self, theta: Floats) -> Floats:
        """Return measured minus fitted log loss, ``[n]``."""
        return self.target - _log_sum_exp(self.design.table @ theta)[0]

    def objective(self, theta: Floats, weights: Floats | None = None) -> tuple[float, Floats]:
        """Return the sum of Huber losses over delta squared, and its gradient ``[constants]``.

        Args:
            theta: the constants as the design has them.
            weights: ``[n]``, how often each point counts; once if None.
        """
        logs, shares = _log_sum_exp(self.design.table @ theta)
        scaled = (logs - self.target) / self.delta
        slope = np.clip(scaled, -1.0, 1.0)
        losses = slope * (scaled - 0.5 * slope)
        if weights is not None:
            losses, slope = losses * weights, slope * weights
        pull = (slope / self.delta)[:, None] * shares
        terms, constants = self.design.table.shape[1:]
        flat = self.design.table.reshape(-1, constants)
        return float(losses.sum()), pull.reshape(len(pull) * terms) @ flat


def _log_sum_exp(logs: Floats) -> tuple[Floats, Floats]:
    """Return the logarithm of the sum of terms ``[n]``, and the share of each ``[n, terms]``."""
    largest = logs.max(axis=1, keepdims=True)
    parts = np.exp(logs - largest)
    total = parts.sum(axis=1, keepdims=True)
    return (np.log(total) + largest)[:, 0], parts / total


def make_problem(
    form: Form, columns: Mapping[str, Floats], loss: Floats, *, delta: float = DELTA
) -> Problem:
    """Prepare a fit.

    Args:
        form: the law.
        columns: ``[n]`` for each variable of the law.
        loss: ``[n]``.
        delta: where the Huber loss turns, in the logarithm of the loss.

    Raises:
        stratus.errors.InputError: a number is not positive, a variable has one value only, or
            there are fewer points than constants.
    """
    check_columns({**columns, "loss": loss}, (*form.variables, "loss"))
    if not delta > 0:
        raise InputError(f"delta cannot be {delta}; it is above 0, such as {DELTA}")
    if len(loss) < len(form.constants):
        raise InputError(
            f"{len(loss)} rows cannot tell the {len(form.constants)} constants "
            f"{', '.join(form.constants)}; add runs"
        )
    for name in form.variables:
        if len(np.unique(columns[name])) < 2:
            raise InputError(
                f"every row has {name} = {columns[name][0]:g}, so its exponent cannot be told; "
                "add runs with other values"
            )
    logs = np.log(loss)
    level = float(logs.mean())
    return Problem(form.design(columns), logs - level, level, delta)
