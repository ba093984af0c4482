from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex

from stratus.errors import InputError
from stratus.plots.attention_picture import attention_picture

WORDS = ["i1", "aODD", "|", "Na"]
HEADS = np.array([[0.5, 0.1, 0.1, 0.1], [0.1, 0.1, 0.2, 0.4]])


def test_bars_stack_the_heads_and_words_have_the_colour_of_their_strongest():
    [axes] = attention_picture(WORDS, HEADS, marked=[True, True, False, False]).axes
    bars = list(axes.containers)
    assert [bar.get_height() for bar in bars[0]] == pytest.approx(HEADS[0])
    assert [bar.get_y() for bar in bars[1]] == pytest.approx(HEADS[0])
    labels = axes.get_xticklabels()
    assert [label.get_text() for label in labels] == WORDS
    first, second = (to_hex(bar[0].get_facecolor()) for bar in bars)
    assert to_hex(labels[0].get_color()) == first
    assert to_hex(labels[3].get_color()) == second


def test_many_heads_have_a_colour_each():
    figure = attention_picture(WORDS, np.full((12, 4), 0.1))
    assert len({to_hex(bars[0].get_facecolor()) for bars in figure.axes[0].containers}) == 12
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == [*(f"head {k}" for k in range(12)), "spread evenly"]


@pytest.mark.parametrize("heads", [np.ones(4), np.ones((2, 3))])
def test_attention_of_another_shape_is_refused(heads):
    with pytest.raises(InputError, match="4 words and attention of shape"):
        attention_picture(WORDS, heads)
