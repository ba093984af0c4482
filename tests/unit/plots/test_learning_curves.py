from __future__ import annotations

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.plots.figure import COLOURS
from stratus.plots.learning_curves import Curve, learning_curves

TRAIN, VALIDATION = [3.0, 2.0, 1.0], [3.5, 2.5, 2.75]


def drawn(figure):
    [axes] = figure.axes
    return axes, [line for line in axes.lines if len(line.get_xdata()) > 1]


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_both_losses_are_drawn_by_epoch_and_the_chosen_one_is_marked():
    figure = learning_curves([Curve("0", VALIDATION, TRAIN, chosen=2)], loss="loss", unit="eV")
    axes, (train, validation) = drawn(figure)
    assert train.get_xydata().tolist() == [[1, 3.0], [2, 2.0], [3, 1.0]]
    assert validation.get_xydata().tolist() == [[1, 3.5], [2, 2.5], [3, 2.75]]
    assert train.get_linestyle() != validation.get_linestyle()
    [dot] = [line for line in axes.lines if line.get_marker() == "o"]
    assert dot.get_xydata().tolist() == [[2, 2.5]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss (eV)")
    assert words(figure) == ["training", "validation", "chosen epoch"]


def test_members_of_a_fold_share_a_colour_and_folds_do_not():
    curves = [Curve(name, VALIDATION) for name in ("a", "a", "b")]
    figure = learning_curves(curves)
    _, lines = drawn(figure)
    assert [line.get_color() for line in lines] == [COLOURS[0], COLOURS[0], COLOURS[1]]
    assert words(figure) == ["validation", "a", "b"]


def test_more_folds_than_colours_are_coloured_by_what_they_are():
    figure = learning_curves([Curve(str(k), VALIDATION, TRAIN) for k in range(9)])
    _, lines = drawn(figure)
    assert {line.get_color() for line in lines} == set(COLOURS[:2])
    assert words(figure) == ["training", "validation"]


@pytest.mark.parametrize(
    ("losses", "log", "scale"),
    [
        ([30, 1], None, "log"), ([10, 1], None, "linear"), ([30, -1], None, "linear"),
        ([30, 1], False, "linear"), ([10, 1], True, "log"),
    ],
)  # fmt: skip
def test_the_axis_is_logarithmic_where_losses_span_much(losses, log, scale):
    axes, _ = drawn(learning_curves([Curve("0", losses)], log=log))
    assert axes.get_yscale() == scale


def test_a_loss_that_was_not_measured_leaves_a_gap():
    _, (train, _) = drawn(learning_curves([Curve("0", VALIDATION, [np.nan, 2, 1])]))
    assert np.isnan(train.get_ydata()).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("curves", "said"),
    [
        ([], "no learning curve"),
        ([Curve("f", [])], "'f' has no epoch"),
        ([Curve("f", [1, 2], [1])], "1 epochs of training and 2 of validation"),
        ([Curve("f", [1, 2], chosen=3)], "epoch 3 cannot be"),
        ([Curve("f", [1, 2], chosen=0)], "epoch 0 cannot be"),
    ],
)
def test_what_can_not_be_drawn_is_refused(curves, said):
    with pytest.raises(InputError, match=said):
        learning_curves(curves)
