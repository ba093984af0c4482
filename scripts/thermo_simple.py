"""Thermodynamics by models that know the composition and the atoms of the cell at most.

    python scripts/thermo_simple.py TABLES OUT.json [--tables cv cv_all dos]

Beside the models of `stratus finetune` (mean, ridge, Laplacian kernel ridge) stand the same ones
without the factor of atoms, and with the Debye temperature as what is learned: labels are inverted
for theta, and theta goes through the Debye function. Strengths are chosen on validation rows, apart
for errors per cell and per atom; nothing looks at a test label. Every error is divided by that of
the mean of the training labels.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import manhattan_distances

from stratus.corpora import from_column, read_labelled
from stratus.tasks.comparison import spread
from stratus.training.simple_models import KERNEL_GAMMAS, KERNEL_LAMBDAS, RIDGE_ALPHAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from stratus.corpora.labelled.folds import Fold
    from stratus.corpora.labelled.table import LabelledTable

    Numbers = NDArray[np.float64]
    Ways = tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]

THETAS_K: Final = np.geomspace(2.0, 6000.0, 6000)
SPLITS: Final = ("split", "fold", "fold_formula")


@dataclasses.dataclass(frozen=True)
class Labels:
    """What is learned in one fold, per atom, and the atoms of each cell."""

    per_atom: Numbers
    atoms: Numbers
    x: Numbers


def read(path: Path, columns: list[str], split: str) -> tuple[LabelledTable, Numbers]:
    """Return a table and the atoms of the cell of each row."""
    table = read_labelled(path, columns, fold_column=split)
    frame = pd.read_parquet(path)
    atoms = frame["cell_atoms" if "cell_atoms" in frame else "n_atoms"]
    return table, atoms.to_numpy(np.float64)


def folds_of(table: LabelledTable) -> list[Fold]:
    """Return the folds of the column that the table was read with."""
    return from_column(table, group="scope")


def to_theta(quantity: str, temperature_k: float) -> Ways:
    """Return the way from a value per atom to the Debye temperature, and the way back.

    Values are in J/(mol K) or J/mol. Those of no Debye crystal go to the end of the range.
    """
    import torch

    from stratus.physics import debye

    law = {"cv": debye.heat_capacity, "u": debye.internal_energy}[quantity]

    def back(theta_k: Numbers) -> Numbers:
        kept = torch.from_numpy(np.clip(theta_k, THETAS_K[0], THETAS_K[-1]))
        return np.asarray(law(kept, torch.tensor(temperature_k, dtype=torch.float64)))

    values = back(THETAS_K)
    order = np.argsort(values, kind="stable")
    return (lambda given: np.interp(given, values[order], THETAS_K[order])), back


def ridges(x: dict[str, Numbers], y: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Give what ridge regressions of all strengths predict for validation and test rows.

    Args:
        x: what is known of the rows of each part.
        y: ``[n, v]``, v things to learn of the training rows, with a mean of zero.
    """
    for alpha in RIDGE_ALPHAS:
        model = Ridge(alpha=alpha, solver="cholesky").fit(x["train"], y)
        yield model.predict(x["validation"]), model.predict(x["test"])


