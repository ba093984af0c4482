"""One page of crystals: pictures, strings in colours and predictions with their intervals.

The page is one file of HTML, CSS and inline SVG: it needs no network and runs nothing, and says so
to the browser. Every text is escaped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError
from stratus.files.whole import write_whole
from stratus.plots.cell_picture import MOST_ATOMS, cell_picture
from stratus.plots.curve_picture import curve_picture, curve_ranges
from stratus.plots.element_look import element_look
from stratus.plots.interval_bar import common_ranges, interval_bar, rounded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike

    from stratus.plots.curve_picture import TemperatureCurve
    from stratus.plots.interval_bar import Predicted, Range

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "inversion": "inversion at the origin: yes 1, no 0",
        "generator": "generator of the space group",
        "origin": "second origin",
        "wyckoff": "Wyckoff position: multiplicity and letter",
        "element": "element",
        "number": "amount in the formula, and atoms in the primitive cell",
        "special": "unknown",
    }
)
"""What the words of a string stand for; words of other roles are grey and not explained."""


@dataclass(frozen=True, eq=False)
class CrystalCard:
    """What the page shows of one crystal.

    Attributes:
        name: its id.
        formula: such as ``Al2O3``.
        space_group: number, symbol or both.
        lattice: ``[3, 3]``, a vector in each row, in Å; None: no picture.
        symbols: of the n atoms.
        positions: ``[n, 3]``, in units of the lattice vectors.
        words: each word of the SCOPE string with its role.
        predictions: what is predicted.
        note: a sentence under the name, such as a warning.
        curves: quantities over temperature.
    """

    name: str
    formula: str
    space_group: str
    lattice: ArrayLike | None
    symbols: Sequence[str]
    positions: ArrayLike
    words: Sequence[tuple[str, str]]
    predictions: Sequence[Predicted]
    note: str = ""
    curves: Sequence[TemperatureCurve] = ()


@dataclass(frozen=True)
class RejectCard:
    """What the page shows of what could not be predicted.

    Attributes:
        name: its id.
        reason: why, in a sentence.
        code: of the reject; empty where there is none.
        source: where it came from.
    """

    name: str
    reason: str
    code: str = ""
    source: str = ""


def crystal_page(
    cards: Sequence[CrystalCard],
    *,
    title: str,
    lead: str = "",
    level: float | None = None,
    rejects: Sequence[RejectCard] = (),
) -> str:
    """Return the page.

    Bars of one property and unit have one scale on the whole page, and so have curves.

    Args:
        cards: one for each crystal.
        title: of the page.
        lead: a sentence under it, such as which model this is of.
        level: nominal coverage of the intervals, 0 to 1.
        rejects: what could not be predicted; a card each, after the others.

    Raises:
        stratus.errors.InputError: a lattice or a curve cannot be drawn; the message says which.
    """
    curves = curve_ranges(chain.from_iterable(card.curves for card in cards))
    ranges = common_ranges(chain.from_iterable(card.predictions for card in cards))
    interval = "interval" if level is None else f"{level:.0%} interval"
    style = files("stratus.plots").joinpath("data/page.css").read_text("utf-8")
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        (
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        ),
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>\n{style}</style></head>\n<body>",
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(lead)}</p>" if lead else "",
        _index([*(card.name for card in cards), *(card.name for card in rejects)]),
        _key(cards),
        *(_card(card, place, ranges, curves, interval) for place, card in enumerate(cards)),
        *(_reject(card, len(cards) + place) for place, card in enumerate(rejects)),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def write_page(page: str, path: str | Path) -> None:
    """Write a page under another name, and rename it.

    Raises:
        stratus.errors.InputError: it cannot be written.
    """
    path = Path(path)
    try:
        write_whole(path, page)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); name a file in a folder that is there"
        ) from error


def _index(names: Sequence[str]) -> str:
    links = (f'<a href="#crystal-{k}">{escape(name)}</a>' for k, name in enumerate(names))
    return f"<nav>{''.join(links)}</nav>" if len(names) > 1 else ""


def _key(cards: Sequence[CrystalCard]) -> str:
    """Explain the colours of the roles that are on the page."""
    shown: dict[str, str] = {}
    for word, role in chain.from_iterable(card.words for card in cards):
        shown.setdefault(role, word)
    items = (
        f"<li>{_word(shown[role], role)} {escape(meaning)}</li>"
        for role, meaning in ROLES.items()
        if role in shown
    )
    text = "".join(items)
    return f'<ul class="key" aria-label="Colours of the words">{text}</ul>' if text else ""


def _card(
    card: CrystalCard,
    place: int,
    ranges: Mapping[tuple[str, str], Range],
    curve_scales: Mapping[tuple[str, str], Range],
    interval: str,
) -> str:
    drawn = (curve_picture(each, curve_scales[each.name, each.unit]) for each in card.curves)
    curves = "".join(drawn)
    space_group = f", space group {_symbol(card.space_group)}" if card.space_group else ""
    return "\n".join(
        [
            f'<article class="crystal" id="crystal-{place}"><div class="picture">',
            _picture(card, place),
            "</div><div>",
            f"<h2>{escape(card.name)}</h2>",
            f"<p>{_formula(card.formula)}{space_group}</p>",
            f'<p class="quiet">{escape(card.note)}</p>' if card.note else "",
            f'<p class="words">{" ".join(_word(*word) for word in card.words)}</p>',
            '<div class="scroll">',
            *_table(card, ranges, interval),
            "</div>",
            f'<div class="curves">{curves}</div>' if curves else "",
            "</div></article>",
        ]
    )


def _picture(card: CrystalCard, place: int) -> str:
    if card.lattice is None:
        return '<p class="quiet">No structure is known.</p>'
    if len(card.symbols) > MOST_ATOMS:
        return f'<p class="quiet">{len(card.symbols):,} atoms, too many for a picture.</p>'
    name = f"Unit cell of {card.name}: {card.formula}, {len(card.symbols)} atoms"
    try:
        cell = cell_picture(
            card.lattice, card.symbols, card.positions, name=name, prefix=f"ball-{place}"
        )
    except InputError as error:
        raise InputError(f"crystal {card.name!r}: {error}") from error
    swatches = (
        f'<li><span class="swatch" style="background:{element_look(symbol).colour}"></span>'
        f"{escape(symbol)}</li>"
        for symbol in dict.fromkeys(card.symbols)
    )
    return f'{cell}<ul class="elements">{"".join(swatches)}</ul>'


def _word(word: str, role: str) -> str:
    known = role if role in ROLES or role == "separator" else "other"
    return f'<span class="w w-{known}">{escape(word)}</span>'


def _formula(formula: str) -> str:
    """Return a formula with its amounts below the line."""
    return re.sub(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)", r"<sub>\1</sub>", escape(formula))


def _symbol(space_group: str) -> str:
    """Return a symbol such as ``P6_3/mmc`` with its screw axes below the line."""
    return re.sub(r"_(\d)", r"<sub>\1</sub>", escape(space_group))


def _table(
    card: CrystalCard, ranges: Mapping[tuple[str, str], Range], interval: str
) -> Iterator[str]:
    if not card.predictions:
        yield '<p class="quiet">Nothing is predicted.</p>'
        return
    yield (
        '<table><thead><tr><th scope="col">property</th><th scope="col" class="number">'
        'prediction</th><th scope="col">unit</th><th scope="col" class="number">std</th>'
        f'<th scope="col" class="number">{escape(interval)}</th><th scope="col">on the scale of '
        "this page</th></tr></thead><tbody>"
    )
    for found in card.predictions:
        value, std, ends = rounded(found)
        bar = interval_bar(found, ranges[found.name, found.unit])
        yield (
            f'<tr><th scope="row">{escape(found.name)}</th><td class="number">{value}</td>'
            f'<td>{escape(found.unit)}</td><td class="number">{std}</td>'
            f'<td class="number">{ends}</td><td>{bar}</td></tr>'
        )
    yield "</tbody></table>"


def _reject(card: RejectCard, place: int) -> str:
    code = f" ({escape(card.code)})" if card.code else ""
    return "\n".join(
        [
            f'<article class="crystal rejected" id="crystal-{place}"><div class="picture">',
            '<p class="quiet">No crystal to draw.</p></div><div>',
            f"<h2>{escape(card.name)}</h2>",
            "<p>Nothing is predicted.</p>",
            f"<p><strong>{escape(card.reason)}</strong>{code}</p>",
            f'<p class="quiet">{escape(card.source)}</p>' if card.source else "",
            "</div></article>",
        ]
    )
