"""What each part of the designs `orbit-set` and `bond-graph` is worth: the same folds without it.

    python scripts/benchmark_tables.py tables
    python scripts/ablate_design.py tables [--epochs 40] [--folds 3] [--only NAME ...]
    python scripts/ablate_design.py tables --only --start NAME=BUNDLE ...

    python scripts/benchmark_tables.py tables --atoms
    python scripts/ablate_design.py tables --atoms [--epochs 40] [--folds 1] [--only NAME ...]

The second form compares pre-trained models instead, as of several masking ratios; the last is of
`bond-graph`.

Three tasks: phonons, half of dielectric, a fifth of the bulk moduli (about 1,200 rows each), from
scratch, the first official folds. Beside the error on test rows stands the validation loss, by
which a design is chosen; the test rows only say what the choice came to.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus import load
from stratus.corpora.tables.folds import from_column
from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.facets import Facet
from stratus.tasks.task import make_task
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune

if TYPE_CHECKING:
    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model

TASKS = {
    "phonons": ("last_phdos_peak", "1/cm", 1.0),
    "dielectric": ("n", "", 0.5),
    "moduli": ("log10_k", "log10(GPa)", 0.2),
}
OFF = ("element_properties", "shares", "site_symmetry", "mean_of_orbits")
DESIGNS: dict[str, dict[str, Any]] = {
    "all": {},
    **{f"without {name}": {"model": {name: 0}} for name in OFF},
    "token ids alone": {"model": dict.fromkeys(OFF, 0)},
    "cloud": {"encoder": "cloud"},
    "roost": {"encoder": "roost"},
}
_BONDS: dict[str, Any] = {"encoder": "bond-graph", "preset": "small"}
DESIGNS_OF_ATOMS: dict[str, dict[str, Any]] = {
    "bond-graph": _BONDS,
    **{
        name: {**_BONDS, "model": values}
        for name, values in {
            "distances alone": {"angle_channels": 0},
            "16 sums over directions": {"angle_channels": 16},
            "cutoff 4 Å": {"cutoff_a": 4.0},
            "cutoff 6 Å": {"cutoff_a": 6.0},
            "the nearest 12": {"max_neighbours": 12},
            "2 layers": {"layers": 2},
            "4 layers": {"layers": 4},
            "twice the bonds": {"bond_hidden": 64},
            "without element_properties": {"element_properties": 0},
            "dropout 0.1": {"dropout": 0.1},
        }.items()
    },
    "nano": {**_BONDS, "preset": "nano"},
    "cgcnn": {"encoder": "cgcnn", "preset": "small"},
}


def some(table: Table, share: float) -> Table:
    """Return a share of the rows, drawn with a fixed seed."""
    count = round(share * len(table))
    return table.take(np.sort(np.random.default_rng(0).choice(len(table), count, replace=False)))


def main() -> None:
    """Print a line for each task and design."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--atoms", action="store_true", help="designs of bond-graph")
    parser.add_argument("--only", nargs="*", metavar="NAME")
    parser.add_argument("--start", nargs="*", metavar="NAME=BUNDLE", default=[])
    given = parser.parse_args()
    designs = DESIGNS_OF_ATOMS if given.atoms else DESIGNS
    only = list(designs) if given.only is None else given.only
    if unknown := set(only) - set(designs):
        parser.error(f"no design {', '.join(sorted(unknown))}; there are {', '.join(designs)}")
    starts = [name.split("=", 1) for name in given.start]
    runs: list[tuple[str, dict[str, Any], Model | None]] = [
        *((name, designs[name], None) for name in only),
        *((name, {}, load(bundle)) for name, bundle in starts),
    ]
    print("| task | design | MAE of each fold | mean | validation loss of each fold | mean |")
    print("|---|---|---|---|---|---|")
    for task, (column, unit, share) in TASKS.items():
        path = given.tables / f"{task}.parquet"
        facets = (Facet.ATOMS,) if given.atoms else (Facet.SCOPE,)
        table = some(read_labelled(path, [column], fold_column="fold", facets=facets), share)
        folds = from_column(table)[: given.folds]
        target = make_task({"column": column, "unit": unit})
        for name, differs, model in runs:
            options = {"epochs": given.epochs, "ema": 0.99, "patience": None} | differs
            done = finetune(table, folds, [target], make_finetune_options(options), model=model)
            errors = [fold.scores[column]["model"]["mae"] for fold in done.folds]
            losses = [fold.fitted[0].validation_loss for fold in done.folds]
            print(
                f"| {task} | {name} | {', '.join(f'{e:.4g}' for e in errors)} "
                f"| {np.mean(errors):.4g} | {', '.join(f'{x:.4f}' for x in losses)} "
                f"| {np.mean(losses):.4f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
