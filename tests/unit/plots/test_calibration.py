from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from stratus.errors import InputError
from stratus.plots.calibration import Coverage, calibration

WHOLE = Coverage("whole", [0.9, 0.5], [0.88, 0.52], 100)


def series_of(axes):
    return [line for line in axes.lines if line.get_marker() not in {"", "None", None}]


def test_coverage_is_drawn_in_per_cent_by_level_with_its_difference_below():
    upper, lower = calibration([WHOLE]).axes
    [line] = series_of(upper)
    [difference] = series_of(lower)
    assert line.get_xydata() == pytest.approx(np.array([[50, 52], [90, 88]]))
    assert difference.get_xydata() == pytest.approx(np.array([[50, 2], [90, -2]]))
    assert lower.get_xlabel() == "nominal coverage (%)"
    assert upper.get_ylabel() == "measured coverage (%)"


def test_the_band_is_that_of_the_binomial_distribution():
    upper, _ = calibration([WHOLE]).axes
    [band] = upper.collections
    [path] = band.get_paths()
    at = path.vertices[np.isclose(path.vertices[:, 0], 90.0)]
    assert at[:, 1].min() == pytest.approx(binom.ppf(0.025, 100, 0.9))
    assert at[:, 1].max() == pytest.approx(binom.ppf(0.975, 100, 0.9))


def test_each_number_of_rows_has_one_band():
    more = [WHOLE, Coverage("formula", [0.5], [0.4], 100), Coverage("few", [0.5], [0.4], 10)]
    figure = calibration(more)
    assert [len(axes.collections) for axes in figure.axes] == [2, 2]
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said[1:] == ["whole (100 rows)", "formula (100 rows)", "few (10 rows)"]
    colours = [line.get_color() for line in series_of(figure.axes[0])]
    assert len(set(colours)) == 3


def test_all_points_are_inside_the_axes():
    upper, lower = calibration([Coverage("bad", [0.5, 0.95], [0.07, 0.95], 50)]).axes
    assert upper.get_ylim()[0] < 7
    assert upper.get_ylim()[1] == 100
    assert lower.get_ylim()[0] < -43
    upper, lower = calibration([WHOLE]).axes
    assert 0 < upper.get_xlim()[0] < 50
    assert lower.get_ylim() == (-5, 5)


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ([], "1 to 7 coverages, not 0"),
        ([WHOLE] * 8, "1 to 7 coverages, not 8"),
        ([Coverage("x", [0.5], [0.4, 0.5], 9)], "1 levels and 2 measured"),
        ([Coverage("x", [90], [0.9], 9)], "write 0.9 for 90%"),
        ([Coverage("x", [0.9], [np.nan], 9)], "outside 0 to 1"),
        ([Coverage("x", [0.9], [0.9], 0)], "on 0 rows"),
    ],
)
def test_what_can_not_be_drawn_is_refused(series, said):
    with pytest.raises(InputError, match=said):
        calibration(series)
