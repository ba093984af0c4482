"""Discovery on real WBM crystals: formation energies by the model of the package, as it is."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics as sk

import stratus
from stratus.benchmarks.own_tables import discovery_question
from stratus.benchmarks.running import Entrant, run_benchmark
from stratus.tasks.task import make_task

ENERGY = "formation_energy_per_atom"
ROWS = 150


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wbm")
    patch = pytest.MonkeyPatch()
    patch.setattr("stratus.benchmarks.forest.TREES", 5)
    paths = []
    for name in ("wbm/wbm_5k_structures", "mp20_partial/mp20_partial"):
        table = pq.read_table(data_dir / f"{name}.parquet")
        path = folder / f"{name.split('/')[1]}.parquet"
        pq.write_table(table.slice(0, ROWS), path)
        paths.append(path)
    energy = make_task({"column": ENERGY, "unit": "eV/atom"})
    question = discovery_question(*paths, energy, id_column="row", workers=0)
    yield run_benchmark(question, Entrant(model=stratus.load("bundled")))
    patch.undo()


def test_energies_of_real_crystals_are_those_of_the_file(run, data_dir):
    table = pq.read_table(data_dir / "wbm" / "wbm_5k_structures.parquet").slice(0, ROWS)
    truth = dict(zip(map(str, table["row"].to_pylist()), table[ENERGY].to_pylist(), strict=True))
    assert len(run.rows.ids) == ROWS
    assert dict(zip(run.rows.ids, run.rows.labels, strict=True)) == pytest.approx(truth)


def test_errors_are_as_scikit_learn_has_them_and_small(run):
    labels, values = np.array(run.rows.labels), np.array(run.methods[0].values)
    scores = run.methods[0].folds["official"]
    assert scores["mae"] == pytest.approx(sk.mean_absolute_error(labels, values))
    assert scores["rmse"] == pytest.approx(sk.root_mean_squared_error(labels, values))
    assert scores["mae"] < 0.4
    assert scores["mae"] < run.method("mean").folds["official"]["mae"] / 2


def test_without_hull_distances_nothing_is_said_of_stability(run):
    assert not any(method.discovery for method in run.methods)
    assert "no energies above the hull were at hand, so only energies are measured" in (
        run.asked.notes
    )
