"""No mixture of modes is beyond the bounds of harmonic crystals, nor beyond its stiffest mode."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.physics.bounds import STIFFEST_IS, harmonic_bounds, stiffest
from stratus.physics.laws import LAWS, Parameters, evaluate
from stratus.physics.quantities import QUANTITIES, SECOND_RADIATION

AT = np.array([0.0, 1, 20, 100, 298.15, 1000, 5000])
COUNT = 300


@pytest.mark.parametrize("quantity", list(QUANTITIES))
def test_every_mixture_of_modes_is_within_the_bounds(quantity):
    rng = np.random.default_rng(1)
    law = LAWS["mixture"]
    theta = torch.from_numpy(np.exp(rng.uniform(np.log(20), np.log(6000), (COUNT, 1, 4))))
    weight = torch.from_numpy(rng.dirichlet([0.5] * 4, (COUNT, 1)))
    values = evaluate(law, quantity, Parameters(theta, weight), torch.from_numpy(AT)).numpy()
    lowest, highest = harmonic_bounds(quantity, AT)
    assert (values >= lowest * (1 - 1e-9) - 1e-9).all()
    assert (values <= highest * (1 + 1e-9)).all()
    reach = theta.numpy().max(axis=2) / SECOND_RADIATION
    end = stiffest(quantity, reach, AT)
    slack = 1e-9 * np.abs(end) + 1e-9
    if STIFFEST_IS[quantity] == "lowest":
        assert (values >= end - slack).all()
    else:
        assert (values <= end + slack).all()


def test_the_stiffest_is_the_einstein_solid():
    found = stiffest("cv", np.array([[1332.0]]), np.array([300.0]))
    x = SECOND_RADIATION * 1332 / 300
    assert found[0, 0] == pytest.approx(24.943387854 * x**2 * np.exp(x) / np.expm1(x) ** 2)
    assert np.isnan(stiffest("cv", np.array([np.nan]), np.array([300.0]))).all()
