"""Thermodynamics by models that know the composition and the atoms of the cell at most.

    python scripts/thermo_simple.py TABLES OUT

Beside the models of `stratus finetune` (mean, ridge, Laplacian kernel ridge, gradient boosting on
properties of the elements) stand the same ones
without the factor of atoms, and with the Debye temperature as what is learned: labels are inverted
for theta, and theta goes through the Debye function. Strengths are chosen on validation rows, apart
for errors per cell and per atom; nothing looks at a test label. Every error is divided by that of
the mean of the training labels. Of the densities of states the errors at every temperature follow:
of kernel ridge and boosting at each temperature, of kernel ridge in theta learned at 300 K alone,
and, as the least that any single theta from 300 K can leave, of the theta that has the crystal's
own C_v there.

`OUT/simple.json` has all numbers; predictions of kernel ridge in theta stand beside those of
`thermo_study.py`, in the same form.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import torch
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import manhattan_distances

from stratus.corpora.tables.folds import from_column
from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.element_properties import element_statistics
from stratus.physics import debye
from stratus.tasks.comparison import spread
from stratus.training.boosting import Features, boosted_regression
from stratus.training.kernel_ridge import KERNEL_GAMMAS, KERNEL_LAMBDAS
from stratus.training.simple_models import RIDGE_ALPHAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

    Numbers = NDArray[np.float64]
    Ways = tuple[Callable[[Numbers], Numbers], Callable[[Numbers], Numbers]]

THETAS_K: Final = np.geomspace(2.0, 6000.0, 6000)
TEMPERATURES_K: Final = (20, 50, 100, 200, 300, 500, 1000)
IN_JOULES: Final = {"cv": 1.0, "u": 1000.0, "s": 1.0}
FAMILIES: Final = ("ridge", "kernel ridge", "boosting")
SPLITS: Final = ("split", "fold", "fold_formula")


@dataclasses.dataclass(frozen=True)
class Labels:
    """What is learned in one fold, per atom, the atoms of each cell, and what is known of each."""

    per_atom: Numbers
    atoms: Numbers
    x: Numbers
    of_elements: Numbers


def read(path: Path, columns: list[str], split: str) -> tuple[Table, Numbers]:
    """Return a table and the atoms of the cell of each row."""
    table = read_labelled(path, columns, fold_column=split)
    frame = pd.read_parquet(path)
    atoms = frame["cell_atoms" if "cell_atoms" in frame else "n_atoms"]
    return table, atoms.to_numpy(np.float64)


def folds_of(table: Table) -> list[Fold]:
    """Return the folds of the column that the table was read with."""
    return from_column(table, group="scope")


def debye_value(quantity: str, theta_k: Numbers, temperature_k: float) -> Numbers:
    """Return a quantity per atom of Debye solids, in J/(mol K) or J/mol."""
    kept = torch.from_numpy(np.clip(theta_k, THETAS_K[0], THETAS_K[-1]))
    return np.asarray(debye.evaluate(quantity, kept, temperature_k))  # type: ignore[arg-type]


def to_theta(quantity: str, temperature_k: float) -> Ways:
    """Return the way from a value per atom to the Debye temperature, and the way back.

    Values are in J/(mol K) or J/mol. Those of no Debye crystal go to the end of the range.
    """
    values = debye_value(quantity, THETAS_K, temperature_k)
    order = np.argsort(values, kind="stable")
    return (
        lambda given: np.interp(given, values[order], THETAS_K[order]),
        lambda theta: debye_value(quantity, theta, temperature_k),
    )


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


def boosted(data: Labels, fold: Fold, y: Numbers, error: Callable[[Numbers], float]) -> Numbers:
    """Return what gradient boosting predicts for test rows that learned y of the training rows."""
    parts = (data.of_elements[rows] for rows in (fold.train, fold.validation, fold.test))
    return boosted_regression(Features(*parts), y, error, seed=0)


def methods(
    data: Labels, fold: Fold, theta: Ways, families: tuple[str, ...] = FAMILIES
) -> dict[str, tuple[Numbers, Numbers]]:
    """Return the predictions of models of some families for the test rows, per atom.

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
        if family not in families:
            continue
        best = {name: [(np.inf, truth), (np.inf, truth)] for name in train}
        for at_validation, at_test in predicted(x, y):
            for k, name in enumerate(train):
                values = per_atom(name, at_validation[:, k] + middle[name], fold.validation)
                error, tested = np.abs(values - truth), at_test[:, k] + middle[name]
                for place, size in enumerate(((error * in_cell).mean(), error.mean())):
                    if size < best[name][place][0]:
                        best[name][place] = (size, per_atom(name, tested, fold.test))
        found |= {f"{family}, {name}": (two[0][1], two[1][1]) for name, two in best.items()}
    for name, learned in train.items() if "boosting" in families else ():

        def error_in(scale: Numbers, name: str = name) -> Callable[[Numbers], float]:
            return lambda values: float(
                (np.abs(per_atom(name, values, fold.validation) - truth) * scale).mean()
            )

        two = [
            per_atom(name, boosted(data, fold, learned[fold.train], error_in(scale)), fold.test)
            for scale in (in_cell, np.ones(len(truth)))
        ]
        found[f"boosting, {name}"] = two[0], two[1]
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


