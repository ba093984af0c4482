"""What pymatgen keeps beside the sites of a structure: properties of each, and of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence


def site_columns(properties: Sequence[Any]) -> dict[str, list[Any]]:
    """Return the properties of sites as columns; ``None`` where a site lacks one.

    Args:
        properties: those of each site, in order; what is no mapping counts as none.
    """
    names = dict.fromkeys(
        name for one in properties if one and isinstance(one, dict) for name in one
    )
    columns = {
        str(name): [_moment(one.get(name) if isinstance(one, dict) else None) for one in properties]
        for name in names
    }
    return {n: c for n, c in columns.items() if any(value is not None for value in c)}


def labels_of_structure(properties: Any, charge: Any) -> dict[str, Any]:
    """Return the properties of a structure and its charge, if it has one, as labels."""
    labels = dict(properties) if isinstance(properties, dict) else {}
    if isinstance(charge, int | float) and charge:
        labels.setdefault("charge", charge)
    return labels


def _moment(value: Any) -> Any:
    """Return the number or vector of a magnetic moment, and anything else as it is.

    One whose axis is not z is no number for each atom.
    """
    if isinstance(value, dict) and "moment" in value:
        axis, moment = value.get("saxis"), value["moment"]
    elif hasattr(value, "moment") and hasattr(value, "saxis"):
        axis, moment = value.saxis, value.moment
    else:
        return value
    return moment if axis is None or np.array_equal(axis, (0, 0, 1)) else value
