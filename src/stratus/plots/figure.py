"""How a figure is made and kept: one style, sizes of a paper, files that repeat byte for byte."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stratus.errors import InputError
from stratus.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

COLUMN_INCHES: Final = 3.4
"""Width of a column of a paper, 86 mm."""

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Seven colours that people with any colour vision tell apart (Okabe and Ito 2008)."""

GREY: Final = "#6E6E6E"
"""For what is there to compare with: diagonals, bands, baselines."""

DENSITY: Final = "viridis"
"""Colour map of densities and values: ordered by lightness, so it survives grey print."""

_STYLE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "font.size": 8.0,
        "axes.titlesize": 8.5,
        "axes.labelsize": 8.0,
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "legend.fontsize": 7.0,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 3.0,
        "ytick.major.size": 3.0,
        "lines.linewidth": 1.2,
        "savefig.dpi": 300,
        "pdf.fonttype": 42,  # letters stay letters
        "svg.hashsalt": "stratus",  # else the ids in a file are random
    }
)
_METADATA: Final[Mapping[str, Mapping[str, None]]] = MappingProxyType(
    {
        ".png": {"Software": None},
        ".svg": {"Date": None, "Creator": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
)


@contextmanager
def drawing(width: float = COLUMN_INCHES, height: float = 2.6) -> Iterator[Figure]:
    """Give an empty figure to draw into, in the style of the house.

    The settings of the caller's matplotlib neither change the figure nor are changed by it.

    Args:
        width: in inches.
        height: in inches.
    """
    with style.context(["default", dict(_STYLE)]):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        figure.draw_without_rendering()  # ticks are made here, while the style holds
        figure.set_layout_engine("none")  # each further run would move everything a little


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure; the same figure gives the same bytes.

    The file is written under another name and renamed, and holds no time and no version.

    Args:
        figure: of any function of this room.
        path: ends with .png, .svg or .pdf; its folder must be there.

    Raises:
        stratus.errors.InputError: another ending, or the file cannot be written.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in _METADATA:
        raise InputError(f"{path} ends with {kind or 'nothing'}; write .png, .svg or .pdf")
    try:
        with whole_file(path) as draft, style.context(["default", dict(_STYLE)]):
            figure.savefig(draft, format=kind[1:], metadata=dict(_METADATA[kind]))
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); name a file in a folder that "
            "is there"
        ) from error


def with_unit(name: str, unit: str) -> str:
    """Return the label of an axis: ``band gap (eV)``, or the name where there is no unit."""
    return f"{name} ({unit})" if unit else name


def place_key(figure: Figure, handles: Sequence[Any], columns: int = 1) -> None:
    """Put the legend below the axes, where it can hide nothing."""
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.2,
        labelspacing=0.3, borderaxespad=0.1,
    )  # fmt: skip


def place_title(axes: Axes, title: str) -> None:
    """Put a title above the left edge, where there is one."""
    if title:
        axes.set_title(literal(title), loc="left")


def literal(text: str) -> str:
    r"""Return a text as matplotlib shows it unchanged: a dollar sign begins no formula."""
    return text.replace("$", r"\$")
