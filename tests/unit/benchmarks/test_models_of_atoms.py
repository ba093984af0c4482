"""Models of atoms in a benchmark: the same rows, folds and simple models as those of strings."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from stratus.benchmarks.budgets import budget
from stratus.benchmarks.own_tables import table_question
from stratus.benchmarks.running import Entrant, run_benchmark
from stratus.crystals.facets import Facet
from stratus.encoders.table import DEFAULT_ATOMS_ENCODER, architecture
from stratus.errors import InputError
from stratus.tasks.task import make_task
from stratus.training.finetune.options import make_finetune_options

METALS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Mn")
TASK = make_task({"column": "gap", "unit": "eV"})
TINY = {"hidden": 8, "element_embedding": 8, "atom_hidden": 8, "layers": 1}


def options(encoder, model):
    return make_finetune_options(
        {
            "encoder": encoder,
            "preset": "nano",
            "model": model,
            "epochs": 2,
            "batch_size": 8,
            "patience": None,
        }
    )


def poscar(metal, other, length):
    half = length / 2
    cell = f"0 {half} {half}\n{half} 0 {half}\n{half} {half} 0"
    return f"{metal}{other}\n1.0\n{cell}\n{metal} {other}\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


@pytest.fixture(scope="module")
def salts(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "salts.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "structure", "gap"])
        for k, (a, b) in enumerate((a, b) for a in METALS for b in ("O", "S")):
            writer.writerow([f"c{k}", poscar(a, b, 4 + k / 10), len(a) + k / 10])
    return path


@pytest.fixture(scope="module")
def of_atoms(salts):
    entrant = Entrant(options("cgcnn", TINY))
    question = table_question(salts, TASK, folds=3, facets=entrant.facets, workers=0)
    return question, run_benchmark(question, entrant)


@pytest.fixture(scope="module")
def of_strings(salts):
    sizes = {"layers": 1, "hidden": 16, "heads": 2, "feed_forward": 16}
    entrant = Entrant(options("orbit-set", sizes))
    question = table_question(salts, TASK, folds=3, facets=entrant.facets, workers=0)
    return question, run_benchmark(question, entrant)


def test_what_is_read_follows_from_the_encoder():
    assert Entrant(options("cgcnn", TINY)).facets == (Facet.SCOPE, Facet.ATOMS)
    for encoder in ("orbit-set", "cloud", "roost"):
        assert Entrant(options(encoder, {})).facets == (Facet.SCOPE,)


def test_where_no_encoder_is_named_it_follows_from_the_table(salts, tmp_path):
    entrant = Entrant(make_finetune_options({"model": {"hidden": 8, "layers": 1}, "epochs": 1}))
    assert entrant.facets is None
    question = table_question(salts, TASK, folds=3, facets=None, workers=0).of_folds(["0"])
    assert all(crystal.atoms is not None for crystal in question.table.crystals)
    run = run_benchmark(question, entrant)
    assert run.model["architecture"] == DEFAULT_ATOMS_ENCODER
    assert run.config["finetune"]["encoder"] == DEFAULT_ATOMS_ENCODER
    path = tmp_path / "formulas.csv"
    path.write_text("id,formula,gap\n" + "".join(f"{m},{m}O,{len(m)}\n" for m in METALS))
    formulas = table_question(path, TASK, folds=3, facets=None, workers=0)
    assert not formulas.table.has_atoms
    assert Entrant(make_finetune_options({"hide": 0.5})).facets == (Facet.SCOPE,)


def test_a_budget_that_is_named_wins_over_what_is_usual():
    kind = replace(architecture("cgcnn"), training={"epochs": 7, "batch_size": 3})
    for name, epochs in ((None, 7), ("full", 100), ("small", 20)):
        found = budget(name, {"seed": 1}).with_usual_training(kind)
        assert (found.epochs, found.batch_size, found.seed) == (epochs, 3, 1)
    assert budget(None, {"epochs": 9}).with_usual_training(kind).epochs == 9
    assert budget(None).ema == budget("full").ema


def test_simple_models_and_splits_are_those_of_a_run_on_strings(of_atoms, of_strings):
    (_, ours), (_, theirs) = of_atoms, of_strings
    assert ours.data.splits == theirs.data.splits
    assert ours.rows == theirs.rows
    assert [m for m in ours.methods if m.role == "simple"] == [
        m for m in theirs.methods if m.role == "simple"
    ]
    assert ours.model["architecture"] == "cgcnn"
    assert np.isfinite(np.array(ours.methods[0].values, np.float64)).all()


def test_atoms_are_read_where_a_model_sees_them(of_atoms, of_strings):
    assert all(crystal.atoms is not None for crystal in of_atoms[0].table.crystals)
    assert all(crystal.atoms is None for crystal in of_strings[0].table.crystals)
    assert of_atoms[0].table.scopes == of_strings[0].table.scopes


def test_a_table_of_formulas_is_refused_for_a_model_of_atoms(tmp_path):
    path = tmp_path / "formulas.csv"
    path.write_text("id,formula,gap\n" + "".join(f"{m},{m}O,{len(m)}\n" for m in METALS))
    entrant = Entrant(options("cgcnn", TINY))
    with pytest.raises(InputError, match=r"structure|atoms"):
        run_benchmark(table_question(path, TASK, folds=3, facets=entrant.facets), entrant)


def test_some_folds_are_no_longer_the_official_set(of_strings):
    question, _ = of_strings
    one = question.of_folds(["1"])
    assert [fold.name for fold in one.folds] == ["1"]
    assert one.asked.name == "salts-fold-1"
    assert one.asked.notes[-1] == "fold 1 of 3"
    assert not one.asked.official
    assert {id_ for _, _, id_, _ in one.test_rows()} < {r for _, _, r, _ in question.test_rows()}
    assert question.of_folds(["2", "0", "1"]) is question
    with pytest.raises(InputError, match="fold of salts"):
        question.of_folds(["7"])
