"""From what a head gives to values in the unit of its task."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.errors import InputError
from stratus.tasks.losses import row_losses
from stratus.tasks.normalise import Normaliser, fit_normaliser
from stratus.tasks.predictions import Prediction, mixture, predict
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task

UNCHANGED = Normaliser(mean=0, std=1, rows=2)


def test_a_regression_is_brought_back_to_its_unit():
    found = predict(
        parse_target("gap:eV"), Normaliser(mean=3, std=2, rows=4), torch.tensor([[0.5], [-1.0]])
    )
    assert found.values.tolist() == [4.0, 1.0]
    assert found.values.dtype == np.float64
    assert found.std is None


def test_a_deviation_has_the_unit_too():
    task = parse_target("gap:eV", loss="gaussian")
    found = predict(task, Normaliser(mean=3, std=2, rows=4), torch.tensor([[0.5, 0.0]]))
    assert found.values.tolist() == [4.0]
    assert found.std.tolist() == [2.0]


def test_the_deviation_predicted_is_the_one_that_was_trained():
    task, target = parse_target("gap", loss="gaussian"), torch.tensor([1.5])
    raw = torch.tensor([[0.0, 9.0]])
    found = predict(task, UNCHANGED, raw)
    trained = row_losses(task, raw, target, torch.tensor([True])).item()
    density = torch.distributions.Normal(*map(torch.from_numpy, (found.values, found.std)))
    assert trained == pytest.approx(-density.log_prob(target).item(), rel=1e-6)


@pytest.mark.parametrize("loss", ["l1", "gaussian"])
def test_a_double_cell_has_the_double_of_everything(loss):
    task = parse_target("heat", per="cell", loss=loss)
    normaliser = Normaliser(mean=20.1, std=3.3, per_atom=True, rows=4)
    raw = torch.randn(5, task.outputs, generator=torch.Generator().manual_seed(0))
    atoms = np.array([1, 2, 3, 10, 77])
    one, two = (predict(task, normaliser, raw, count) for count in (atoms, 2 * atoms))
    assert np.array_equal(two.values, 2 * one.values)
    if loss == "gaussian":
        assert np.array_equal(two.std, 2 * one.std)
    with pytest.raises(InputError, match="atoms"):
        predict(task, normaliser, raw)


@pytest.mark.parametrize("per", ["atom", "cell", "crystal"])
def test_a_head_that_gives_the_target_has_no_loss_and_predicts_the_label(per):
    task = parse_target("heat", per=per)
    labels, atoms = np.array([3.0, 8.5, -1.0]), np.array([1, 4, 6])
    everything = np.ones(3, bool)
    normaliser = fit_normaliser(task, labels, everything, np.arange(3), atoms)
    target = torch.from_numpy(normaliser.normalise(labels, everything, atoms))
    raw = target[:, None]
    assert row_losses(task, raw, target, torch.ones(3, dtype=torch.bool)).tolist() == [0, 0, 0]
    np.testing.assert_allclose(predict(task, normaliser, raw, atoms).values, labels, rtol=1e-14)


def test_logits_become_probabilities():
    binary = make_task({"column": "metal", "kind": "binary"})
    found = predict(binary, UNCHANGED, torch.tensor([[0.0], [np.log(3.0)], [-800.0]]))
    np.testing.assert_allclose(found.values, [0.5, 0.75, 0.0], atol=1e-7)
    phase = make_task({"column": "phase", "kind": "multiclass", "classes": ("a", "b", "c")})
    logits = torch.tensor([[0.0, np.log(2.0), 0.0], [900.0, 0.0, -900.0]])
    found = predict(phase, UNCHANGED, logits)
    np.testing.assert_allclose(found.values, [[0.25, 0.5, 0.25], [1, 0, 0]], atol=1e-7)
    assert found.std is None


def test_outputs_of_half_precision_that_need_a_gradient_are_taken():
    raw = torch.tensor([[0.5]], dtype=torch.bfloat16, requires_grad=True)
    assert predict(parse_target("gap"), UNCHANGED, raw).values.tolist() == [0.5]


def test_no_crystal_gives_no_value():
    assert predict(parse_target("gap"), UNCHANGED, torch.zeros(0, 1)).values.shape == (0,)


def test_nothing_below_the_minimum_is_predicted():
    task = parse_target("gap:eV", minimum=0.0)
    found = predict(task, Normaliser(mean=0, std=2, rows=4), torch.tensor([[0.5], [-1.0]]))
    assert found.values.tolist() == [1.0, 0.0]


def test_a_crystal_that_nothing_is_said_of_leaves_the_others_their_spread():
    said = np.array([1.0, np.nan])
    value, std = mixture([Prediction(np.array([at, np.nan]), said) for at in (1.0, 3.0)])
    np.testing.assert_allclose(value, [2.0, np.nan])
    np.testing.assert_allclose(std, [np.sqrt(2.0), np.nan])
