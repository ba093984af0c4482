"""How good the bundled weights are on formulas that they never learned from, and on WBM.

    python examples/bundled/evaluate.py [BUNDLE] [--data DIR]

For each target and for each kind of knowledge (the whole crystal, formula and space group, formula
alone): the mean absolute error, that of the mean of the labels, and the share of labels inside the
50, 80, 90 and 95 % intervals with the mean width of the 90 % one. Whole crystals are also shown
with their parts hidden, so the kinds can be compared on the same rows. Curves of thermodynamics are
held against densities of states, temperature by temperature. All are as the heads have it, without
identities and limits (`limits.py` measures these). What the simple models reach is in the
metrics of the bundle (`stratus model info`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from train import HERE, TEST, VALIDATION, place, read_tables, renamed

import stratus
from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.facets import Detail
from stratus.scope.partial import hide

if TYPE_CHECKING:
    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model

LEVELS = (0.5, 0.8, 0.9, 0.95)
MOST = 1000  # rows of a target; of more, so many are drawn
HEADS = "MAE | MAE of the mean | " + " | ".join(f"{level:.0%}" for level in LEVELS) + " | width"


def means_of(table: Table) -> dict[str, float]:
    """Return the mean of each target over the rows that were learned from."""
    learned = np.array([place(formula) >= VALIDATION for formula in table.compositions])
    return dict(zip(table.targets, np.nanmean(table.labels[learned], axis=0), strict=True))


def held_out(table: Table, *, whole: bool) -> Table:
    """Return the rows that were never learned from: whole crystals, or partial ones."""
    test = np.array([place(formula) < TEST for formula in table.compositions])
    is_whole = np.array(["[MASK]" not in text for text in table.scopes])
    return table.take(np.flatnonzero(test & (is_whole == whole)))


def numbers(values: np.ndarray, bounds: list[tuple[np.ndarray, np.ndarray]], labels: np.ndarray,
            mean: float) -> str:  # fmt: skip
    """Return the cells of a row: errors, shares inside intervals, width of the 90 % one."""
    inside = [f"{np.mean((lo <= labels) & (labels <= hi)):.1%}" for lo, hi in bounds]
    lo, hi = bounds[LEVELS.index(0.9)]
    errors = f"{np.abs(values - labels).mean():.4g} | {np.abs(labels - mean).mean():.4g}"
    return f"{errors} | {' | '.join(inside)} | {np.mean(hi - lo):.3g} |"


def show(model: Model, title: str, table: Table, means: dict[str, float]) -> None:
    """Print a table of all targets of the model."""
    print(f"\n{title}\n")
    print(f"| target | known | rows | {HEADS} |")
    print("|---" * 10 + "|")
    for name in model.tasks:
        if name not in table.targets:
            continue
        labels = table.labels[:, table.targets.index(name)]
        here = np.flatnonzero(np.isfinite(labels))
        if len(here) > MOST:
            here = np.sort(np.random.default_rng(0).choice(here, MOST, replace=False))
        for kind in Detail if len(here) else ():
            rows = [hide(table.scopes[k], kind) for k in here]
            found = [model.predict(rows, interval=x, imposed=False)[name] for x in LEVELS]
            bounds = [(each.lo, each.hi) for each in found]
            cells = numbers(found[0].value, bounds, labels[here], means[name])
            print(f"| {name} | {kind} | {len(here):,} | {cells}", flush=True)


def show_curves(
    model: Model, table: Table, wanted: dict[str, Any], means: dict[str, float]
) -> None:
    """Print how far curves are from the labels of densities of states, per mole of atoms."""
    columns = [(f"{q}@{t:g}K", q, t) for q in wanted["units"] for t in wanted["temperatures_k"]]
    labels = {name: table.labels[:, table.targets.index(name)] for name, _, _ in columns}
    here = np.flatnonzero(np.isfinite(labels[columns[0][0]]))
    rows = [table.scopes[k] for k in here]
    kelvins = wanted["temperatures_k"]
    found = [model.curves(rows, kelvins, interval=x, imposed=False).curves for x in LEVELS]
    print(f"\nCurves of {len(rows)} crystals never learned from, beside densities of states\n")
    print(f"| quantity | T in K | {HEADS} |")
    print("|---" * 9 + "|")
    for name, quantity, kelvin in columns:
        k = kelvins.index(kelvin)
        curves = [each[quantity] for each in found]
        bounds = [(curve.lo[:, k], curve.hi[:, k]) for curve in curves]
        cells = numbers(curves[0].value[:, k], bounds, labels[name][here], means[name])
        print(f"| {quantity} in {wanted['units'][quantity]} | {kelvin} | {cells}")


def main() -> None:
    """Evaluate on the test formulas, then on WBM."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="bundled")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared/data")
    given = parser.parse_args()
    sources = yaml.safe_load((HERE / "sources.yaml").read_text("utf-8"))
    model = stratus.load(given.bundle)
    table = read_tables(sources, given.data)
    means = means_of(table)
    whole = held_out(table, whole=True)
    show(model, "Whole crystals of formulas never learned from", whole, means)
    title = "Formulas with space group, never learned from"
    show(model, title, held_out(table, whole=False), means)
    show_curves(model, whole, sources["thermodynamics"], means)

    labels = {"formation_energy_per_atom": "formation_energy_per_atom", "band_gap": "band_gap"}
    wbm = renamed(read_labelled(given.data / "wbm/wbm_5k_structures.parquet", list(labels)), labels)
    learned = {f for f in table.compositions if place(f) >= TEST}
    new = np.flatnonzero([formula not in learned for formula in wbm.compositions])
    show(model, "WBM, formulas that are in no table", wbm.take(new), means)


if __name__ == "__main__":
    main()
