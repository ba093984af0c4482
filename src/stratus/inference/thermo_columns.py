"""The columns of a table of thermodynamics over temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.inference.columns import OWN, Column, own_cells
from stratus.inference.thermo_curves import UNITS
from stratus.models.functionals import functional_of
from stratus.physics.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.inference.columns import Cell
    from stratus.inference.row import Row
    from stratus.inference.windows import ThermoWindow
    from stratus.models.model import Model

_ENDS: Final = ("", "_lo", "_hi")

HEADER: Final = (
    *OWN,
    Column("temperature_k", "number", "K"),
    *(
        Column(f"{name}{end}", "number", UNITS[name], part=end)
        for name in QUANTITIES
        for end in _ENDS
    ),
    Column("theta_k", "number", "K"),
)
"""The columns."""


def header(model: Model) -> list[Column]:
    """Return the columns, with the functional of what a model learned from."""
    return [column._replace(functional=_functional(model, column)) for column in HEADER]


def _functional(model: Model, column: Column) -> str:
    return functional_of(model, column.name.removesuffix("_lo").removesuffix("_hi"))


def cells(window: ThermoWindow) -> Iterator[tuple[Row, list[Cell]]]:
    """Yield the lines of a window, one for each crystal and temperature, with their rows."""
    curves = window.curves
    at = curves.temperature_k.tolist()
    theta = curves.theta_k.tolist()
    for number, (row, place) in enumerate(zip(window.rows, window.where.tolist(), strict=True)):
        own = own_cells(row, window.notes.get(number, ()))
        if row.reject is not None:
            yield row, [*own, *[None] * (len(HEADER) - len(OWN))]
            continue
        columns = [
            [None] * len(at) if part is None else part[place].tolist()
            for curve in curves.curves.values()
            for part in (curve.value, curve.lo, curve.hi)
        ]
        for line in zip(at, *columns, strict=True):
            yield row, [*own, *line, theta[place]]
