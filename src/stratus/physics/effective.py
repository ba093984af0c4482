"""The Debye temperature that a heat capacity amounts to: the Debye law read backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from stratus.physics import debye

if TYPE_CHECKING:
    from torch import Tensor

_STEPS: Final = 80
"""Halvings of ln(theta / T) between -12 and 12, down to the last bit of float64."""


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
        the broadcast shape, in float64, without gradient; NaN where no theta has that C_v, as at
        or above 3 R an atom.
    """
    target, temperature, count = torch.broadcast_tensors(  # type: ignore[no-untyped-call]
        *(torch.as_tensor(each, dtype=torch.float64).detach() for each in
          (heat_capacity, temperature_k, atoms))
    )  # fmt: skip
    low, high = torch.full_like(target, -12.0), torch.full_like(target, 12.0)
    possible = (temperature > 0) & (target > _at(high, count)) & (target < _at(low, count))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = _at(middle, count) > target  # C_v falls with theta
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return torch.where(possible, temperature * torch.exp((low + high) / 2), torch.nan)


def _at(log_x: Tensor, atoms: Tensor) -> Tensor:
    return debye.heat_capacity(torch.exp(log_x), 1.0, atoms)
