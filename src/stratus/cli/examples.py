"""``stratus examples DIRECTORY``: copy the example crystals that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer


def examples(
    directory: Annotated[Path, typer.Argument(help="Folder to copy them to; made if needed.")],
) -> None:
    """Copy the bundled example crystals (CIF files) to a folder."""
    sources = sorted(
        (
            item
            for item in files("stratus.crystals").joinpath("examples").iterdir()
            if item.name.endswith(".cif")
        ),
        key=lambda item: item.name,
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for source in sources:
            (directory / source.name).write_bytes(source.read_bytes())
    except OSError as error:
        raise typer.BadParameter(
            f"cannot write to {directory} ({error.strerror}); name a folder you may write to",
            param_hint="DIRECTORY",
        ) from error
    typer.echo(f"{len(sources)} example crystals in {directory}")
