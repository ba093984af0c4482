from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from stratus.crystals.elements import SYMBOLS
from stratus.errors import InputError
from stratus.plots import cell_picture as drawn
from stratus.plots.cell_picture import cell_picture
from stratus.plots.element_look import UNKNOWN, element_look, element_looks

CUBE = np.eye(3) * 4.0


def parsed(svg):
    return ET.fromstring(svg)  # noqa: S314 - we wrote it ourselves


def circles(svg):
    return [
        (float(c.get("cx")), float(c.get("cy")), float(c.get("r")), c.get("fill"))
        for c in parsed(svg).iter("circle")
    ]


def lines(svg):
    return [tuple(map(float, re.findall(r"[\d.]+", p.get("d")))) for p in parsed(svg).iter("path")]


def test_every_element_has_a_colour_and_a_size():
    assert set(element_looks()) == set(SYMBOLS[1:])
    for look in element_looks().values():
        assert re.fullmatch("#[0-9A-F]{6}", look.colour)
        assert 0.2 < look.radius_angstrom < 3
    assert element_look("O").colour == "#FF0D0D"  # Jmol
    assert element_look("O").radius_angstrom == 0.66  # Cordero 2008
    assert element_look("Qq") == UNKNOWN


def test_an_empty_cell_is_its_twelve_edges():
    svg = cell_picture(CUBE, [], [])
    assert len(lines(svg)) == 12
    assert not circles(svg)


def test_an_atom_on_a_corner_is_drawn_on_all_eight():
    svg = cell_picture(CUBE, ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    fills = [fill for *_, fill in circles(svg)]
    assert sorted(fills) == ["url(#cell-0)"] * 8 + ["url(#cell-1)"]


@pytest.mark.parametrize(
    ("place", "images"),
    [([0.5, 0.5, 0.5], 1), ([0, 0.5, 0.5], 2), ([1, 0, 0.5], 4), ([-1e-6, 2, 0.999], 8)],
)
def test_an_atom_is_on_each_face_that_is_the_same(place, images):
    assert len(circles(cell_picture(CUBE, ["O"], [place]))) == images


def test_near_atoms_are_painted_after_far_ones():
    svg = cell_picture(CUBE, ["Na", "Cl"], [[0.9, 0.5, 0.5], [0.1, 0.5, 0.5]])
    assert [fill for *_, fill in circles(svg)] == ["url(#cell-1)", "url(#cell-0)"]


def test_an_edge_stops_at_an_atom_and_goes_on_behind_it():
    svg = cell_picture(CUBE, ["Na"], [[0, 0, 0.5]])  # on the middle of the four upright edges
    assert len(lines(svg)) == 8 + 2 * 4
    [first] = {c[2] for c in circles(svg)}
    for x, y, *_ in circles(svg):
        for x1, y1, x2, y2 in lines(svg):
            if abs(x1 - x) < 0.2 and abs(x2 - x) < 0.2:  # its own edge: no end is inside
                assert min(abs(y1 - y), abs(y2 - y)) > 0.9 * first


def test_everything_is_on_the_page():
    rng = np.random.default_rng(0)
    for _ in range(20):
        lattice = rng.normal(size=(3, 3)) * 5
        svg = cell_picture(lattice, ["Cs"] * 5, rng.random((5, 3)))
        width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg).groups())
        assert max(width, height) == pytest.approx(260, abs=0.2)
        for x, y, r, _ in circles(svg):
            assert r <= x <= width - r
            assert r <= y <= height - r
        for x1, y1, x2, y2 in lines(svg):
            assert 0 <= min(x1, x2) <= max(x1, x2) <= width
            assert 0 <= min(y1, y2) <= max(y1, y2) <= height


def test_the_picture_does_not_depend_on_how_the_lattice_lies_in_space():
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    lattice = np.array([[4, 0, 0], [1, 5, 0], [0.5, -1, 6]])
    places = rng.random((6, 3))
    symbols = ["Si", "O", "O", "Al", "Al", "K"]
    one, two = (cell_picture(found, symbols, places) for found in (lattice, lattice @ turn))
    assert np.array([c[:3] for c in circles(one)]) == pytest.approx(
        np.array([c[:3] for c in circles(two)]), abs=0.11
    )


def test_the_camera_keeps_lengths_angles_and_handedness():
    rng = np.random.default_rng(2)
    for _ in range(20):
        lattice = rng.normal(size=(3, 3))
        camera = drawn._camera(lattice)
        assert camera @ camera.T == pytest.approx(lattice @ lattice.T)
        assert np.linalg.det(camera) == pytest.approx(np.linalg.det(lattice))


def test_a_name_can_not_leave_its_attribute():
    svg = cell_picture(CUBE, ['O"/><script>'], [[0, 0, 0]], name='"><script>x</script>', prefix='"')
    assert "<script" not in svg
    assert parsed(svg).get("aria-label") == '"><script>x</script>'


@pytest.mark.parametrize(
    ("lattice", "symbols", "places", "said"),
    [
        (np.zeros((3, 3)), ["O"], [[0, 0, 0]], "no volume"),
        (np.eye(2), ["O"], [[0, 0, 0]], r"\(2, 2\)"),
        (CUBE, ["O"], [[0, 0, 0], [1, 1, 1]], r"\(2, 3\) of 1"),
        (CUBE, ["O"], [[0, 0, np.nan]], "not finite"),
        (CUBE, ["O"] * 1001, np.zeros((1001, 3)), "1,000 atoms at most, not 1,001"),
    ],
)
def test_what_can_not_be_drawn_is_refused(lattice, symbols, places, said):
    with pytest.raises(InputError, match=said):
        cell_picture(lattice, symbols, places)
