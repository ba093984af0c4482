"""Stress in one convention, from the units and signs in which sources write it.

Inside the package a stress is the derivative of the energy with respect to a symmetric strain, over
the volume: shape (3, 3), in eV/Å³, positive under tension. ASE has the same convention for its
``stress`` (https://ase-lib.org/ase/units.html and ``ase.stress``), with the six numbers xx, yy, zz,
yz, xz, xy. VASP writes kbar, positive under compression, in the order xx, yy, zz, xy, yz, zx. A
virial in extended XYZ is minus the stress times the volume, in eV.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    import numpy.typing as npt
    import pyarrow as pa

GPA: Final = 1 / 160.2176634
"""One GPa in eV/Å³; the elementary charge of the SI of 2019."""

_BOHR: Final = 0.529177210903  # Å, CODATA 2018
_HARTREE: Final = 27.211386245988  # eV, CODATA 2018

Unit = Literal["eV/A^3", "GPa", "MPa", "Pa", "kbar", "bar", "Ha/Bohr^3", "Ry/Bohr^3", "eV"]

_IN_EV_PER_A3: Final[dict[str, float]] = {
    "eV/A^3": 1.0,
    "GPa": GPA,
    "MPa": GPA / 1e3,
    "Pa": GPA / 1e9,
    "kbar": GPA / 10,
    "bar": GPA / 1e4,
    "Ha/Bohr^3": _HARTREE / _BOHR**3,
    "Ry/Bohr^3": _HARTREE / 2 / _BOHR**3,
}
_UNITS: Final = {unit.casefold(): unit for unit in (*_IN_EV_PER_A3, "eV")} | {
    "ev/å^3": "eV/A^3",
    "ev/å³": "eV/A^3",
    "ev/ang^3": "eV/A^3",
    "kb": "kbar",
}
_ORDERS: Final[dict[str, tuple[int, ...]]] = {
    "voigt": (0, 5, 4, 5, 1, 3, 4, 3, 2),  # xx yy zz yz xz xy
    "vasp": (0, 3, 5, 3, 1, 4, 5, 4, 2),  # xx yy zz xy yz zx
}
_SIX, _NINE = 6, 9
_ASYMMETRY: Final = 1e-3


class StressConvention(BaseModel):
    """How a source writes stress; also made from words such as ``"vasp"`` or ``"GPa tension"``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Unit = Field(description="Unit; eV is a virial, which is over the whole cell.")
    positive: Literal["tension", "compression"] = Field(description="Which sign is positive.")
    order: Literal["voigt", "vasp"] = Field(
        "voigt", description="Order of six numbers: xx yy zz yz xz xy, or xx yy zz xy yz zx."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_words(cls, value: Any) -> Any:
        return _of_words(value) if isinstance(value, str) else value

    def tensor(self, values: npt.NDArray[np.float64], volume: float) -> npt.NDArray[np.float64]:
        """Return a stress in the convention of the package, shape (3, 3) in eV/Å³.

        Args:
            values: six numbers in this order, or nine as rows of a matrix.
            volume: of the cell, in Å³; used where the unit is that of a virial.
        """
        flat = values.reshape(-1)
        full = flat[list(_ORDERS[self.order])] if flat.size == _SIX else flat
        factor = 1 / volume if self.unit == "eV" else _IN_EV_PER_A3[self.unit]
        sign = 1.0 if self.positive == "tension" else -1.0
        return sign * factor * full.reshape(3, 3)


ASE: Final = StressConvention(unit="eV/A^3", positive="tension", order="voigt")
VASP: Final = StressConvention(unit="kbar", positive="compression", order="vasp")
VIRIAL: Final = StressConvention(unit="eV", positive="compression", order="voigt")

_NAMED: Final = {"ase": ASE, "vasp": VASP, "virial": VIRIAL}


def _of_words(text: str) -> dict[str, str]:
    """Return the fields that a text names: a convention, or unit, sign and order in any order.

    Raises:
        ValueError: a word is not known, or unit or sign is missing.
    """
    found: dict[str, str] = {}
    words = [word for word in re.split(r"[\s,;]+", text.strip()) if word]
    if len(words) == 1 and words[0].casefold() in _NAMED:
        return _NAMED[words[0].casefold()].model_dump()
    for word in words:
        key = word.casefold()
        if key in _UNITS:
            found["unit"] = _UNITS[key]
        elif key in {"tension", "compression"}:
            found["positive"] = key
        elif key in _ORDERS:
            found["order"] = key
        else:
            raise ValueError(f"{word!r} is no unit, sign or order of a stress; {_HELP}")
    if "unit" not in found or "positive" not in found:
        raise ValueError(f"unit and sign are both needed; {_HELP}")
    return found


_HELP: Final = (
    "write ase, vasp or virial, or a unit (eV/A^3, GPa, MPa, Pa, kbar, bar, Ha/Bohr^3, Ry/Bohr^3, "
    "eV) and tension or compression, whichever is positive; six numbers may be in the order voigt "
    "or vasp"
)


COLUMN_KEY: Final = b"stress"
"""Key in the metadata of a Parquet column of stress; its value are the words of a convention."""


def stress_columns(schema: pa.Schema) -> dict[str, StressConvention]:
    """Return how those columns of a table write stress whose metadata say so."""
    found: dict[str, StressConvention] = {}
    for column in schema:
        words = (column.metadata or {}).get(COLUMN_KEY)
        if words is not None:
            with suppress(ValidationError):
                found[column.name] = StressConvention.model_validate(
                    words.decode("utf-8", "replace")
                )
    return found


def is_symmetric(tensor: npt.NDArray[np.float64]) -> bool:
    """Return whether a tensor is its own transpose, up to a thousandth of its largest part."""
    scale = float(np.abs(tensor).max())
    return float(np.abs(tensor - tensor.T).max()) <= _ASYMMETRY * scale


def is_stress(values: npt.NDArray[np.float64]) -> bool:
    """Return whether there are as many numbers as a stress has."""
    return values.size in {_SIX, _NINE}
