from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PathCollection, PolyCollection

from stratus.errors import InputError
from stratus.plots.parity import parity


def parts(figure, kind):
    return [part for part in figure.axes[0].collections if type(part) is kind]


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def made(n, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.random(n)
    return truth, truth + rng.normal(0, 0.1, n)


def test_every_row_is_a_point_and_crowded_ones_are_shaded():
    truth, prediction = [0.0, 0.0, 0.001, 5.0], [1.0, 1.0, 1.001, 6.0]
    figure = parity(truth, prediction, name="gap", unit="eV")
    [points] = parts(figure, PathCollection)
    by_place = dict(zip(map(tuple, points.get_offsets()), points.get_array(), strict=True))
    assert sorted(points.get_offsets().tolist()) == [[0, 1], [0, 1], [0.001, 1.001], [5, 6]]
    assert by_place[0.0, 1.0] == 3
    assert by_place[5.0, 6.0] == 1
    assert points.get_array().tolist() == [1, 3, 3, 3]  # the crowded ones on top


def test_many_rows_are_counted_in_hexagons_and_none_is_lost():
    figure = parity(*made(4000), name="gap", unit="eV")
    [cells] = parts(figure, PolyCollection)
    assert cells.get_array().sum() == 4000
    assert not parts(figure, PathCollection)
    assert figure.axes[0].child_axes[0].get_ylabel() == "crystals in a hexagon"


def test_axes_are_equal_and_hold_all_points():
    truth, prediction = [0, 1, 2], [-4, 1, 9]
    [axes] = parity(truth, prediction, name="gap", unit="eV").axes
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[0] < -4
    assert axes.get_xlim()[1] > 9
    assert axes.get_aspect() == 1
    assert axes.get_xlabel() == "true value (eV)"
    assert axes.get_ylabel() == "prediction (eV)"
    assert axes.get_title(loc="left") == "gap, 3 crystals"


def test_the_legend_has_the_error_beside_that_of_a_simple_model():
    figure = parity([1, 2], [2, 4], name="gap", unit="eV", baseline=("mean of the labels", 2.0))
    assert words(figure) == ["prediction: MAE 1.5 eV", "mean of the labels: MAE 2 eV"]


def test_coverage_is_that_of_all_intervals_though_few_are_drawn():
    truth, prediction = made(500)
    low, high = prediction - 1, prediction + 1
    low[:100], high[:100] = 7, 8  # hold nothing
    low[100:110] = np.nan  # no interval
    high[110:210] = np.inf  # too little was known to end it
    figure = parity(truth, prediction, name="x", interval=(low, high), level=0.9, bars=10)
    [bars] = parts(figure, LineCollection)
    segments = bars.get_segments()
    assert len(segments) == 10
    for (x, bottom), (_, top) in segments:
        row = int(np.flatnonzero(truth == x)[0])
        assert (bottom, top) == (low[row], high[row])
    share = 390 / 490
    expected = f"90% interval (10 of 490 drawn); {share:.1%} hold the true value"
    assert words(figure)[-1] == expected


def test_rows_without_a_number_are_left_out():
    figure = parity([1, np.nan, 3], [1, 2, np.nan], name="x")
    assert parts(figure, PathCollection)[0].get_offsets().tolist() == [[1, 1]]


def test_no_interval_at_all_draws_no_bars():
    figure = parity([1, 2], [1, 2], name="x", interval=([np.nan] * 2, [np.nan] * 2))
    assert not parts(figure, LineCollection)


def test_what_can_not_be_drawn_is_refused():
    with pytest.raises(InputError, match=r"shapes \(2,\), \(3,\)"):
        parity([1, 2], [1, 2, 3], name="x")
    with pytest.raises(InputError, match="no row has both"):
        parity([np.nan], [1], name="x")
    with pytest.raises(InputError, match="no row has both"):
        parity([], [], name="x")
