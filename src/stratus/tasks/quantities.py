"""What well-known names of columns hold: unit, kind, shape, and what their values are of.

One table, ``data/quantities.csv``: names are those of MatBench, the Materials Project, JARVIS,
Alexandria and ASE. Its first unit is the usual one. A name that tables use in different senses
(``e_form`` is per atom in one and per cell in another) must be declared more closely.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPELLINGS: Final = (
    ("Angstrom", "Å"), ("angstrom", "Å"), ("Å", "Å"), ("**", "^"), ("³", "^3"), ("²", "^2"),
    ("⁻¹", "^-1"), ("·", ""), ("*", ""), (" ", ""), ("μ", "µ"), ("muB", "µB"), ("uB", "µB"),
)  # fmt: skip
_WHOLE: Final = {"cm^-1": "1/cm", "cm-1": "1/cm", "J/(molK)": "J/mol/K", "kJ/(molK)": "kJ/mol/K",
                 "eV/A": "eV/Å", "meV/A": "meV/Å", "eV/A^3": "eV/Å^3", "eV/A3": "eV/Å^3",
                 "A^3": "Å^3", "A^3/atom": "Å^3/atom"}  # fmt: skip
_PER: Final = ("atom", "formula", "cell")


class Quantity(NamedTuple):
    """What a name means.

    Attributes:
        name: the name of the row.
        units: that its labels may have, the usual one first; none where it is a pure number.
        defaults: fields of a task that follow from the name.
        declare: the field that must be said; empty where nothing must.
    """

    name: str
    units: tuple[str, ...]
    defaults: Mapping[str, Any]
    declare: str


def quantity(name: str) -> Quantity | None:
    """Return what a name of a column means; None where it is no well-known one."""
    return _table().get(_plain(name))


def with_defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields of a task with those that follow from the name of its column.

    What is there already stays. A task that a law or a gradient predicts is left as it is but for
    its unit.

    Args:
        values: with ``column``.

    Raises:
        stratus.errors.InputError: the unit is none of the quantity, or what must be declared is
            not; the message says what to write.
    """
    known = quantity(str(values["column"]))
    if known is None or values.get("kind", known.defaults["kind"]) != known.defaults["kind"]:
        return dict(values)
    column, unit = values["column"], str(values.get("unit") or "")
    if unit and _spelt(unit) not in known.units:
        fitting = f"in {', '.join(known.units)}" if known.units else "a pure number"
        raise InputError(
            f"{column} is called as {known.name} is, which is {fitting}, not in {unit}; give the "
            "unit of the labels, or the column another name"
        )
    missing = not unit if known.declare == "unit" else "per" not in values and not _per(unit)
    if known.declare and missing:
        raise InputError(_to_declare(column, known))
    defaults = dict(known.defaults)
    if _per(unit) is not None:
        defaults.pop("per", None)
        if _per(unit) != "atom":
            defaults["per"] = _per(unit)
    if known.units and not unit:
        unit = known.units[0]
    return (
        defaults
        | {name: value for name, value in values.items() if name != "unit"}
        | ({"unit": unit} if unit else {})
    )


def _to_declare(column: str, known: Quantity) -> str:
    if known.declare == "unit":
        return f"{column} has no unit of its own: say which of {', '.join(known.units)}"
    return (
        f"{column} is of an atom in some tables, of a formula unit or of a cell in others; say per "
        f"(atom, formula or cell), such as --set tasks.{column}.per=cell"
    )


def _per(unit: str) -> str | None:
    """Return what a unit itself is per."""
    return next((each for each in _PER if unit.endswith((f"/{each}", f"-{each}/K"))), None)


def _spelt(unit: str) -> str:
    for other, ours in _SPELLINGS:
        unit = unit.replace(other, ours)
    return _WHOLE.get(unit, unit)


def _plain(name: str) -> str:
    return name.strip().replace(" ", "_")


@cache
def _table() -> dict[str, Quantity]:
    text = files("stratus.tasks").joinpath("data/quantities.csv").read_text("utf-8")
    found: dict[str, Quantity] = {}
    for row in csv.DictReader(text.splitlines()):
        defaults: dict[str, Any] = {"kind": row["kind"], "of": row["of"]}
        defaults["shape"] = tuple(map(int, row["shape"].split()))
        defaults |= {"per": row["per"]} if row["per"] else {}
        defaults |= {"minimum": float(row["minimum"])} if row["minimum"] else {}
        made = Quantity(row["name"], tuple(row["units"].split()), defaults, row["declare"])
        found |= dict.fromkeys([row["name"], *row["also"].split()], made)
    return found