def study(path: Path, column: str, split: str, out: Path) -> dict[str, dict[str, list]]:
    """Return the errors of every model on one table, by method and metric; those of U in kJ/mol."""
    table, atoms = read(path, [column], split)
    fractions, labels = table.fractions(), table.labels[:, 0]
    per_atom = labels / atoms if path.stem.startswith("cv") else labels
    quantity, _, kelvin = column.rstrip("K").partition("@")
    theta = to_theta(quantity, float(kelvin))
    per_atom = IN_JOULES[quantity] * per_atom
    collected: dict[str, list[dict[str, float]]] = {}
    for fold in folds_of(table):
        x = fractions[:, fractions[fold.train].any(axis=0)]
        data = Labels(per_atom, atoms, x, element_statistics(fractions))
        every = methods(data, fold, theta)
        for name, found in every.items():
            metrics = errors(data, fold, *found)
            for metric in ("mae_cell", "mae_atom"):
                metrics[metric] /= IN_JOULES[quantity]
            collected.setdefault(name, []).append(metrics)
        frame = pd.DataFrame(
            {
                "id": [table.ids[row] for row in fold.test],
                "quantity": quantity,
                "temperature_k": int(kelvin),
                "atoms": atoms[fold.test],
                "label": per_atom[fold.test] / IN_JOULES[quantity],
                "value": every["kernel ridge, in theta"][1] / IN_JOULES[quantity],
            }
        )
        name = f"{path.stem}-{quantity}-simple.{split}.composition.{fold.name}"
        frame.to_parquet(out / f"{name}.parquet", index=False)
    return {name: over(folds) for name, folds in collected.items()}


def by_temperature(path: Path, split: str) -> dict[str, dict[str, list]]:
    """Return MAE per atom (U: in kJ/mol) by column and method, learned at 300 K or everywhere."""
    columns = [f"{q}@{t}K" for q in IN_JOULES for t in TEMPERATURES_K]
    table, atoms = read(path, columns, split)
    fractions, collected = table.fractions(), {column: {} for column in columns}
    there, _ = to_theta("cv", 300.0)
    own = there(table.labels[:, columns.index("cv@300K")])
    for fold in folds_of(table):
        x = fractions[:, fractions[fold.train].any(axis=0)]
        labels = table.labels
        of_elements = element_statistics(fractions)
        at_300 = Labels(labels[:, columns.index("cv@300K")], atoms, x, of_elements)
        kernel = ("kernel ridge",)
        learned = methods(at_300, fold, to_theta("cv", 300.0), kernel)["kernel ridge, in theta"][1]
        for k, column in enumerate(columns):
            quantity, _, kelvin = column.rstrip("K").partition("@")
            here = Labels(labels[:, k], atoms, x, of_elements)
            truth = labels[fold.validation, k]

            def at(
                theta_k: Numbers, quantity: str = quantity, kelvin: float = float(kelvin)
            ) -> Numbers:
                return debye_value(quantity, theta_k, kelvin) / IN_JOULES[quantity]

            found = {
                "mean": np.full(len(fold.test), labels[fold.train, k].mean()),
                "kernel ridge at each temperature": methods(here, fold, (np.copy, np.copy), kernel)[
                    "kernel ridge, x atoms"
                ][1],
                "boosting at each temperature": boosted(
                    here,
                    fold,
                    labels[fold.train, k],
                    lambda values, truth=truth: float(np.abs(values - truth).mean()),
                ),
                "kernel ridge in theta at 300 K": at(there(learned)),
                "theta of its own C_v at 300 K": at(own[fold.test]),
            }
            for name, values in found.items():
                error = float(np.abs(values - labels[fold.test, k]).mean())
                collected[column].setdefault(name, []).append({"mae_atom": error})
    return {c: {name: over(folds)["mae_atom"] for name, folds in of.items()}
            for c, of in collected.items()}  # fmt: skip


def main() -> None:
    """Print and write the errors of all models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--only", nargs="*", default=["cv", "cv_all", "dos"])
    parser.add_argument("--splits", nargs="*", choices=SPLITS, default=list(SPLITS))
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    found = {}
    for name in given.only:
        path = given.tables / f"{name}.parquet"
        for column in ("cv@300K", "u@300K") if name == "dos" else ("cv@300K",):
            for split in given.splits:
                of = study(path, column, split, given.output)
                found[f"{name} {column} {split}"] = of
                print(f"\n{name}, {column}, {split}\n")
                print("| model | MAE/MAD per cell | per atom | MAE per cell | MAE per atom |")
                print("|---|---|---|---|---|")
                for method, metrics in of.items():
                    print(f"| {method} | {' | '.join(map(text, metrics.values()))} |", flush=True)
    if "dos" in given.only:
        found["temperatures split"] = at = by_temperature(given.tables / "dos.parquet", "split")
        print("\nMAE per atom by temperature, dos, split\n")
        print(f"| label | {' | '.join(next(iter(at.values())))} |\n|---|---|---|---|---|---|")
        for column, of in at.items():
            print(f"| {column} | {' | '.join(map(text, of.values()))} |")
    (given.output / "simple.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def text(numbers: list[float | None]) -> str:
    """Write mean and spread."""
    mean, deviation = numbers[:2]
    return f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"


if __name__ == "__main__":
    main()
