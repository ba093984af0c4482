"""By what a task is predicted: a head, a law, a gradient; what each can be, and the old form."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.tasks.by import ByGradient, ByHead, ByLaw
from stratus.tasks.normalise import fit_normaliser
from stratus.tasks.stored import current_config
from stratus.tasks.task import Task, check_together, make_task, of_a_law

ENERGY = {"column": "energy", "unit": "eV", "per": "cell"}
FORCES = {
    "column": "forces",
    "unit": "eV/Å",
    "of": "atom",
    "shape": (3,),
    "by": {"of": "energy", "to": "positions"},
}
STRESS = {
    "column": "stress",
    "unit": "eV/Å^3",
    "shape": (3, 3),
    "by": {"how": "gradient", "of": "energy", "to": "strain"},
}
HEAT = {"law": "debye", "quantity": "cv", "temperature_k": 300.0}


def test_keys_say_by_what_where_how_is_left_out():
    assert make_task({"column": "gap"}).by == ByHead(layers=1, dropout=0.1)
    assert make_task({"column": "gap", "by": {"layers": 3}}).by == ByHead(layers=3)
    heat = make_task({"column": "cv", "unit": "J/mol/K", "per": "atom", "by": HEAT})
    assert heat.by == ByLaw(**HEAT)
    assert of_a_law([make_task(ENERGY), heat]) == [heat]
    assert make_task(FORCES).by == ByGradient(of="energy", to="positions")


@pytest.mark.parametrize("values", [ENERGY, FORCES, STRESS])
def test_a_task_is_the_same_after_json(values):
    task = make_task(values)
    assert Task.model_validate_json(json.dumps(task.model_dump(mode="json")), strict=True) == task


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"by": {"how": "heed"}}, "target e: there is no way to predict a target 'heed'"),
        ({"by": {"layer": 2}}, "no setting of by 'layer'; did you mean layers"),
        ({"by": {"to": "strain"}}, "target e: by.of is missing"),
        ({"by": {"of": "energy", "to": "strian"}}, "by.to cannot be 'strian'"),
        ({"of": "atoms"}, "no value of of 'atoms'; did you mean atom"),
        ({"shape": (2,)}, "the shape [2], not [], [3] or [3, 3]"),
        ({"kind": "binary", "shape": (3,)}, "no shape"),
        ({"references": "element"}, "did you mean elements"),
        ({"of": "atom", "per": "cell"}, "e is of each atom, so it is not per cell"),
        ({"shape": (3,), "minimum": 0.0}, "no minimum"),
        ({"datasets": ("a", "a")}, "names one of its datasets twice"),
    ],
)
def test_what_can_not_be_is_one_sentence(values, said):
    with pytest.raises(InputError) as refused:
        make_task({"column": "e", **values})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"minimum": 0.0}, "the gradient of energy by positions, so it has no minimum"),
        ({"shape": (3, 3)}, "so it is of each atom and its shape is [3]"),
        ({"of": "crystal"}, "so it is of each atom and its shape is [3]"),
        ({"kind": "binary", "unit": ""}, "so it is a regression, not binary"),
    ],
)
def test_a_gradient_is_a_vector_of_each_atom_without_a_minimum(changes, said):
    with pytest.raises(InputError) as refused:
        make_task(FORCES | changes)
    assert said in str(refused.value)


def test_a_gradient_needs_its_energy_in_the_same_run_and_its_unit():
    energy, forces, stress = make_task(ENERGY), make_task(FORCES), make_task(STRESS)
    check_together([energy, forces, stress])
    check_together(
        [make_task(ENERGY | {"unit": "meV/cell"}), make_task(FORCES | {"unit": "meV/A"})]
    )
    with pytest.raises(InputError, match="no task of this run is called energy; add it"):
        check_together([forces])
    with pytest.raises(InputError, match="say per: cell, or per: formula"):
        check_together([make_task(ENERGY | {"per": "atom"}), forces])
    with pytest.raises(InputError, match="so energy is a regression of one number a crystal"):
        check_together([make_task({"column": "energy", "kind": "binary"}), forces])
    with pytest.raises(InputError, match="so its own unit is eV/Å, not meV/Å"):
        check_together([energy, make_task(FORCES | {"unit": "meV/Å"})])
    with pytest.raises(InputError, match=r"so its own unit is eV/Å\^3, not GPa"):
        check_together([energy, make_task(STRESS | {"unit": "GPa"})])


def test_a_task_of_before_by_is_read_in_its_new_form():
    plain = {"name": "gap", "column": "gap", "layers": 3, "dropout": 0.0, "physics": None}
    read = current_config({"hidden": 4, "task": plain})
    assert read["hidden"] == 4
    assert Task.model_validate(read["task"]).by == ByHead(layers=3, dropout=0.0)
    law = {"name": "cv", "column": "cv", "unit": "J/mol/K", "per": "atom", "layers": 2}
    [one] = current_config({"tasks": [{"task": law | {"dropout": 0.2, "physics": HEAT}}]})["tasks"]
    found = Task.model_validate(one["task"])
    assert found.by == ByLaw(**HEAT, layers=2, dropout=0.2)
    now = {"task": found.model_dump(mode="json")}
    assert current_config(now) == now
    assert current_config({"task": 3, "tasks": "x"}) == {"task": 3, "tasks": "x"}


def test_without_references_nothing_is_subtracted():
    labels, here = np.array([1.0, 2.0, 4.0]), np.ones(3, np.bool_)
    plain = make_task({"column": "energy", "references": "none"})
    found = fit_normaliser(plain, labels, here, np.arange(3))
    assert (found.mean, found.std) == (0.0, pytest.approx(np.sqrt(7.0)))
    usual = fit_normaliser(make_task({"column": "energy"}), labels, here, np.arange(3))
    assert (usual.mean, usual.std) == (pytest.approx(7 / 3), pytest.approx(np.std(labels)))
