"""A random forest on composition, space group and orbits: what a person would try first.

Features of a crystal, all read from its SCOPE string: the share of each element; mean, spread,
least and greatest of tabulated properties of its elements; number and point group of the space
group; how many elements, orbits and atoms there are; which shares of the atoms sit on sites of
each point group. What is unknown of a partial crystal is NaN, which the trees handle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.crystals.element_properties import element_statistics, scaled_properties
from stratus.crystals.spacegroups import space_group
from stratus.crystals.wyckoff import POINT_GROUPS, wyckoff_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.corpora.tables.table import Table

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FOREST: Final = "random forest on composition, space group and orbits"
TREES: Final = 200
ROWS_PER_TREE: Final = 20_000
"""Rows that a tree is grown from at most; with more, each tree draws that many."""

_SYSTEMS: Final = (
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
)  # fmt: skip
_GROUP, _ORBITS = 0, 1


def features(table: Table) -> Floats:
    """Return what the forest sees of each row of a table.

    Args:
        table: the crystals.

    Returns:
        shape (n, features); NaN where something is unknown.
    """
    shares = table.fractions()
    found = [shares, _of_elements(shares)]
    known: dict[tuple[int | None, str | None], Floats] = {}
    symmetry = np.empty((len(table), _N_SYMMETRY))
    for row, crystal in enumerate(table.crystals):
        key = crystal.space_group, crystal.wyckoffs
        if key not in known:
            known[key] = _of_symmetry(*key)
        symmetry[row] = known[key]
    atoms = np.where(table.n_atoms > 0, table.n_atoms, np.nan)[:, np.newaxis]
    return np.hstack([*found, symmetry, atoms])


def predict_forest(
    seen: Floats, labels: Floats, learn: Ints, look: Ints, kind: str, seed: int
) -> Floats:
    """Grow a forest from some rows and predict others.

    Args:
        seen: of :func:`features`, of all rows.
        labels: ``[n]``, NaN where absent; those of ``look`` are not looked at.
        learn: rows to learn from.
        look: rows to predict.
        kind: ``regression`` or ``binary``.
        seed: of the forest.

    Returns:
        for each row to predict the mean of the trees, or the probability of class 1.
    """
    from sklearn.ensemble import (  # type: ignore[import-untyped, unused-ignore]
        RandomForestClassifier,
        RandomForestRegressor,
    )

    learn = learn[np.isfinite(labels[learn])]
    columns = np.isfinite(seen[learn]).any(axis=0)
    some = len(learn) > ROWS_PER_TREE
    settings: dict[str, Any] = {
        "n_estimators": TREES,
        "max_features": 1 / 3,
        "max_samples": ROWS_PER_TREE if some else None,
        "random_state": seed,
    }
    x = seen[:, columns]
    if kind == "regression":
        model = RandomForestRegressor(**settings).fit(x[learn], labels[learn])
        values = model.predict(x[look]) if len(look) else np.empty(0)
    else:
        model = RandomForestClassifier(**settings).fit(x[learn], labels[learn].astype(np.int64))
        values = np.zeros(len(look))
        if len(look) and 1 in model.classes_:
            values = model.predict_proba(x[look])[:, list(model.classes_).index(1)]
    return np.asarray(values, np.float64)


def _of_elements(shares: Floats) -> Floats:
    """Return mean, spread, least and greatest of each property over the atoms; 0 where unknown."""
    values = scaled_properties()
    found = element_statistics(shares, values)[:, : 4 * values.shape[1]]
    return np.hstack([found, (shares > 0).sum(axis=1, keepdims=True)])


_N_SYMMETRY: Final = 5 + len(POINT_GROUPS) + 2


def _of_symmetry(number: int | None, wyckoffs: str | None) -> Floats:
    """Return the numbers of a space group and its orbits; NaN where it is unknown."""
    found = np.full(_N_SYMMETRY, np.nan)
    if number is None:
        return found
    what = space_group(number)
    found[:5] = (
        number,
        _SYSTEMS.index(what.crystal_system),
        what.centring_order,
        what.inversion,
        len(what.generators),
    )
    if wyckoffs is None:
        return found
    positions = wyckoff_positions(number)
    taken = [positions[word[-1]] for word in wyckoffs.split(" ")]
    sites = np.array([position.multiplicity for position in taken], np.float64)
    on = np.zeros(len(POINT_GROUPS))
    for position, share in zip(taken, sites / sites.sum(), strict=True):
        on[POINT_GROUPS.index(position.point_group)] += share
    found[5:-2] = on
    found[-2:] = len(taken), sum(not position.is_fixed for position in taken)
    return found
