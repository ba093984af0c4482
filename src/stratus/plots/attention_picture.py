"""Where one crystal is looked at: attention to each word, stacked and coloured by head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from stratus.errors import InputError
from stratus.plots.figure import COLOURS, GREY, drawing, literal, place_key, place_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

_PER_INCH: Final = 6.5
_NARROWEST: Final = 3.4
_WIDEST: Final = 14.0
_LONGEST: Final = 12


def attention_picture(
    words: Sequence[str],
    heads: ArrayLike,
    *,
    marked: Sequence[bool] | None = None,
    mark: str = "space group",
    title: str = "",
) -> Figure:
    """Draw the attention from [CLS] to each word; a word has the colour of its strongest head.

    Args:
        words: ``n``, in the order of the string.
        heads: ``[heads, n]``, attention of each head.
        marked: ``n``, which words stand on a grey ground.
        mark: what these words are.
        title: above the figure.

    Raises:
        stratus.errors.InputError: there are no words, or heads have not one number for each.
    """
    weights = np.asarray(heads, float)
    if not len(words) or weights.ndim != 2 or weights.shape[1] != len(words):
        raise InputError(
            f"{len(words)} words and attention of shape {list(weights.shape)} cannot be drawn; "
            "give [heads, words]"
        )
    colours = _colours(len(weights))
    width = min(_WIDEST, max(_NARROWEST, 0.6 + len(words) / _PER_INCH))
    with drawing(width=width, height=3.2) as figure:
        axes = figure.add_subplot()
        handles: list[Artist] = []
        if marked is not None and any(marked):
            for place in np.flatnonzero(marked):
                axes.axvspan(place - 0.5, place + 0.5, color=GREY, alpha=0.16, linewidth=0)
            handles.append(Patch(color=GREY, alpha=0.3, linewidth=0, label=literal(mark)))
        below = np.zeros(len(words))
        for number, (row, colour) in enumerate(zip(weights, colours, strict=True)):
            axes.bar(range(len(words)), row, 0.82, bottom=below, color=colour, linewidth=0)
            handles.append(Patch(color=colour, label=f"head {number}"))
            below += row
        even = len(weights) / (len(words) + 1)  # [CLS] itself is looked at too
        axes.axhline(even, color="black", linewidth=0.7, dashes=(4, 2))
        handles.append(Line2D([], [], color="black", lw=0.7, dashes=(4, 2), label="spread evenly"))
        axes.set_xlim(-0.6, len(words) - 0.4)
        axes.set_xticks(
            range(len(words)), [literal(_short(word)) for word in words], rotation=90, fontsize=6.5
        )
        strongest = weights.argmax(axis=0)
        for label, head in zip(axes.get_xticklabels(), strongest, strict=True):
            label.set_color(colours[head])
        axes.set_ylabel("attention from [CLS],\nsum over heads")
        place_title(axes, title)
        place_key(figure, handles, columns=min(len(handles), max(2, int(width / 0.9))))
    return figure


def _colours(count: int) -> list[str]:
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    return [to_hex(colour) for colour in colormaps["turbo"](np.linspace(0.05, 0.95, count))]


def _short(word: str) -> str:
    return word if len(word) <= _LONGEST else word[: _LONGEST - 1] + "…"
