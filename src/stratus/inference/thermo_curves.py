"""Curves of heat capacity, internal energy, entropy and free energy over temperature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.physics.quantities import Quantity

    Floats = NDArray[np.float64]

ThermoPer = Literal["atom", "formula", "cell"]
"""What a mole is of: atoms, formula units or primitive cells."""

UNITS: Final[dict[Quantity, str]] = {
    "cv": "J/(mol K)",
    "u": "kJ/mol",
    "s": "J/(mol K)",
    "f": "kJ/mol",
}
"""The units of the curves."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One quantity of n crystals at t temperatures, in float64.

    Attributes:
        value: ``[n, t]``, the mean of the members.
        std: ``[n, t]``, how far the members differ; NaN for a model of one member.
        lo: ``[n, t]``, lower end of the interval; None where none was asked for. NaN where
            nothing is calibrated, infinite where too little is.
        hi: ``[n, t]``, upper end of the interval, likewise.
    """

    value: Floats
    std: Floats
    lo: Floats | None = None
    hi: Floats | None = None


@dataclass(frozen=True, eq=False)
class ThermoCurves:
    """Thermodynamics of n crystals at t temperatures, at constant volume.

    Attributes:
        temperature_k: ``[t]``, in K.
        per: what a mole is of: ``atom``, ``formula`` or ``cell`` (the primitive one); everything
            is NaN where a crystal's cell is unknown.
        cv: heat capacity at constant volume, in J/(mol K).
        u: internal energy of the vibrations, zero-point energy included, in kJ/mol.
        s: entropy of the vibrations, in J/(mol K).
        f: free energy of the vibrations, u - T s, in kJ/mol.
        theta_k: ``[n]``, effective Debye temperature, in K: that of the Debye solid whose heat
            capacity at 300 K is that of the curve.
        theta_std_k: ``[n]``, how far those of the members differ, in K; NaN for one member.
        notes: ``[n]``, why a crystal is ``out`` of what the law was learned from; empty texts, or
            no texts at all, where none is.
    """

    temperature_k: Floats
    per: ThermoPer
    cv: Curve
    u: Curve
    s: Curve
    f: Curve
    theta_k: Floats
    theta_std_k: Floats
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of crystals."""
        return len(self.theta_k)

    @property
    def curves(self) -> dict[Quantity, Curve]:
        """The curves by the name of the quantity."""
        return {"cv": self.cv, "u": self.u, "s": self.s, "f": self.f}

    @property
    def units(self) -> dict[Quantity, str]:
        """The units of the curves by the name of the quantity; a mole is of what ``per`` says."""
        return dict(UNITS)


def joined_curves(parts: Sequence[ThermoCurves]) -> ThermoCurves:
    """Return the curves of crystals after one another, at least one part, as one."""
    first = parts[0]

    def end_to_end(name: Quantity) -> Curve:
        curves = [part.curves[name] for part in parts]
        lo = [curve.lo for curve in curves if curve.lo is not None]
        hi = [curve.hi for curve in curves if curve.hi is not None]
        return Curve(
            np.concatenate([curve.value for curve in curves]),
            np.concatenate([curve.std for curve in curves]),
            np.concatenate(lo) if lo else None,
            np.concatenate(hi) if hi else None,
        )

    return ThermoCurves(
        temperature_k=first.temperature_k,
        per=first.per,
        cv=end_to_end("cv"),
        u=end_to_end("u"),
        s=end_to_end("s"),
        f=end_to_end("f"),
        theta_k=np.concatenate([part.theta_k for part in parts]),
        theta_std_k=np.concatenate([part.theta_std_k for part in parts]),
        notes=_all_notes(parts),
    )


def placed_curves(curves: ThermoCurves, where: NDArray[np.int64]) -> ThermoCurves:
    """Return curves in the places of their rows, NaN in those of rejects.

    Args:
        curves: of m crystals.
        where: ``[n]``, the place of each row in them, -1 for a reject.
    """
    good = where >= 0
    if good.all():
        return curves

    def column(values: Floats | None) -> Any:
        if values is None:
            return None
        there = np.full((len(where), *values.shape[1:]), np.nan)
        there[good] = values
        return there

    def curve(one: Curve) -> Curve:
        return Curve(column(one.value), column(one.std), column(one.lo), column(one.hi))

    notes = tuple(curves.notes[k] if k >= 0 else "" for k in where.tolist()) if curves.notes else ()
    return replace(
        curves,
        cv=curve(curves.cv),
        u=curve(curves.u),
        s=curve(curves.s),
        f=curve(curves.f),
        theta_k=column(curves.theta_k),
        theta_std_k=column(curves.theta_std_k),
        notes=notes,
    )


def _all_notes(parts: Sequence[ThermoCurves]) -> tuple[str, ...]:
    if not any(part.notes for part in parts):
        return ()
    return tuple(text for part in parts for text in part.notes or ("",) * len(part))
