"""The columns of a table of thermodynamics over temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.corpora.encoding.rows import writable
from stratus.inference.columns import OWN, texts
from stratus.physics.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stratus.inference.thermo import ThermoWindow

_ENDS: Final = ("", "_lo", "_hi")

HEADER: Final = (
    *OWN,
    "temperature_k",
    *(f"{name}{end}" for name in QUANTITIES for end in _ENDS),
    "theta_k",
)
"""The names of the columns."""


def cells(window: ThermoWindow) -> Iterator[list[str]]:
    """Yield the lines of a window, as texts: one for each crystal and temperature."""
    curves = window.curves
    at = texts(curves.temperature_k.tolist())
    theta = texts(curves.theta_k.tolist())
    for row, place in zip(window.rows, window.where.tolist(), strict=True):
        name = writable(row.id)
        if row.reject is not None:
            yield [name, "reject", str(row.reject.code), *[""] * (len(HEADER) - len(OWN))]
            continue
        columns = [
            [""] * len(at) if part is None else texts(part[place].tolist())
            for curve in curves.curves.values()
            for part in (curve.value, curve.lo, curve.hi)
        ]
        for line in zip(at, *columns, strict=True):
            yield [name, "ok", "", *line, theta[place]]
