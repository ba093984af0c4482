"""``stratus model``: look at bundles, measure and export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.model_export import export
from stratus.cli.model_score import score

app = typer.Typer(
    name="model",
    help="Look at models on disk, measure and export them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("export")(export)
app.command("score")(score)
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
        from stratus.cli.model_report import print_models
        from stratus.models.listing import list_bundles

        found = list_bundles(folder)
        if as_json:
            rows = [{**vars(one), "path": str(one.path)} for one in found]
            typer.echo(json.dumps(rows, indent=1))
            return
        if not found:
            typer.echo(f"no models in {folder.resolve()}")
            return
        print_models(found)


@app.command("info")
def info(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="The folder of a model, or bundled.")
    ],
    as_json: Annotated[bool, _JSON] = False,
) -> None:
    """Check every byte of a model and print what it is."""
    with reported():
        from stratus.cli.model_report import print_model
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
        print_model(Path(bundle), values)
