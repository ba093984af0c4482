"""A small picture of a quantity over temperature: curve, band and limit where they belong."""

from __future__ import annotations

import re
from math import inf, nan

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.plots.curve_picture import TemperatureCurve, curve_picture, curve_ranges

AT = [0.0, 500.0, 1000.0]
CURVE = TemperatureCurve("C_v", "J/(mol K)", AT, [0, 20, 24], [0, 18, 23], [0, 22, 25], limit=24.9)


def paths(picture: str) -> list[np.ndarray]:
    data = re.findall(r'd="(M[^"VHhv]*)"', picture)
    return [np.array(re.findall(r"-?[\d.]+", one), float).reshape(-1, 2) for one in data]


def test_one_scale_holds_zero_curves_intervals_and_limits():
    other = TemperatureCurve("C_v", "J/(mol K)", AT, [0, nan, 40], [-3, 0, 0], [0, 0, inf])
    assert curve_ranges([CURVE, other]) == {("C_v", "J/(mol K)"): (-3.0, 40.0)}


def test_curve_band_and_limit_lie_where_the_axes_say():
    band, limit, line = paths(curve_picture(CURVE, (0.0, 25.0)))
    assert line[:, 0] == pytest.approx([40, 135, 230])
    assert line[:, 1] == pytest.approx([126, 126 - 0.8 * 100, 126 - 0.96 * 100])
    assert limit[:, 1] == pytest.approx([126 - 99.6] * 2)
    upper, lower = band[:3], band[3:][::-1]
    assert (upper[:, 1] <= line[:, 1] + 0.1).all()
    assert (lower[:, 1] >= line[:, 1] - 0.1).all()


def test_it_is_read_out_and_says_its_unit():
    picture = curve_picture(CURVE, (0.0, 25.0))
    assert 'aria-label="C_v over temperature: 24 J/(mol K) at 1000 K"' in picture
    assert ">C_v, J/(mol K)<" in picture
    assert re.findall(r">([\d.]+)</text>", picture) == [
        *("0", "200", "400", "600", "800", "1000"),
        *("0", "5", "10", "15", "20", "25"),
    ]


def test_what_is_not_known_is_not_drawn():
    holes = TemperatureCurve("S", "J", AT, [nan, 1, 2], [nan, nan, nan], [inf, inf, inf])
    [line] = paths(curve_picture(holes, (0.0, 2.0)))
    assert len(line) == 2
    assert not curve_picture(TemperatureCurve("S", "J", AT, [nan] * 3), (0.0, 1.0))
    with pytest.raises(InputError, match="S has the shape"):
        curve_picture(TemperatureCurve("S", "J", AT, [1, 2]), (0.0, 1.0))
