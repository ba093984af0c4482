"""Bars of errors: one for each group and method, as long as the error."""

from __future__ import annotations

import pytest

from stratus.errors import InputError
from stratus.plots.group_errors import GroupError, group_errors

GROUPS = [GroupError("cubic", 1200, 0.5, 0.8), GroupError("$odd", 3, 0.2, None)]


def bars(figure):
    return sorted(round(patch.get_width(), 6) for patch in figure.axes[0].patches)


def test_bars_are_as_long_as_the_errors_and_rows_are_counted():
    figure = group_errors(GROUPS, methods=("model", "forest"), loss="mean error", unit="eV")
    assert bars(figure) == [0.0, 0.2, 0.5, 0.8]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["cubic (1,200)", r"\$odd (3)"]
    assert figure.axes[0].get_xlabel() == "mean error (eV)"


def test_one_method_has_one_bar_a_group():
    assert bars(group_errors(GROUPS, methods=("model", None), loss="error")) == [0.2, 0.5]


def test_what_can_not_be_drawn_is_refused():
    with pytest.raises(InputError, match="no group"):
        group_errors([], methods=("a", None), loss="error")
    with pytest.raises(InputError, match="'cubic' has the loss nan"):
        group_errors([GroupError("cubic", 1, float("nan"))], methods=("a", None), loss="error")
