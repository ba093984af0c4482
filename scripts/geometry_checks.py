"""What a model of atoms makes of coordinates alone: equal strings, and stretched crystals.

    python scripts/geometry_checks.py same-string BUNDLE TABLE TARGET
    python scripts/geometry_checks.py stretch BUNDLE TABLE TARGET --picture OUT.png

`same-string` takes the test rows (column `part`) of a table of `benchmark_tables.py --atoms`, and
of them all pairs that share a SCOPE string. No model of strings can tell them apart, so their
difference is 0 there; it prints how much of the difference a model of atoms predicts.

`stretch` scans the volume of some crystals by 10 % in both directions, and prints how far the
prediction is from a smooth curve: second differences with half the step are a fourth where a curve
has two derivatives, and do not fall where it jumps.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from ase import Atoms

import stratus
from stratus.plots.figure import drawing, save_figure

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stratus.inference.predictor import Predictor

    Doubles = NDArray[np.float64]

RESAMPLES = 5000
STEPS = 80


def atoms_of(table: pd.DataFrame) -> list[Atoms]:
    """Return the crystals of a table with lattice, species and fractional coordinates."""
    columns = zip(table["lattice"], table["species"], table["frac_coords"], strict=True)
    return [
        Atoms(
            [str(symbol) for symbol in species],
            scaled_positions=np.reshape(frac, (-1, 3)),
            cell=np.reshape(lattice, (3, 3)),
            pbc=True,
        )
        for lattice, species, frac in columns
    ]


def predicted(model: Predictor, crystals: list[Atoms], target: str) -> Doubles:
    """Return the predictions of a target, in the order of the crystals."""
    return np.asarray(model.predict(crystals).to_pandas()[target], dtype=np.float64)


def same_string(bundle: Path, path: Path, target: str) -> None:
    """Print how well differences of crystals with one string are predicted."""
    table = pd.read_parquet(path)
    test = table[(table["part"] == "test") & table["scope"].duplicated(keep=False)]
    test = test.reset_index(drop=True)
    values = predicted(stratus.load(bundle), atoms_of(test), target)
    rows = [pair for at in test.groupby("scope").indices.values() for pair in combinations(at, 2)]
    if not rows:
        raise SystemExit(f"no two test rows of {path} have one string")
    first, second = np.array(rows).T
    true = test[target].to_numpy()
    real, ours = true[first] - true[second], values[first] - values[second]
    print(f"{len(real)} pairs of {test['scope'].nunique()} strings, {len(test)} rows")
    rng = np.random.default_rng(0)
    gain = np.abs(real) - np.abs(ours - real)
    draws = gain[rng.integers(len(gain), size=(RESAMPLES, len(gain)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    print(f"mean difference, what a model of strings misses: {np.abs(real).mean():.4f}")
    print(f"mean error of the predicted difference: {np.abs(ours - real).mean():.4f}")
    print(f"less by {gain.mean():.4f} (95 % interval {low:.4f} to {high:.4f}; pairs resampled)")
    print(f"correlation {np.corrcoef(real, ours)[0, 1]:.3f}")
    apart = np.abs(real) > np.median(np.abs(real))
    right = np.sign(real[apart]) == np.sign(ours[apart])
    print(f"the larger half of the differences: sign right in {right.mean():.1%}")


def stretch(bundle: Path, path: Path, target: str, count: int, picture: Path | None) -> None:
    """Print how smoothly predictions move with the volume."""
    table = pd.read_parquet(path)
    table = table[table["part"] == "test"] if "part" in table else table
    crystals = atoms_of(table.sample(min(count, len(table)), random_state=0))
    shares = np.linspace(0.9, 1.1, STEPS + 1)
    scanned = []
    for crystal in crystals:
        for share in shares:
            cell, frac = np.array(crystal.cell) * share ** (1 / 3), crystal.get_scaled_positions()
            scanned.append(Atoms(crystal.numbers, scaled_positions=frac, cell=cell, pbc=True))
    values = predicted(stratus.load(bundle), scanned, target).reshape(len(crystals), -1)
    span = np.ptp(values, axis=1)
    fine = np.abs(np.diff(values, 2, axis=1)).max(axis=1)
    coarse = np.abs(np.diff(values[:, ::2], 2, axis=1)).max(axis=1)
    inside = (values.argmin(axis=1) > 0) & (values.argmin(axis=1) < STEPS)
    print(f"{len(crystals)} crystals, volume 0.90 to 1.10 in {STEPS} steps")
    print(f"span of a prediction: median {np.median(span):.4f}, largest {span.max():.4f}")
    print(f"largest second difference: median {np.median(fine):.2e}, largest {fine.max():.2e}")
    print(f"the same with steps twice as long over it: median {np.median(coarse / fine):.2f}")
    print(f"lowest value inside of the scan: {inside.mean():.0%} of the crystals")
    if picture is not None:
        with drawing() as figure:
            axes = figure.subplots()
            for row in values[:12]:
                axes.plot(shares, row - row[STEPS // 2])
            axes.set(xlabel="volume over that of the crystal", ylabel=f"change of {target}")
            save_figure(figure, picture)


def main() -> None:
    """Run one of the checks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=["same-string", "stretch"])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("target")
    parser.add_argument("--crystals", type=int, default=50)
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if given.check == "same-string":
        same_string(given.bundle, given.table, given.target)
    else:
        stretch(given.bundle, given.table, given.target, given.crystals, given.picture)


if __name__ == "__main__":
    main()
