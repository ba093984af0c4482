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
from stratus.plots.crystal_page import CrystalCard, crystal_page, write_page
from stratus.plots.interval_bar import Predicted, rounded
from stratus.scope.vocabulary import vocabulary

if TYPE_CHECKING:
    from stratus.models.model import Model

LEVEL = 0.9


def main(folder: Path, page: Path | None, bundle: str) -> None:
    """Predict, print, and write the page."""
    model = stratus.load(bundle)
    entries, scopes, rejects = read(folder)
    predicted = predict(model, [str(scope) for scope in scopes])
    cards = [card(*each) for each in zip(entries, scopes, predicted, strict=True)]
    show(cards)
    for name, why in rejects:
        print(f"not predicted: {name}: {why}")
    if page is not None:
        html = crystal_page(
            cards,
            title="Crystals and what is predicted for them",
            lead=f"Predicted by {model.card.name}: {model.card.summary}",
            level=LEVEL,
            rejects=rejects,
        )
        write_page(html, page)
        print(f"The same with pictures: {page}")


def read(
    folder: Path,
) -> tuple[list[stratus.Entry], list[stratus.Scope], list[tuple[str, str]]]:
    """Return crystals, their strings, and id and reason of what is none."""
    entries, scopes, rejects = [], [], []
    for item in stratus.read(folder):
        if isinstance(item, stratus.Reject):
            rejects.append((item.id, f"{item.detail} ({item.code})"))
            continue
        try:
            scopes.append(stratus.encode(item))
        except StratusError as error:
            rejects.append((item.id, str(error)))
        else:
            entries.append(item)
    return entries, scopes, rejects


def predict(model: Model, strings: list[str]) -> list[list[Predicted]]:
    """Return the predictions of each crystal."""
    found = model.predict(strings, interval=LEVEL)
    return [
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
        for row in range(len(strings))
    ]


def card(entry: stratus.Entry, scope: stratus.Scope, predicted: list[Predicted]) -> CrystalCard:
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
        note=" ".join(entry.notes),
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
