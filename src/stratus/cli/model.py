"""``stratus model``: look at bundles, and export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stratus.cli.failures import reported
from stratus.cli.model_export import export

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

app = typer.Typer(
    name="model",
    help="Look at models on disk, and export them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("export")(export)
_JSON = typer.Option("--json", help="Print JSON.")


@app.command("list")
def list_models(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where to look, and below.")
    ] = Path(),
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """List the models in a folder and below it."""
    with reported():
        from stratus.models.listing import list_bundles

        found = list_bundles(folder)
        if as_json:
            rows = [{**vars(one), "path": str(one.path)} for one in found]
            typer.echo(json.dumps(rows, indent=1))
            return
        if not found:
            typer.echo(f"no models in {folder.resolve()}")
            return
        from rich.table import Table

        columns = ("model", "name", "architecture", "parameters", "members", "targets", "dialect")
        table = Table(*columns, "rows", "licence")
        for one in (one for one in found if not one.problem):
            table.add_row(
                _plain(one.path),
                _plain(one.name),
                _plain(one.architecture),
                f"{one.parameters:,}",
                f"{one.members:,}",
                _plain(_targets(one.targets) or "none"),
                one.dialect,
                "unknown" if one.rows is None else f"{one.rows:,}",
                _plain(one.licence),
            )
        console = _console()
        if table.row_count:
            console.print(table)
        for one in (one for one in found if one.problem):
            console.print(f"[red]broken[/red]  {_plain(one.problem)}")


@app.command("info")
def info(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="The folder of a model, or bundled.")
    ],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Check every byte of a model and print what it is."""
    with reported():
        from stratus.models.bundle import check_files, load_bundle
        from stratus.models.loading import folder_of

        folder = folder_of(bundle)
        values = load_bundle(folder).info()
        values["files"] = {
            name: {"bytes": (folder / name).stat().st_size, "sha256": digest}
            for name, digest in check_files(folder).items()
        }
        if as_json:
            typer.echo(json.dumps(values, indent=1))
            return
        _print(_console(), Path(bundle), values)


def _print(console: Console, bundle: Path, values: dict[str, Any]) -> None:
    from rich.table import Table

    card = values["card"]
    console.print(f"[bold]{_plain(card['name'])}[/bold]  {_plain(bundle)}")
    console.print(_plain(card["summary"]) + "\n")
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(values):
        facts.add_row(f"[dim]{name}[/dim]", _plain(value))
    console.print(facts)
    data = Table("data", "rows", "licence", "origin", title="Learned from", title_justify="left")
    for source in card["data"]:
        rows = "unknown" if source["rows"] is None else f"{source['rows']:,}"
        data.add_row(
            _plain(source["name"]), rows, _plain(source["licence"]), _plain(source["origin"])
        )
    console.print()
    console.print(data if card["data"] else "Learned from: not stated")
    if card["metrics"]:
        metrics = Table("metric", "value", "unit", "split", "rows", title_justify="left")
        for metric in card["metrics"]:
            rows = "" if metric["rows"] is None else f"{metric['rows']:,}"
            number = f"{metric['value']:.4g}"
            metrics.add_row(
                _plain(metric["name"]),
                number,
                _plain(metric["unit"]),
                _plain(metric["split"]),
                rows,
            )
        console.print(metrics)
    files = Table("file", "bytes", "SHA-256")
    for name, file in values["files"].items():
        files.add_row(name, f"{file['bytes']:,}", file["sha256"])
    console.print(files)
    console.print(f"[green]verified[/green]: all {len(values['files'])} files are unchanged")


def _facts(values: dict[str, Any]) -> list[tuple[str, str]]:
    card = values["card"]
    heads = ", ".join(f"{name} ({size:,} parameters)" for name, size in values["heads"].items())
    facts = [
        ("architecture", values["architecture"]),
        ("config", ", ".join(f"{key} {value}" for key, value in values["config"].items())),
        ("parameters", f"{values['parameters']:,}{' each' * (values['members'] > 1)}"),
        ("members", _members(values)),
        ("targets", _targets(values["targets"]) or "none"),
        ("heads", heads or "none"),
        ("dialect", f"{values['dialect']}, {values['vocabulary_size']:,} tokens"),
        ("view", f"{values['view']}, {values['max_length']} rows at most"),
        ("licence", f"weights {card['licence_weights']}; code {card['licence_code']}"),
        ("intended use", card["intended_use"]),
        ("limits", card["limits"]),
    ]
    return facts + ([("citation", card["citation"])] if card["citation"] else [])


def _members(values: dict[str, Any]) -> str:
    groups = len(values["groups"])
    return f"{values['members']:,}" + (f" in {groups:,} groups" if groups > 1 else "")


def _targets(units: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({unit})" if unit else name for name, unit in units.items())


def _plain(value: object) -> str:
    """Return a text as rich prints it as it is; a file may hold markup or control characters."""
    from rich.markup import escape

    return escape("".join(c if c.isprintable() else " " for c in str(value)))


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)
