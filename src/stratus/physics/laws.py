"""Laws between what a model predicts and what is measured: one Debye mode, or a mixture of modes.

A law has parameters that do not depend on temperature, and gives from them every quantity at every
temperature. A further law is one line in :data:`LAWS`, made of modes in :data:`MODES`.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.errors import InputError
from stratus.physics import debye, einstein
from stratus.physics.arguments import as_tensors
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from stratus.physics.quantities import Quantity
    from stratus.physics.series import Mode

MODES: Final[Mapping[Mode, Callable[[Quantity, Tensor, Tensor], Tensor]]] = MappingProxyType(
    {"debye": debye.one_mode, "einstein": einstein.one_mode}
)


class Law(NamedTuple):
    """A sum of modes.

    Attributes:
        name: by which it is called.
        modes: what each of them is.
    """

    name: str
    modes: tuple[Mode, ...]


class Parameters(NamedTuple):
    """The numbers of a law for some crystals.

    Attributes:
        theta_k: ``[..., m]``, the temperature of each mode, positive, in K.
        weight: ``[..., m]``, its share of the 3 modes of an atom; they add up to 1.
    """

    theta_k: Tensor
    weight: Tensor


LAWS: Final[Mapping[str, Law]] = MappingProxyType(
    {
        law.name: law
        for law in (
            Law("debye", ("debye",)),
            Law("mixture", ("debye", "einstein", "einstein", "einstein")),
        )
    }
)


def law_named(name: str) -> Law:
    """Return a law by its name.

    Raises:
        stratus.errors.InputError: there is none of that name.
    """
    if name not in LAWS:
        raise InputError(f"there is no law {name!r}; there are {', '.join(LAWS)}")
    return LAWS[name]


def evaluate(
    law: Law,
    quantity: Quantity,
    parameters: Parameters,
    temperature_k: Tensor | float,
    atoms: Tensor | float = 1.0,
) -> Tensor:
    """Return a quantity of crystals at temperatures.

    For n crystals at t temperatures each, give parameters ``[n, 1, m]`` and temperatures ``[t]``.

    Args:
        law: which modes there are.
        quantity: ``cv`` or ``s``, in J/(mol K), ``u`` or ``f``, in J/mol.
        parameters: of the modes.
        temperature_k: not negative, in K; broadcasts against the parameters without their last
            axis.
        atoms: of the cells that a mole is of; broadcasts likewise.

    Returns:
        the broadcast shape, per mole of cells; differentiable in all but the law.

    Raises:
        stratus.errors.InputError: the parameters are not of the law, or there is no such quantity.
    """
    if quantity not in QUANTITIES:
        raise InputError(f"there is no quantity {quantity!r}; there are {', '.join(QUANTITIES)}")
    theta, weight, temperature, count = as_tensors(*parameters, temperature_k, atoms)
    m = len(law.modes)
    if theta.dim() < 1 or theta.shape[-1] != m or weight.shape[-1:] != theta.shape[-1:]:
        raise InputError(
            f"the law {law.name} has {m} modes, but the parameters have the shapes "
            f"{tuple(theta.shape)} and {tuple(weight.shape)}; their last axis is the modes"
        )
    total: Tensor | None = None
    for mode in dict.fromkeys(law.modes):
        places = [place for place, each in enumerate(law.modes) if each == mode]
        part = slice(places[0], places[-1] + 1) if _adjoining(places) else places
        values = MODES[mode](quantity, theta[..., part], temperature[..., None])
        value = (values * weight[..., part]).sum(-1)
        total = value if total is None else total + value
    if total is None:
        raise InputError(f"the law {law.name} has no modes")
    return 3 * GAS_CONSTANT * count * total


def _adjoining(places: list[int]) -> bool:
    return places == list(range(places[0], places[-1] + 1))
