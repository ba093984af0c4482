"""Learn thermodynamics fold by fold, by one Debye temperature, a mixture of modes, or no law.

    python scripts/thermo_tables.py tables --data DIR
    python scripts/thermo_study.py tables out RUN... [--model BUNDLE] [--splits split fold]
    python scripts/thermo_report.py tables out

A RUN is TABLE-LABELS-LAW: `cv-300-debye` learns the published C_v at 300 K by a Debye temperature,
`dos-all-mixture` C_v, U and S of the densities of states at all temperatures by a mixture. The
other parts are `cv_all` (rows without structure too), `300u` (C_v and U at 300 K), `300` (C_v at
300 K alone), and in place of a law `atoms` (a value per atom, times the atoms) and `none` (a value
per cell as such).

Each fold is one file of predictions, per atom and at every temperature of the table where there is
a law, with a JSON file beside it; what is there is not learned again. Strengths, epochs and weights
are chosen on validation rows. The bundle of the fold is kept too, so that curves can be drawn of
crystals that it has not seen. `--leave-out` learns from all crystals but those of some formulas,
without folds.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import stratus
from stratus.corpora.tables.disjoint import digest
from stratus.corpora.tables.folds import from_column, without_test
from stratus.corpora.tables.reading import read_labelled
from stratus.models.bundle import load_bundle
from stratus.physics.laws import LAWS
from stratus.tasks.task import make_task
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune

if TYPE_CHECKING:
    from stratus.corpora.tables.folds import Fold
    from stratus.models.model import Model
    from stratus.tasks.task import Task

UNITS: Final = {"cv": "J/mol/K", "u": "kJ/mol", "s": "J/mol/K", "f": "kJ/mol"}
TEMPERATURES_K: Final = (20, 50, 100, 200, 300, 500, 1000)
LEVEL: Final = 0.9
LABELS: Final = {
    "300": ("cv@300K",),
    "300u": ("cv@300K", "u@300K"),
    "all": tuple(f"{q}@{t}K" for q in ("cv", "u", "s") for t in TEMPERATURES_K),
}
WITHOUT_LAW: Final = {"none": "crystal", "atoms": "cell"}


class Run(NamedTuple):
    """What is learned from what.

    Attributes:
        name: of the run.
        table: name of the table.
        columns: labels to learn from.
        law: name of the law, or ``none`` or ``atoms``.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    law: str

    @classmethod
    def read(cls, name: str) -> Run:
        """Read the name of a run."""
        table, labels, law = name.split("-")
        if labels not in LABELS or law not in (*LAWS, *WITHOUT_LAW):
            raise SystemExit(f"{name}: labels are {list(LABELS)}, laws {[*LAWS, *WITHOUT_LAW]}")
        return cls(name, table, LABELS[labels], law)

    @property
    def per_cell(self) -> bool:
        """Whether the labels of the table are of a cell."""
        return self.table.startswith("cv")

    def tasks(self) -> list[Task]:
        """Return what the network learns."""
        made = []
        for column in self.columns:
            quantity, _, kelvin = column.rstrip("K").partition("@")
            task: dict[str, Any] = {"column": column, "unit": UNITS[quantity]}
            if self.law in LAWS:
                by = {"law": self.law, "quantity": quantity, "temperature_k": float(kelvin)}
                task |= {"per": "atom", "by": by}
                if self.per_cell:
                    task |= {"per": "cell", "atoms": "cell_atoms"}
            else:
                task["per"] = WITHOUT_LAW[self.law] if self.per_cell else "atom"
            made.append(make_task(task))
        return made


