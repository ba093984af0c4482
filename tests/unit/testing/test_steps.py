"""Jumps of functions, told from steep places."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.testing.steps import largest_jump


def of(function):
    return lambda ways: np.stack([function(np.asarray(ways)), 0 * np.asarray(ways)], axis=1)


@pytest.mark.parametrize("jump", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("at", [0.0213, 1 / 3, 0.5, 0.99])
def test_a_jump_in_a_steep_function_is_found_with_its_size(jump, at):
    found = largest_jump(of(lambda x: np.sin(9 * x) + jump * (x > at)), 1e-3)
    assert found == pytest.approx(jump, abs=1e-3)


def test_a_smooth_function_does_not_jump():
    assert largest_jump(of(lambda x: np.sin(9 * x)), 1e-3) <= 1e-3


def test_a_value_that_is_no_number_is_a_jump():
    assert largest_jump(of(lambda x: np.where(x > 0.4, np.nan, x)), 1e-3) == np.inf
