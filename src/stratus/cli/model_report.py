"""What ``stratus model`` prints; whole at 80 columns."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from stratus.cli.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stratus.models.listing import Listed


_READS: Final = {
    "composition": "the composition of a crystal",
    "scope": "the SCOPE string of a crystal",
    "atoms": "the lattice of a crystal, and the species and places of its atoms",
}
"""What of a crystal a model reads, by facet."""

_DIGITS: Final = 12
"""So much of a digest is shown where it only tells one from another."""


def print_models(found: Sequence[Listed]) -> None:
    """Print each model with what it is below its path, then those that are broken."""
    console = _console()
    for one in (one for one in found if not one.problem):
        console.print(f"[bold]{_plain(one.path)}[/bold]  {_plain(one.name)}", soft_wrap=True)
        members = f"{one.members:,} members" if one.members != 1 else "1 member"
        rows = "rows unknown" if one.rows is None else f"{one.rows:,} rows"
        facts = (
            f"{_plain(one.architecture)}, {one.parameters:,} parameters, {members}, learned from "
            f"{rows}, weights {_plain(one.licence)}"
        )
        view = f"view: {_plain(_view(one.view, one.view_config))}"
        targets = f"targets: {_plain(_targets(one.targets) or 'none')}"
        console.print(Padding(f"{facts}\n{view}\n{targets}", (0, 0, 0, 2)))
    for one in (one for one in found if one.problem):
        console.print(f"[red]broken[/red]  {_plain(one.problem)}", soft_wrap=True)


def print_model(bundle: Path, values: Mapping[str, Any]) -> None:
    """Print the card of a model, its sizes, its metrics and its files.

    Args:
        bundle: the folder, as it was named.
        values: what :meth:`stratus.models.model.Model.info` gives, and ``files``.
    """
    console, card = _console(), values["card"]
    console.print(f"[bold]{_plain(card['name'])}[/bold]  {_plain(bundle)}", soft_wrap=True)
    console.print(_plain(card["summary"]) + "\n")
    console.print(_grid((f"[dim]{name}[/dim]", _plain(value)) for name, value in _facts(values)))
    console.print()
    console.print(_sources(card["data"]) if card["data"] else "Learned from: not stated")
    for split, rows in groupby(card["metrics"], key=lambda metric: metric["split"]):
        console.print(f"\nMeasured on {_plain(split)}" if split else "\nMeasured")
        console.print(_grid(_by_target(list(rows))))
    console.print()
    for name, file in values["files"].items():
        console.print(f"{_plain(name)}  {file['bytes']:,} bytes\n  {file['sha256']}")
    console.print(f"[green]verified[/green]: all {len(values['files'])} files are unchanged")


def _grid(rows: Iterable[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for row in rows:
        grid.add_row(*row)
    return grid


def _sources(data: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("data", "rows", "licence", "origin", title="Learned from", title_justify="left")
    for source in data:
        rows = "unknown" if source["rows"] is None else f"{source['rows']:,}"
        table.add_row(
            _plain(source["name"]), rows, _plain(source["licence"]), _plain(source["origin"])
        )
    return table


def _by_target(metrics: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return each target with its metrics; the rows they were counted on follow the last of them.

    A metric is called ``TARGET: WHAT``, or by one name.
    """
    found: dict[str, list[tuple[str, int | None]]] = {}
    for metric in metrics:
        target, colon, what = metric["name"].partition(": ")
        value = f"{metric['value']:.4g}" + (f" {metric['unit']}" if metric["unit"] else "")
        text = f"{what} {value}" if colon else value
        found.setdefault(target, []).append((text, metric["rows"]))
    lines = []
    for target, values in found.items():
        parts = []
        for rows, same in groupby(values, key=lambda value: value[1]):
            on = "" if rows is None else f" ({rows:,} rows)"
            parts.append(", ".join(text for text, _ in same) + on)
        lines.append((_plain(target), "\n".join(map(_plain, parts))))
    return lines


def _facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    card = values["card"]
    heads = ", ".join(f"{name} ({size:,} parameters)" for name, size in values["heads"].items())
    facts = [
        ("architecture", values["architecture"]),
        ("config", ", ".join(f"{key} {value}" for key, value in values["config"].items())),
        ("parameters", f"{values['parameters']:,}{' each' * (values['members'] > 1)}"),
        ("members", _members(values)),
        ("targets", _targets(values["targets"]) or "none"),
        ("heads", heads or "none"),
        ("reads", _READS.get(values["facet"], values["facet"])),
        ("view", _view(values["view"], values["view_config"])),
        ("licence", f"weights {card['licence_weights']}; code {card['licence_code']}"),
        ("intended use", card["intended_use"]),
        ("limits", card["limits"]),
    ]
    return facts + ([("citation", card["citation"])] if card["citation"] else [])


def _view(name: str, config: Mapping[str, Any]) -> str:
    """Return how crystals are seen, in words: ``graph: cutoff 8 Å, max neighbours 12``."""
    return ": ".join(filter(None, (name, ", ".join(map(_setting, config, config.values())))))


def _setting(name: str, value: object) -> str:
    if name.endswith("_sha256"):
        return f"{name.removesuffix('_sha256')} {str(value)[:_DIGITS]}"
    unit = " Å" if name.endswith("_a") else ""
    number = f"{value:g}" if isinstance(value, float) else "all" if value is None else str(value)
    return f"{name.removesuffix('_a').replace('_', ' ')} {number}{unit}"


def _members(values: Mapping[str, Any]) -> str:
    groups = len(values["groups"])
    return f"{values['members']:,}" + (f" in {groups:,} groups" if groups > 1 else "")


def _targets(units: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({unit})" if unit else name for name, unit in units.items())


def _plain(value: object) -> str:
    """Return a text as rich prints it as it is; a file may hold markup or control characters."""
    return escape("".join(c if c.isprintable() else " " for c in str(value)))


def _console() -> Console:
    return Console(highlight=False)
