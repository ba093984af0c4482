from __future__ import annotations

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, save_figure
from stratus.plots.thermodynamics import Band, Curves, thermodynamics

KELVIN = [0.0, 100.0, 200.0]
UNITS = {"cv": "J/(mol K)", "s": "J/(mol K)", "u": "kJ/mol", "f": "kJ/mol"}


def crystal(name="a", *, limit=None, measured=None, **bands):
    found = {key: Band(np.array([0.0, 1.0, 2.0]) + place) for place, key in enumerate(UNITS)}
    return Curves(name, KELVIN, found | bands, limit, measured or {})


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_each_quantity_has_a_panel_with_its_name_and_unit():
    figure = thermodynamics([crystal()], units=UNITS, per="per mole of atoms")
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == [
        "heat capacity $C_v$, J/(mol K)",
        "entropy $S$, J/(mol K)",
        "internal energy $U$, kJ/mol",
        "free energy $F$, kJ/mol",
    ]
    assert figure.axes[0].get_title(loc="left") == "per mole of atoms"
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", *["temperature (K)"] * 2]
    for place, axes in enumerate(figure.axes):
        [line] = axes.lines
        assert line.get_xydata().tolist() == [[0, place], [100, 1 + place], [200, 2 + place]]


def test_each_crystal_has_a_colour_and_a_name():
    figure = thermodynamics([crystal("a"), crystal("$b$")], units=UNITS)
    for axes in figure.axes:
        assert [line.get_color() for line in axes.lines] == list(COLOURS[:2])
    assert words(figure) == ["a", r"\$b\$"]


def test_intervals_are_shaded_where_they_are_finite_and_said_in_the_legend():
    band = Band([1.0, 2.0, 3.0], lo=[0.0, np.nan, 1.0], hi=[2.0, 3.0, np.inf])
    known = Band([1.0, 2.0, 3.0], lo=[0.0, 1.0, 2.0], hi=[2.0, 3.0, 4.0])
    figure = thermodynamics([crystal(cv=band, u=known)], units=UNITS, interval=0.9)
    [shade] = figure.axes[2].collections
    corners = shade.get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} >= {(0, 0), (0, 2), (200, 2), (200, 4)}
    assert not figure.axes[1].collections
    assert words(figure) == ["a", "90% interval"]
    assert words(thermodynamics([crystal()], units=UNITS, interval=0.9)) == ["a"]


def test_the_limit_of_dulong_and_petit_is_a_dashed_line_of_the_heat_capacity_alone():
    figure = thermodynamics([crystal(limit=24.9)], units=UNITS)
    dashed = [[line for line in axes.lines if line.is_dashed()] for axes in figure.axes]
    assert [len(lines) for lines in dashed] == [1, 0, 0, 0]
    assert dashed[0][0].get_ydata()[0] == 24.9
    assert words(figure) == ["a", "3R an atom"]


def test_measured_points_are_dots_in_the_colour_of_the_crystal():
    figure = thermodynamics([crystal(measured={"cv": ([50, 150], [1, 2])})], units=UNITS)
    points = figure.axes[0].lines[1]
    assert points.get_xydata().tolist() == [[50, 1], [150, 2]]
    assert points.get_linestyle() == "None"
    assert points.get_color() == COLOURS[0]
    assert words(figure) == ["a", "measured"]


def test_one_quantity_has_one_panel_and_can_be_saved(tmp_path):
    alone = Curves("a", KELVIN, {"cv": Band([0.0, 1.0, 2.0])})
    figure = thermodynamics([alone], units=UNITS)
    assert len(figure.axes) == 1
    save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("curves", "units", "said"),
    [
        ([], UNITS, "1 to 7 crystals, not 0"),
        ([crystal()] * 8, UNITS, "1 to 7 crystals, not 8"),
        ([crystal(), Curves("b", KELVIN, {"cv": Band([1, 2, 3])})], UNITS, "of 'b' are of cv, not"),
        ([Curves("b", KELVIN, {})], UNITS, "are of nothing"),
        ([crystal()], {"cv": "J/(mol K)"}, "unit of s is missing"),
        ([crystal(u=Band([1, 2]))], UNITS, r"u of 'a' has the shape \(2,\)"),
        ([crystal(u=Band([1, 2, 3], [0, 1], [3, 4, 5]))], UNITS, r"u of 'a' has the shape \(2,\)"),
    ],
)
def test_what_can_not_be_drawn_is_refused(curves, units, said):
    with pytest.raises(InputError, match=said):
        thermodynamics(curves, units=units)
