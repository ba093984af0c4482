"""A small table of made-up rutiles with labels, and runs on it of seconds."""

from __future__ import annotations

import csv

import pytest

from stratus.benchmarks.own_tables import table_question
from stratus.benchmarks.running import Entrant, run_benchmark
from stratus.tasks.task import make_task
from stratus.training.finetune.options import make_finetune_options

ELEMENTS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os", "Mo", "W", "Nb", "Ta", "Re")
RUTILE = "i1 bOOO gDDD cDDD | {} 2a {} 4f | {} 2 {} 1 | 6"
TINY = {"layers": 1, "hidden": 16, "heads": 2, "feed_forward": 16}


@pytest.fixture(scope="package")
def rutiles(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "rutiles.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "scope", "dialect", "n_atoms", "gap", "metal", "heat", "set"])
        for k, (a, b) in enumerate((a, b) for a in ELEMENTS for b in ("O", "F", "S")):
            gap = ELEMENTS.index(a) / 5 + len(b) + "OFS".index(b)
            part = ("test", "train", "val", "train")[k % 4]
            row = [gap, ELEMENTS.index(a) % 2, 6 * gap, part]
            writer.writerow([f"c{k}", RUTILE.format(a, b, b, a), "orbit", 6, *row])
    return path


@pytest.fixture(scope="package", autouse=True)
def few_trees():
    """Forests of five trees: what they say does not matter here."""
    patch = pytest.MonkeyPatch()
    patch.setattr("stratus.benchmarks.forest.TREES", 5)
    yield
    patch.undo()


@pytest.fixture(scope="package")
def options():
    return make_finetune_options({"model": TINY, "epochs": 2, "batch_size": 8, "patience": None})


@pytest.fixture(scope="package")
def gap_question(rutiles):
    return table_question(rutiles, make_task({"column": "gap", "unit": "eV"}), folds=3)


@pytest.fixture(scope="package")
def learned_run(gap_question, options):
    """A run with a model."""
    return run_benchmark(gap_question, Entrant(options))


@pytest.fixture(scope="package")
def class_run(rutiles):
    """A run of simple models on two classes."""
    task = make_task({"column": "metal", "kind": "binary"})
    return run_benchmark(table_question(rutiles, task, folds=3))