def kernels(x: dict[str, Numbers], y: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Give the same for Laplacian kernel ridge regressions of all widths and strengths."""
    far = {part: manhattan_distances(rows, x["train"]) for part, rows in x.items()}
    for gamma in KERNEL_GAMMAS:
        near = {part: np.exp(-gamma * distances) for part, distances in far.items()}
        for alpha in KERNEL_LAMBDAS:
            weights = cho_solve(cho_factor(near["train"] + alpha * np.eye(len(y))), y)
            yield near["validation"] @ weights, near["test"] @ weights


def methods(data: Labels, fold: Fold, theta: Ways) -> dict[str, tuple[Numbers, Numbers]]:
    """Return the predictions of every model for the test rows, per atom.

    Returns:
        by model: of the strength with the smallest validation error per cell, and of that with the
        smallest per atom.
    """
    there, back = theta
    count, atoms = len(fold.test), data.atoms
    train = {
        "per cell": data.per_atom * atoms,
        "x atoms": data.per_atom,
        "in theta": there(data.per_atom),
    }

    def per_atom(name: str, values: Numbers, rows: NDArray[np.int64]) -> Numbers:
        if name == "in theta":
            return back(values)
        return values / atoms[rows] if name == "per cell" else values

    middle = {name: y[fold.train].mean() for name, y in train.items()}
    constant = {
        name: per_atom(name, np.full(count, mean), fold.test) for name, mean in middle.items()
    }
    found = {
        "mean": (constant["per cell"], constant["x atoms"]),
        "mean per atom x atoms": (constant["x atoms"],) * 2,
        "mean theta": (constant["in theta"],) * 2,
    }
    x = {part: data.x[rows] for part, rows in fold.parts.items()}
    y = np.stack([train[name][fold.train] - middle[name] for name in train], axis=1)
    truth, in_cell = data.per_atom[fold.validation], atoms[fold.validation]
    for family, predicted in (("ridge", ridges), ("kernel ridge", kernels)):
        best = {name: [(np.inf, truth), (np.inf, truth)] for name in train}
        for at_validation, at_test in predicted(x, y):
            for k, name in enumerate(train):
                values = per_atom(name, at_validation[:, k] + middle[name], fold.validation)
                error, tested = np.abs(values - truth), at_test[:, k] + middle[name]
                for place, size in enumerate(((error * in_cell).mean(), error.mean())):
                    if size < best[name][place][0]:
                        best[name][place] = (size, per_atom(name, tested, fold.test))
        found |= {f"{family}, {name}": (two[0][1], two[1][1]) for name, two in best.items()}
    return found


def errors(data: Labels, fold: Fold, of_cell: Numbers, of_atom: Numbers) -> dict[str, float]:
    """Return MAE and MAE/MAD, per cell and per atom, of predictions per atom."""
    truth, atoms = data.per_atom[fold.test], data.atoms[fold.test]
    cells = truth * atoms
    mean_cell = (data.per_atom * data.atoms)[fold.train].mean()
    mean_atom = data.per_atom[fold.train].mean()
    cell = float(np.abs(of_cell * atoms - cells).mean())
    atom = float(np.abs(of_atom - truth).mean())
    return {
        "ratio_cell": cell / float(np.abs(mean_cell - cells).mean()),
        "ratio_atom": atom / float(np.abs(mean_atom - truth).mean()),
        "mae_cell": cell,
        "mae_atom": atom,
    }


def over(folds: list[dict[str, float]]) -> dict[str, list[float | None]]:
    """Return mean, spread and the numbers of the folds, by metric."""
    found = {}
    for name in folds[0]:
        of = [fold[name] for fold in folds]
        all_of_them = spread(of)
        found[name] = [all_of_them.mean, all_of_them.standard_deviation, *of]
    return found


def study(path: Path, column: str, split: str) -> dict[str, dict[str, list[float | None]]]:
    """Return the errors of every model on one table, by method and metric."""
    table, atoms = read(path, [column], split)
    fractions, labels = table.fractions(), table.labels[:, 0]
    per_atom = labels / atoms if path.stem.startswith("cv") else labels
    quantity, _, kelvin = column.rstrip("K").partition("@")
    theta = to_theta(quantity, float(kelvin))
    if quantity == "u":
        per_atom = 1000.0 * per_atom  # kJ to J
    collected: dict[str, list[dict[str, float]]] = {}
    for fold in folds_of(table):
        known = fractions[:, fractions[fold.train].any(axis=0)]
        data = Labels(per_atom, atoms, known)
        for name, found in methods(data, fold, theta).items():
            collected.setdefault(name, []).append(errors(data, fold, *found))
    return {name: over(folds) for name, folds in collected.items()}


def main() -> None:
    """Print and write the errors of all models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", nargs="*", default=["cv", "cv_all", "dos"])
    parser.add_argument("--splits", nargs="*", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    found = {}
    for name in given.only:
        for column in ("cv@300K", "u@300K") if name == "dos" else ("cv@300K",):
            for split in given.splits:
                of = study(given.tables / f"{name}.parquet", column, split)
                found[f"{name} {column} {split}"] = of
                print(f"\n{name}, {column}, {split}\n")
                print("| model | MAE/MAD per cell | per atom | MAE per cell | MAE per atom |")
                print("|---|---|---|---|---|")
                for method, metrics in of.items():
                    cells = " | ".join(
                        text(metrics[m])
                        for m in ("ratio_cell", "ratio_atom", "mae_cell", "mae_atom")
                    )
                    print(f"| {method} | {cells} |", flush=True)
    given.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def text(numbers: list[float | None]) -> str:
    """Write mean and spread."""
    mean, deviation = numbers[:2]
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


if __name__ == "__main__":
    main()
