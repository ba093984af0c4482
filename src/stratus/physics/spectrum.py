"""Thermodynamics of a phonon density of states: sums over its modes, by quadrature.

Each mode is an Einstein oscillator, so a quantity is the integral of the density times that of one
oscillator (the harmonic approximation). The density is taken as given at the points of the grid
and as a straight line between them; below the first point above zero it is a parabola, as that of
sound, because straight lines would give a heat capacity that is not proportional to T cubed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from stratus.errors import InputError
from stratus.physics import debye, einstein
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES, SECOND_RADIATION

if TYPE_CHECKING:
    from torch import Tensor

    from stratus.physics.quantities import Quantity

_NODES: Final = 10
"""Of the rule in each interval of the grid."""


def evaluate(
    quantity: Quantity,
    wavenumber_per_cm: Tensor,
    density: Tensor,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
) -> Tensor:
    """Return a quantity of densities of states, which are brought to 3 modes an atom first.

    Args:
        quantity: ``cv`` or ``s``, in J/(mol K), ``u`` or ``f``, in J/mol.
        wavenumber_per_cm: ``[n]``, n at least 2, rising, not negative, in 1/cm.
        density: ``[..., n]``, not negative, in any unit.
        temperature_k: ``[t]`` or a number, not negative, in K.
        atoms: ``[...]`` or a number, of the cells that a mole is of.

    Returns:
        ``[..., t]`` or ``[...]``, in float64, per mole of cells; zero-point energy included.

    Raises:
        stratus.errors.InputError: a shape or a value is none of these.
    """
    if quantity not in QUANTITIES:
        raise InputError(f"there is no quantity {quantity!r}; there are {', '.join(QUANTITIES)}")
    grid = torch.as_tensor(wavenumber_per_cm, dtype=torch.float64)
    values = torch.as_tensor(density, dtype=torch.float64, device=grid.device)
    temperature = torch.as_tensor(temperature_k, dtype=torch.float64, device=grid.device)
    _check(grid, values, temperature)
    kernel, modes = _kernel(quantity, grid, temperature.reshape(-1))
    result = 3 * GAS_CONSTANT * (values @ kernel) / (values @ modes)[..., None]
    result = result * torch.as_tensor(atoms, dtype=torch.float64, device=grid.device)[..., None]
    return result if temperature.dim() else result[..., 0]


def _kernel(quantity: Quantity, grid: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``[n, t]``, what a density of 1 at each point adds, and ``[n]``, its modes."""
    nodes, weights = (torch.as_tensor(each).to(grid) for each in _rule())
    first = 1 if grid[0] == 0 else 0  # the first point above zero
    low, width = grid[first:-1], torch.diff(grid[first:])
    place = low[:, None] + width[:, None] * nodes  # [intervals, nodes]
    values = einstein.one_mode(
        quantity, SECOND_RADIATION * place[..., None], temperature
    )  # [intervals, nodes, t]
    kernel = torch.zeros(len(grid), len(temperature)).to(grid)
    modes = torch.zeros(len(grid)).to(grid)
    for end, share in ((0, 1 - nodes), (1, nodes)):
        part = slice(first + end, len(grid) - 1 + end)
        kernel[part] += width[:, None] * torch.einsum("ikt,k->it", values, weights * share)
        modes[part] += width / 2
    below = grid[first] / 3  # modes of a parabola that ends at 1
    kernel[first] += below * debye.one_mode(quantity, SECOND_RADIATION * grid[first], temperature)
    modes[first] += below
    return kernel, modes


def _rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


def _check(grid: Tensor, density: Tensor, temperature: Tensor) -> None:
    if grid.dim() != 1 or len(grid) < 2 or not bool((torch.diff(grid) > 0).all()) or grid[0] < 0:
        raise InputError(
            "the wavenumbers are no rising list of two or more that begins at 0 or above; sort "
            "them, and leave out imaginary modes, which have no thermodynamics"
        )
    if density.shape[-1:] != grid.shape:
        raise InputError(
            f"the density has the shape {tuple(density.shape)} and there are {len(grid)} "
            "wavenumbers; its last axis is the wavenumbers"
        )
    if not bool((torch.isfinite(density) & (density >= 0)).all()):
        raise InputError("a density of states is negative or no number; mend it or leave it out")
    if not bool((density[..., int(grid[0] == 0) :] > 0).any(-1).all()):
        raise InputError("a density of states is zero everywhere; leave it out")
    if temperature.dim() > 1 or not bool((temperature >= 0).all()):
        raise InputError("temperatures are a number or a list, in K, none below 0")
