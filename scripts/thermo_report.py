"""Put the results of `thermo_simple.py` and `thermo_study.py` into tables and a picture.

    python scripts/thermo_report.py TABLES OUT [--picture errors.png --of RUN.SPLIT.START]

Errors of C_v and U at 300 K, per cell and per atom, each divided by that of the mean of the
training labels; errors by temperature; and, as a picture, errors by volume of the cell and by
crystal system, of one run beside kernel ridge.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from thermo_simple import folds_of, over, read, text

from stratus.plots.figure import COLOURS, GREY, drawing
from stratus.tasks.comparison import compare

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS: Final = ("ratio_cell", "ratio_atom", "mae_cell", "mae_atom")
HEAD: Final = ("MAE/MAD per cell", "per atom", "MAE per cell", "MAE per atom")
RIVAL: Final = "kernel ridge, in theta"
BINS: Final = 6
VOLUMES_A3: Final = (50, 100, 200, 400)
SYSTEMS: Final = (
    "triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic",
)  # fmt: skip


class Means:
    """Means of the training labels of each fold, which errors are divided by.

    Args:
        tables: folder of the tables.
    """

    def __init__(self, tables: Path) -> None:
        self._tables = tables
        self._known: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = {}

    def of(self, table: str, column: str, split: str, fold: str) -> tuple[float, float]:
        """Return the mean per cell and that per atom."""
        key = (table, column, split)
        if key not in self._known:
            rows, atoms = read(self._tables / f"{table}.parquet", [column], split)
            labels = rows.labels[:, 0]
            cell, atom = (labels, labels / atoms) if table[:2] == "cv" else (labels * atoms, labels)
            self._known[key] = {
                each.name: (float(cell[each.train].mean()), float(atom[each.train].mean()))
                for each in folds_of(rows)
            }
        return self._known[key][fold]


def results(out: Path) -> dict[tuple[str, str, str], dict[str, pd.DataFrame]]:
    """Return the predictions of every fold, by run, split and start."""
    found: dict[tuple[str, str, str], dict[str, pd.DataFrame]] = defaultdict(dict)
    for path in sorted(out.glob("*.parquet")):
        run, split, start, fold = path.stem.split(".")
        found[run, split, start][fold] = pd.read_parquet(path)
    return found


def errors(frame: pd.DataFrame, means: tuple[float, float]) -> dict[str, float]:
    """Return the metrics of one quantity at one temperature in one fold."""
    error, atoms, label = frame["value"] - frame["label"], frame["atoms"], frame["label"]
    cell, atom = float((error * atoms).abs().mean()), float(error.abs().mean())
    return {
        "ratio_cell": cell / float((label * atoms - means[0]).abs().mean()),
        "ratio_atom": atom / float((label - means[1]).abs().mean()),
        "mae_cell": cell,
        "mae_atom": atom,
    }


def at(frame: pd.DataFrame, quantity: str, kelvin: int) -> pd.DataFrame:
    """Return the rows of one quantity at one temperature."""
    return frame[(frame["quantity"] == quantity) & (frame["temperature_k"] == kelvin)]


def accuracy(tables: Path, out: Path, simple: dict) -> None:
    """Print the errors at 300 K of every run, beside the simple models on the same folds."""
    means, lines = Means(tables), defaultdict(list)
    for (run, split, start), folds in results(out).items():
        table = run.split("-")[0]
        if run.endswith("-simple"):
            continue
        for quantity in ("cv", "u"):
            column = f"{quantity}@300K"
            of = [
                errors(at(frame, quantity, 300), means.of(table, column, split, fold))
                for fold, frame in sorted(folds.items())
                if len(at(frame, quantity, 300))
            ]
            if of:
                lines[f"{table} {column} {split}"].append((run, start, over(of)))
    for key, of_models in simple.items():
        if key.startswith("temperatures"):
            continue
        print(f"\n{key}\n\n| model | start | {' | '.join(HEAD)} | won per atom |")
        print(f"|---|---|{'---|' * len(HEAD)}---|")
        for name, of in of_models.items():
            print(f"| {name} | | {' | '.join(text(of[metric]) for metric in METRICS)} | |")
        rival = of_models[RIVAL]["mae_atom"][2:]
        for run, start, of in lines.get(key, []):
            ours = of["mae_atom"][2:]
            won = "?"
            if len(ours) == len(rival):
                found = compare(ours, rival, lower_is_better=True)
                won = f"{found.won} of {found.folds}"
            cells = " | ".join(text(of[metric]) for metric in METRICS)
            print(f"| {run} | {start} | {cells} | {won} |")


def temperatures(out: Path, simple: dict) -> None:
    """Print MAE per atom by temperature of what was learned from densities of states."""
    runs = {
        f"{run}, {start}": pd.concat(folds.values())
        for (run, split, start), folds in results(out).items()
        if run.startswith("dos-") and split == "split" and not run.endswith("-simple")
    }
    known = simple.get("temperatures split", {})
    print("\nMAE per atom by temperature; C_v and S in J/(mol K), U in kJ/mol\n")
    names = list(next(iter(known.values()), {}))
    print(f"| label | {' | '.join([*names, *runs])} |\n|---|{'---|' * (len(names) + len(runs))}")
    for column, of in known.items():
        quantity, _, kelvin = column.rstrip("K").partition("@")
        cells = [text(of[name]) for name in names]
        for frame in runs.values():
            here = at(frame, quantity, int(kelvin))
            error = (here["value"] - here["label"]).abs().mean() if len(here) else np.nan
            cells.append(f"{error:.4g}" if len(here) else "")
        print(f"| {column} | {' | '.join(cells)} |")


def coverage(out: Path) -> None:
    """Print which share of labels lies in the intervals of level 0.9, by run."""
    print("\nLabels inside intervals of level 0.9\n\n| run | start | label | rows | inside |")
    print("|---|---|---|---|---|")
    for (run, split, start), folds in results(out).items():
        frame = pd.concat(folds.values())
        if "lo" not in frame:
            continue
        frame = frame[frame["lo"].notna()]
        inside = (frame["label"] >= frame["lo"]) & (frame["label"] <= frame["hi"])
        for (quantity, kelvin), of in inside.groupby([frame["quantity"], frame["temperature_k"]]):
            label = f"{quantity}@{kelvin}K"
            print(f"| {run}, {split} | {start} | {label} | {len(of)} | {100 * of.mean():.1f} % |")


def picture(tables: Path, out: Path, chosen: str, path: Path) -> None:
    """Draw errors by volume of the cell and by crystal system, beside kernel ridge."""
    run, split, start = chosen.split(".")
    found, table = results(out), run.split("-")[0]
    rows = pd.read_parquet(tables / f"{table}.parquet")[["id", "volume_a3", "crystal_system"]]
    shown = {
        "this model": (found[run, split, start], COLOURS[0]),
        "kernel ridge": (found[f"{table}-cv-simple", split, "composition"], GREY),
    }
    with drawing(6.8, 4.6) as figure:
        axes = figure.subplots(2, 2, sharex="col")
        for name, (folds, colour) in shown.items():
            frame = at(pd.concat(folds.values()), "cv", 300).merge(rows, on="id")
            frame = frame[frame["volume_a3"].notna()]
            frame["atom"] = (frame["value"] - frame["label"]).abs()
            frame["cell"] = frame["atom"] * frame["atoms"]
            for row, what in enumerate(("cell", "atom")):
                by_volume(axes[row][0], frame, what, name, colour)
                by_system(axes[row][1], frame, what, name, colour, place=list(shown).index(name))
        for row, what in enumerate(("cell", "atom")):
            axes[row][0].set_ylabel(f"MAE of $C_v$ per {what}, J/(mol K)")
            for axis in axes[row]:
                axis.set_ylim(bottom=0)
        axes[1][0].set_xlabel("volume of the primitive cell, Å$^3$")
        axes[1][0].set_xscale("log")
        axes[1][0].set_xticks(VOLUMES_A3, [str(volume) for volume in VOLUMES_A3])
        axes[1][0].minorticks_off()
        axes[0][0].legend()
        axes[1][1].tick_params(axis="x", labelrotation=30)
        figure.savefig(path, dpi=150)


def by_volume(axis: Axes, frame: pd.DataFrame, what: str, name: str, colour: str) -> None:
    """Draw the mean error in bins of volume that hold the same number of crystals."""
    bins = pd.qcut(frame["volume_a3"], BINS)
    of = frame.groupby(bins, observed=True)
    mean, error = of[what].mean(), of[what].sem()
    axis.errorbar(
        of["volume_a3"].median(), mean, yerror_95(error), marker="o", ms=3, capsize=2, color=colour,
        label=name,
    )  # fmt: skip


def by_system(
    axis: Axes, frame: pd.DataFrame, what: str, name: str, colour: str, place: int
) -> None:
    """Draw the mean error of each crystal system."""
    of = frame.groupby("crystal_system")[what]
    mean, error, count = (of.agg(kind).reindex(SYSTEMS) for kind in ("mean", "sem", "count"))
    x = np.arange(len(SYSTEMS)) + 0.36 * (place - 0.5)
    axis.bar(x, mean, width=0.34, yerr=yerror_95(error), color=colour, label=name,
             error_kw={"lw": 0.7, "capsize": 1.5})  # fmt: skip
    labels = [f"{system}\n({n:.0f})" for system, n in count.fillna(0).items()]
    axis.set_xticks(np.arange(len(SYSTEMS)), labels)


def yerror_95(standard_error: pd.Series) -> np.ndarray:
    """Return half the width of an interval of about 95 %."""
    return 1.96 * standard_error.fillna(0).to_numpy()


def main() -> None:
    """Print the tables, and draw the picture if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--of", default="cv-300-mixture.fold.pre-trained")
    given = parser.parse_args()
    simple = json.loads((given.output / "simple.json").read_text(encoding="utf-8"))
    accuracy(given.tables, given.output, simple)
    temperatures(given.output, simple)
    coverage(given.output)
    if given.picture:
        picture(given.tables, given.output, given.of, given.picture)


if __name__ == "__main__":
    main()
