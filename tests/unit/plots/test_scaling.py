from __future__ import annotations

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.plots.scaling import (
    Runs,
    contours,
    loss_against_compute,
    scaling_residuals,
    single_power,
)

N = np.array([1e3, 1e3, 1e5, 1e5])
D = np.array([1e5, 1e7, 1e5, 1e7])


def law(n, d):
    return 0.2 + 20 / n**0.4 + 300 / d**0.45


RUNS = Runs(N, D, 6 * N * D, 1.02 * law(N, D), law(N, D), held_out=[3])


def dots(axes):
    return [line for line in axes.lines if line.get_marker() == "o" and line.get_markersize() < 8]


def test_loss_is_drawn_over_compute_with_a_line_for_each_size_and_the_frontier():
    figure = loss_against_compute(RUNS, law, lambda c: np.full(len(c), 0.3))
    [axes] = figure.axes
    drawn = np.concatenate([line.get_xydata() for line in dots(axes)])
    assert drawn == pytest.approx(np.column_stack([6 * N * D, 1.02 * law(N, D)]))
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == [
        "1,000 parameters", "100,000 parameters", "best size for its compute",
        "held out of a second fit",
    ]  # fmt: skip
    without = loss_against_compute(RUNS, law, None)
    assert len(without.axes[0].lines) == len(axes.lines) - 1


def test_contours_have_the_levels_of_the_law_and_the_runs_on_them():
    figure = contours(RUNS, law, lambda c: (np.sqrt(c / 6), np.sqrt(c / 6)))
    axes = figure.axes[0]
    runs = axes.collections[-1]
    assert np.asarray(runs.get_offsets()) == pytest.approx(np.column_stack([N, D]))
    assert np.asarray(runs.get_array()) == pytest.approx(1.02 * law(N, D))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")


def test_residuals_are_in_per_cent_over_parameters_and_tokens():
    left, right = scaling_residuals(RUNS).axes
    for axes in (left, right):
        assert np.concatenate([line.get_ydata() for line in dots(axes)]) == pytest.approx([2] * 4)
        assert axes.get_ylim()[1] > 2


def test_a_single_power_is_drawn_with_its_laws():
    [axes] = single_power(D, law(N, D), [("power", lambda x: 3 * x**-0.1)], name="rows").axes
    assert axes.lines[0].get_xydata() == pytest.approx(np.column_stack([D, law(N, D)]))
    x, y = axes.lines[1].get_xydata().T
    assert y == pytest.approx(3 * x**-0.1)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="of equal length"):
        scaling_residuals(Runs(N, D, N, D[:2], N))
    with pytest.raises(InputError, match="cannot be drawn"):
        single_power([1.0], [1.0, 2.0], [])
