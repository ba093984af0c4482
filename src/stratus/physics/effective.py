"""The Debye temperature that a heat capacity amounts to: the Debye law read backwards."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from stratus.physics import debye
from stratus.physics.quantities import GAS_CONSTANT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    Floats = NDArray[np.float64]


def debye_temperature(
    heat_capacity: Tensor | float, temperature_k: Tensor | float, atoms: Tensor | float = 1.0
) -> Tensor:
    """Return the theta whose C_v at a temperature is the one given, in K.

    It depends on the temperature wherever a crystal is no Debye solid, and near 3 R an atom it
    says little: the heat capacity hardly depends on it there.

    Args:
        heat_capacity: C_v in J/(mol K), per mole of cells.
        temperature_k: positive, in K; broadcasts against it.
        atoms: of a cell; broadcasts likewise.

    Returns:
        the broadcast shape, in float64, without gradient, exact to 1e-9 unless C_v is within 1e-6
        of 3 R; NaN where no theta has that C_v, as at or above 3 R an atom.
    """
    given = (heat_capacity, temperature_k, atoms)
    device = next((each.device for each in given if isinstance(each, torch.Tensor)), None)
    target, temperature, count = np.broadcast_arrays(
        *(torch.as_tensor(each, dtype=torch.float64).detach().cpu().numpy() for each in given)
    )
    with np.errstate(all="ignore"):
        wanted = _logit(target / (3 * GAS_CONSTANT * count))
        log_x, logit, slope = _table()
        possible = (temperature > 0) & (wanted > logit[0]) & (wanted < logit[-1])
        found = np.interp(wanted, logit, log_x)
        for _ in range(3):  # each step takes three digits off the error
            found = found - (_logit_at(found) - wanted) / np.interp(found, log_x[::-1], slope[::-1])
        theta = np.where(possible, temperature * np.exp(found), np.nan)
    return torch.as_tensor(theta, device=device)


@cache
def _table() -> tuple[Floats, Floats, Floats]:
    """Return ln x, falling, the logit of C_v / 3 R there, rising, and its slope.

    C_v is 1 - x^2/20 for small x = theta / T, and goes with 1/x^3 for large x; so its logit is
    nearly straight in ln x, and three steps from a table are enough.
    """
    log_x = np.linspace(12.0, -6.0, 1801)
    logit = _logit_at(log_x)
    return log_x, logit, np.gradient(logit, log_x)


def _logit_at(log_x: Floats) -> Floats:
    share = debye.one_mode(
        "cv", torch.as_tensor(np.exp(log_x)), torch.ones((), dtype=torch.float64)
    )
    return _logit(share.numpy())


def _logit(share: Floats) -> Floats:
    logit: Floats = np.log(share) - np.log1p(-share)
    return logit
