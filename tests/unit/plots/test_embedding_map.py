from __future__ import annotations

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.plots.embedding_map import embedding_map, principal_axes


def vectors(n=50):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 5)) * [5, 2, 0.1, 0.1, 0.1]


def test_projection_is_that_of_the_singular_values():
    found = vectors()
    points, shares = principal_axes(found)
    centred = found - found.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(points) == pytest.approx(np.abs(centred @ directions[:2].T))
    assert shares == pytest.approx(tuple((sizes**2 / (sizes**2).sum())[:2]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((1, 5)), "two of each at least"),
        (np.zeros((5, 1)), "two of each at least"),
        (np.zeros((5, 3)), "all vectors are the same"),
        (np.full((5, 3), np.nan), "not finite"),
    ],
)
def test_vectors_without_a_plane_are_refused(wrong, said):
    with pytest.raises(InputError, match=said):
        principal_axes(wrong)


def test_every_point_has_its_colour():
    points, shares = principal_axes(vectors())
    values = np.arange(50.0)
    figure = embedding_map(points, values, name="gap", unit="eV", shares=shares, title="t")
    axes, bar = figure.axes
    [dots] = axes.collections
    order = dots.get_array().astype(int)
    assert sorted(order) == list(range(50))
    assert np.array(dots.get_offsets()) == pytest.approx(points[order])
    assert order.tolist() != list(range(50))  # else the last rows of a sorted table cover others
    assert dots.get_clim() == pytest.approx(tuple(np.percentile(values, [1, 99])))
    assert bar.get_ylabel() == "gap (eV)"
    assert axes.get_xlabel() == f"axis 1 ({shares[0]:.0%} of variance)"


def test_points_without_a_value_are_grey_and_counted():
    figure = embedding_map(vectors()[:4, :2], [1, np.nan, 2, 3], name="gap")
    absent, dots = figure.axes[0].collections
    assert len(absent.get_offsets()) == 1
    assert len(dots.get_offsets()) == 3
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no value (1)"]
    assert figure.axes[0].get_xlabel() == "axis 1"


def test_one_value_for_all_is_drawn():
    embedding_map(vectors()[:4, :2], [1, 1, 1, 1], name="gap")


def test_what_can_not_be_drawn_is_refused():
    with pytest.raises(InputError, match=r"\(4, 3\) and \(4,\)"):
        embedding_map(np.zeros((4, 3)), [1, 2, 3, 4], name="gap")
    with pytest.raises(InputError, match="no point has a value of gap"):
        embedding_map(np.zeros((2, 2)), [np.nan, np.nan], name="gap")