def learn(
    run: Run, tables: Path, out: Path, split: str, start: Model | None, options: dict[str, Any]
) -> None:
    """Learn the folds of a split that are not there yet.

    Args:
        run: what is learned.
        tables: folder of the tables.
        out: folder of the results.
        split: column of the folds.
        start: where it starts; None: fresh weights.
        options: of the training.
    """
    path = tables / f"{run.table}.parquet"
    columns = [*run.columns, *(["cell_atoms"] if run.per_cell else [])]
    table = read_labelled(path, columns, fold_column=split)
    where = "scratch" if start is None else "pre-trained"
    for fold in from_column(table, group="scope"):
        name = out / f"{run.name}.{split}.{where}.{fold.name}"
        if Path(f"{name}.json").exists():
            continue
        began = time.monotonic(), time.process_time()
        used = fold  # curves are predicted by the bundle, so test rows need not be shown
        if run.law in LAWS:
            used = dataclasses.replace(fold, test=np.empty(0, np.int64))
        done = finetune(table, [used], run.tasks(), make_finetune_options(options), model=start)
        seconds = time.monotonic() - began[0], time.process_time() - began[1]
        bundle = Path(f"{name}.bundle")
        done.save(bundle, replace=True)
        found = predictions(run, path, fold, bundle, done)
        found.to_parquet(f"{name}.parquet", index=False)
        [of_fold] = done.folds
        record = {
            "run": run.name,
            "split": split,
            "start": where,
            "fold": fold.name,
            "options": options,
            "seconds": seconds[0],
            "cpu_seconds": seconds[1],
            "rows": {part: len(rows) for part, rows in fold.parts.items()},
            "split_sha256": digest(fold, table),
            "best_epochs": [each.best_epoch for each in of_fold.fitted],
            "validation_losses": [each.validation_loss for each in of_fold.fitted],
            "stratus": stratus.__version__,
        }
        Path(f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        first = found[(found["quantity"] == "cv") & (found["temperature_k"] == 300)]
        error = (first["value"] - first["label"]).abs()
        print(
            f"{name.name}: {seconds[0]:.0f} s ({seconds[1]:.0f} s of CPU), validation loss "
            f"{np.mean(record['validation_losses']):.4f}, best epoch {record['best_epochs']}, MAE "
            f"of C_v at 300 K {error.mean():.4f} per atom, {(error * first['atoms']).mean():.3f} "
            "per cell",
            flush=True,
        )


def learn_all(
    run: Run, tables: Path, out: Path, leave_out: list[str], start: Model | None, options: dict
) -> None:
    """Learn from all crystals but those of some formulas, and keep the bundle."""
    path = tables / f"{run.table}.parquet"
    columns = [*run.columns, *(["cell_atoms"] if run.per_cell else [])]
    table = read_labelled(path, columns)
    kept = np.flatnonzero(~pd.read_parquet(path)["formula"].isin(leave_out))
    print(f"{len(table) - len(kept)} crystals of {', '.join(leave_out)} are left out")
    used = table.take(kept)
    folds = [without_test(used, 0, group="scope")]
    done = finetune(used, folds, run.tasks(), make_finetune_options(options), model=start)
    bundle = out / f"{run.name}.without.bundle"
    done.save(bundle)
    losses = [each.validation_loss for each in done.folds[0].fitted]
    print(f"{bundle}: validation loss {np.mean(losses):.4f}")


def predictions(run: Run, path: Path, fold: Fold, bundle: Path, done: Any) -> pd.DataFrame:
    """Return label, prediction and 90 % interval per atom of the test rows, at each temperature.

    Without a law there are those quantities and temperatures alone that were learned.
    """
    rows = pd.read_parquet(path).iloc[fold.test]
    atoms = rows["cell_atoms" if run.per_cell else "n_atoms"].to_numpy(np.float64)
    scale = atoms if run.per_cell else np.ones_like(atoms)
    names = pq.read_schema(path).names
    parts = []
    if run.law in LAWS:
        model = load_bundle(bundle)
        curves = model.curves(
            rows["scope"].tolist(), TEMPERATURES_K, per="atom", interval=LEVEL, imposed=False
        )
        given = {
            (quantity, kelvin): [ends[:, k] for ends in (curve.value, curve.lo, curve.hi)]
            for quantity, curve in curves.curves.items()
            for k, kelvin in enumerate(TEMPERATURES_K)
        }
    else:
        given = {}
        for column in run.columns:
            quantity, _, kelvin = column.rstrip("K").partition("@")
            values = done.folds[0].predictions[column].values
            nothing = np.full(len(values), np.nan)
            given[quantity, int(kelvin)] = [values / scale, nothing, nothing]
    for (quantity, kelvin), (values, lo, hi) in given.items():
        column = f"{quantity}@{kelvin}K"
        if column not in names:
            continue
        parts.append(
            pd.DataFrame(
                {
                    "id": rows["id"],
                    "quantity": quantity,
                    "temperature_k": kelvin,
                    "atoms": atoms,
                    "label": rows[column] / scale,
                    "value": values,
                    "lo": lo,
                    "hi": hi,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Learn what is not learned yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("runs", nargs="+", type=Run.read, metavar="RUN")
    parser.add_argument("--model", type=Path, help="bundle to start from; without, from scratch")
    parser.add_argument("--splits", nargs="+", default=["split"])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--ema", type=float, default=0.99)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--precision", default="32")
    parser.add_argument("--leave-out", nargs="+", metavar="FORMULA", help="learn all others")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    start = load_bundle(given.model) if given.model else None
    options = {
        "epochs": given.epochs,
        "batch_size": given.batch_size,
        "learning_rate": given.lr,
        "ema": given.ema,
        "patience": None,
        "members": given.members,
        "precision": given.precision,
    }
    if given.leave_out:
        for run in given.runs:
            learn_all(run, given.tables, given.output, given.leave_out, start, options)
        return
    for split in given.splits:
        for run in given.runs:
            learn(run, given.tables, given.output, split, start, options)


if __name__ == "__main__":
    main()
