"""Theta and temperature brought to one type and shape, and split at the limit of the series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from stratus.physics.series import LARGEST_X, high_temperature

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from stratus.physics.quantities import Quantity
    from stratus.physics.series import Mode

_COLDEST: Final = 1e-4
"""T / theta below which exp(-theta / T) is 0 in float64; it is taken as here."""


class Cold(NamedTuple):
    """Theta and T where theta / T is large.

    Attributes:
        theta: in K.
        temperature: in K; 0 is a number like any other.
        x: theta / T, held at 10,000 where it is more.
        q: exp(-x), 0 at and near T = 0.
        log: -ln(1 - q).
    """

    theta: Tensor
    temperature: Tensor
    x: Tensor
    q: Tensor
    log: Tensor


def evaluate_mode(
    mode: Mode,
    quantity: Quantity,
    theta_k: Tensor,
    temperature_k: Tensor,
    cold: Callable[[Quantity, Cold], Tensor],
) -> Tensor:
    """Return a quantity of one mode at any temperature.

    Both branches are worked out for all elements, each with arguments at which it is finite, so
    that neither value nor gradient of the other one can spoil what is taken.

    Args:
        mode: which law.
        quantity: which quantity.
        theta_k: positive, in K.
        temperature_k: not negative, in K.
        cold: the law at low temperature, in the units of what this returns.

    Returns:
        ``cv`` and ``s`` in units of k_B, ``u`` and ``f`` in K (units of k_B); NaN where theta is
        not positive or the temperature is negative.
    """
    valid = (theta_k > 0) & (temperature_k >= 0)
    hot = valid & (temperature_k * LARGEST_X >= theta_k)
    one = torch.ones((), dtype=theta_k.dtype, device=theta_k.device)
    temperature = torch.where(hot, temperature_k, one)
    high = high_temperature(mode, quantity, torch.where(hot, theta_k, one) / temperature)
    if quantity in {"u", "f"}:
        high = high * temperature
    theta = torch.where(valid, theta_k, one)
    low = cold(quantity, _cold(theta, torch.where(valid & ~hot, temperature_k, 0.25 * theta)))
    return torch.where(valid, torch.where(hot, high, low), torch.nan)


def _cold(theta: Tensor, temperature: Tensor) -> Cold:
    x = 1 / (temperature / theta).clamp(min=_COLDEST)
    q = torch.exp(-x)
    return Cold(theta, temperature, x, q, -torch.log1p(-q))


def as_tensors(*values: Tensor | float) -> tuple[Tensor, ...]:
    """Return tensors of one type, float32 at least, on one device; numbers take it on."""
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    dtype = torch.float32 if tensors else torch.float64
    for each in tensors:
        dtype = torch.promote_types(dtype, each.dtype)
    device = next((each.device for each in tensors if each.dim()), None)
    return tuple(torch.as_tensor(value, dtype=dtype, device=device) for value in values)
