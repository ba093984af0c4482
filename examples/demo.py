"""Predict properties of a folder of crystals; print them, and write a page that shows them.

Run: ``python examples/demo.py [FOLDER] [-o PAGE.html] [--model BUNDLE]``; without a folder, the
crystals that come with the package, and without a model, the one that does.
"""

from __future__ import annotations

import argparse
import math
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

import stratus
from stratus.crystals.spacegroups import space_group
from stratus.errors import StratusError
from stratus.heads.law import law_head
from stratus.physics.quantities import GAS_CONSTANT
from stratus.plots.crystal_page import CrystalCard, RejectCard, crystal_page, write_page
from stratus.plots.curve_picture import TemperatureCurve
from stratus.plots.interval_bar import Predicted, rounded
from stratus.scope.vocabulary import vocabulary
from stratus.tasks.predicted import notes_on

if TYPE_CHECKING:
    from stratus.models.model import Model

LEVEL = 0.9
TEMPERATURES_K = [*range(0, 300, 15), *range(300, 1501, 50)]
CURVES = {"cv": "heat capacity C_v", "s": "entropy S", "u": "internal energy U"}


def main(folder: Path, page: Path | None, bundle: str) -> None:
    """Predict, print, and write the page."""
    model = stratus.load(bundle)
    entries, scopes, rejects = read(folder)
    strings = [str(scope) for scope in scopes]
    predictions, notes = predict(model, strings)
    given = zip(entries, scopes, predictions, notes, curves(model, strings), strict=True)
    cards = [card(*each) for each in given]
    show(cards)
    for reject in rejects:
        code = f" ({reject.code})" if reject.code else ""
        print(f"not predicted: {reject.name}: {reject.reason}{code}")
    if page is not None:
        html = crystal_page(
            cards,
            title="Crystals and what is predicted for them",
            lead=f"Predicted by {model.card.name}: {model.card.summary} Curves are per mole of "
            "atoms, at constant volume; the dashed line is 3R.",
            level=LEVEL,
            rejects=rejects,
        )
        write_page(html, page)
        print(f"The same with pictures: {page}")


def read(
    folder: Path,
) -> tuple[list[stratus.Entry], list[stratus.Scope], list[RejectCard]]:
    """Return crystals, their strings, and what is none."""
    entries, scopes, rejects = [], [], []
    for item in stratus.read(folder):
        if isinstance(item, stratus.Reject):
            rejects.append(RejectCard(item.id, item.detail, str(item.code), item.source))
            continue
        try:
            scopes.append(stratus.encode(item))
        except StratusError as error:
            rejects.append(RejectCard(item.id, str(error), source=item.source))
        else:
            entries.append(item)
    return entries, scopes, rejects


def predict(model: Model, strings: list[str]) -> tuple[list[list[Predicted]], list[str]]:
    """Return the predictions of each crystal, and what is to be said of them."""
    found = model.predict(strings, interval=LEVEL)
    places = range(len(strings))
    predictions = [
        [
            Predicted(
                name,
                task.unit,
                *(
                    math.nan if column is None else float(column[row])
                    for column in (each.value, each.std, each.lo, each.hi)
                ),
            )
            for name, task in model.tasks.items()
            if (each := found[name]).value.ndim == 1  # several classes are no single number
        ]
        for row in places
    ]
    return predictions, [" ".join(notes_on(found, row)) for row in places]


def curves(model: Model, strings: list[str]) -> list[list[TemperatureCurve]]:
    """Return the curves of each crystal over temperature; none where the model has no law."""
    if not strings or law_head(model.model.heads) is None:
        return [[] for _ in strings]
    found = model.curves(strings, TEMPERATURES_K, interval=LEVEL)
    return [
        [
            TemperatureCurve(
                words,
                found.units[name],
                found.temperature_k,
                curve.value[row],
                None if curve.lo is None else curve.lo[row],
                None if curve.hi is None else curve.hi[row],
                limit=3 * GAS_CONSTANT if name == "cv" else None,
            )
            for name, words in CURVES.items()
            if (curve := found.curves[name])
        ]
        for row in range(len(strings))
    ]


def card(
    entry: stratus.Entry,
    scope: stratus.Scope,
    predicted: list[Predicted],
    said: str,
    drawn: list[TemperatureCurve],
) -> CrystalCard:
    """Return what the page shows of a crystal."""
    words = vocabulary()
    group = space_group(scope.space_group)
    return CrystalCard(
        name=entry.id,
        formula=scope.formula,
        space_group=f"{group.number} {group.symbol}",
        lattice=entry.lattice,
        symbols=[site.specie.symbol for site in entry.structure],
        positions=entry.frac_coords,
        words=[(word, words.role(word).value) for word in str(scope).split(" ")],
        predictions=predicted,
        note=" ".join([*entry.notes, said]).strip(),
        curves=drawn,
    )


def show(cards: list[CrystalCard]) -> None:
    """Print a row for each crystal: of each property the value, and its interval below."""
    # A pipe has no width of its own; give it one that does not break the rows.
    console = Console(width=None if sys.stdout.isatty() else 180, highlight=False)
    table = Table(box=box.SIMPLE, title=f"{LEVEL:.0%} intervals below", title_justify="left")
    table.add_column("crystal")
    for found in cards[0].predictions if cards else ():
        table.add_column(f"{found.name}\n{found.unit}", justify="right")
    for each in cards:
        cells = []
        for found in each.predictions:
            value, _, ends = rounded(found)
            cells.append(f"{value}\n[dim]{ends}[/dim]")
        table.add_row(f"{each.name}\n[dim]{each.formula}[/dim]", *cells)
    console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="files of crystals")
    parser.add_argument("-o", dest="page", type=Path, metavar="PAGE.html", help="page to write")
    parser.add_argument("--model", default="bundled", metavar="BUNDLE", help="folder of a model")
    given = parser.parse_args()
    try:
        if given.folder is not None:
            main(given.folder, given.page, given.model)
        else:
            with as_file(files("stratus.crystals") / "examples") as bundled:
                main(bundled, given.page, given.model)
    except StratusError as error:
        sys.exit(f"Error: {error}")
