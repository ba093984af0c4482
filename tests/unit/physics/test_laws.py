"""A law is the weighted sum of its modes, and refuses parameters that are not its own."""

from __future__ import annotations

import pytest
import torch

from stratus.errors import InputError
from stratus.physics import debye, einstein
from stratus.physics.laws import LAWS, Law, Parameters, evaluate, law_named
from stratus.physics.quantities import GAS_CONSTANT, QUANTITIES

DOUBLE = torch.float64
THETA = torch.tensor([[200.0, 250.0, 400.0, 900.0], [90.0, 110.0, 130.0, 160.0]], dtype=DOUBLE)
WEIGHT = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.25, 0.25, 0.25, 0.25]], dtype=DOUBLE)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_one_debye_mode_is_the_debye_model(quantity):
    theta = THETA[:, :1]
    found = evaluate(LAWS["debye"], quantity, Parameters(theta, torch.ones_like(theta)), 300.0, 5)
    assert torch.allclose(found, debye.evaluate(quantity, theta[:, 0], 300.0, 5), rtol=1e-15)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_a_mixture_is_the_weighted_sum_of_its_modes(quantity):
    kelvin = torch.tensor([0.0, 40.0, 300.0], dtype=DOUBLE)
    found = evaluate(
        LAWS["mixture"], quantity, Parameters(THETA[:, None], WEIGHT[:, None]), kelvin, 2.0
    )
    assert found.shape == (2, 3)
    parts = [
        WEIGHT[:, m, None] * module.evaluate(quantity, THETA[:, m, None], kelvin, 2.0)
        for m, module in enumerate((debye, einstein, einstein, einstein))
    ]
    assert torch.allclose(found, torch.stack(parts).sum(0), rtol=1e-14)


def test_modes_may_stand_in_any_order():
    law = Law("other", ("einstein", "debye", "einstein"))
    theta, weight = THETA[:, :3], torch.full((2, 3), 1 / 3, dtype=DOUBLE)
    found = evaluate(law, "cv", Parameters(theta, weight), 300.0)
    parts = (
        einstein.heat_capacity(theta[:, 0], 300.0),
        debye.heat_capacity(theta[:, 1], 300.0),
        einstein.heat_capacity(theta[:, 2], 300.0),
    )
    assert torch.allclose(found, torch.stack(parts).mean(0), rtol=1e-14)


def test_each_crystal_may_have_its_own_temperature():
    kelvin = torch.tensor([100.0, 700.0], dtype=DOUBLE)
    found = evaluate(LAWS["mixture"], "s", Parameters(THETA, WEIGHT), kelvin)
    whole = evaluate(LAWS["mixture"], "s", Parameters(THETA[:, None], WEIGHT[:, None]), kelvin)
    assert torch.allclose(found, whole.diagonal(), rtol=1e-15)


def test_a_mixture_of_any_modes_ends_at_3r_an_atom():
    found = evaluate(LAWS["mixture"], "cv", Parameters(THETA, WEIGHT), 1e6)
    assert found.numpy() == pytest.approx(3 * GAS_CONSTANT, rel=1e-6)


def test_gradients_reach_thetas_and_weights():
    theta, weight = THETA.clone().requires_grad_(), WEIGHT.clone().requires_grad_()

    def law(theta, weight):
        return evaluate(LAWS["mixture"], "u", Parameters(theta, weight), 150.0)

    assert torch.autograd.gradcheck(law, (theta, weight), eps=1e-3, atol=1e-6, rtol=1e-6)


def test_what_does_not_fit_the_law_is_refused():
    with pytest.raises(InputError, match=r"mixture has 4 modes.*\(2, 3\)"):
        evaluate(LAWS["mixture"], "cv", Parameters(THETA[:, :3], WEIGHT[:, :3]), 300.0)
    with pytest.raises(InputError, match="no quantity 'cp'"):
        evaluate(LAWS["mixture"], "cp", Parameters(THETA, WEIGHT), 300.0)
    with pytest.raises(InputError, match="no law 'born'; there are debye, mixture"):
        law_named("born")
    assert law_named("debye") is LAWS["debye"]
