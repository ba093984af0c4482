"""How good the bundled weights are on formulas that they never learned from, and on WBM.

    python examples/bundled/evaluate.py [BUNDLE] [--data DIR] [--sample ROWS]

For each target and for each kind of knowledge (the whole crystal, formula and space group, formula
alone): the mean absolute error, that of the mean of the labels, and the share of labels inside the
50, 80, 90 and 95 % intervals with the mean width of the 90 % one. Whole crystals are also shown
with their parts hidden, so the kinds can be compared on the same rows. What the simple models reach
is in the metrics of the bundle (`stratus model info`).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from train import HERE, TEST, place, read_tables, renamed

import stratus
from stratus.corpora import read_labelled
from stratus.scope.partial import Known, hide

if TYPE_CHECKING:
    from stratus.models.model import Model

LEVELS = (0.5, 0.8, 0.9, 0.95)
MOST = 2000  # rows of a target; of more, so many are drawn


def line(model: Model, name: str, rows: list[str], labels: np.ndarray, spread: float) -> str:
    """Return the numbers of one target on some rows."""
    inside = []
    for level in LEVELS:
        found = model.predict(rows, interval=level)[name]
        inside.append(f"{np.mean((found.lo <= labels) & (labels <= found.hi)):.1%}")
        if level == 0.9:
            width = np.mean(found.hi - found.lo)
    error = np.abs(found.value - labels).mean()
    return f"| {len(rows):,} | {error:.4g} | {spread:.4g} | {' | '.join(inside)} | {width:.3g} |"


def show(
    model: Model, title: str, texts: tuple[str, ...], labels: np.ndarray, names: list[str]
) -> None:
    """Print a table of all targets."""
    print(f"\n{title}\n")
    heads = " | ".join(f"{level:.0%}" for level in LEVELS)
    print(f"| target | known | rows | MAE | MAE of the mean | {heads} | width |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for column, name in enumerate(names):
        here = np.flatnonzero(np.isfinite(labels[:, column]))
        if len(here) > MOST:
            here = np.sort(np.random.default_rng(0).choice(here, MOST, replace=False))
        if not len(here):
            continue
        y = labels[here, column]
        spread = np.abs(y - model.heads[name].normaliser.mean).mean()
        for kind in Known:
            rows = [hide(texts[k], kind) for k in here]
            print(f"| {name} | {kind} {line(model, name, rows, y, spread)}")


def main() -> None:
    """Evaluate on the test formulas, then on WBM."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="bundled")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared/data")
    parser.add_argument("--sample", type=int)
    given = parser.parse_args()
    sources = yaml.safe_load((HERE / "sources.yaml").read_text("utf-8"))
    model = stratus.load(given.bundle)
    table = read_tables(sources, given.data, given.sample)
    test = np.array([place(formula) < TEST for formula in table.compositions])
    whole = np.array(["[MASK]" not in text for text in table.scopes])
    names = list(table.targets)
    for title, rows in (
        ("Whole crystals of formulas never learned from", test & whole),
        ("Formulas with space group, never learned from", test & ~whole),
    ):
        texts = tuple(text for text, kept in zip(table.scopes, rows, strict=True) if kept)
        show(model, title, texts, table.labels[rows], names)

    labels = {"formation_energy_per_atom": "formation_energy_per_atom", "band_gap": "band_gap"}
    wbm = renamed(read_labelled(given.data / "wbm/wbm_5k_structures.parquet", list(labels)), labels)
    learned = {f for f in table.compositions if place(f) >= TEST}
    new = np.array([formula not in learned for formula in wbm.compositions])
    texts = tuple(text for text, kept in zip(wbm.scopes, new, strict=True) if kept)
    show(model, "WBM, formulas that are in no table", texts, wbm.labels[new], list(wbm.targets))


if __name__ == "__main__":
    main()
