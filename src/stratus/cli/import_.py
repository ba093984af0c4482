"""``stratus import``: published weights to a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported


def import_published(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="A Hugging Face folder: config.json, weights and the files of the tokenizer.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="BUNDLE", help="The folder to write."),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the model.  [default: that of FOLDER]")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights, if you know it.")
    ] = None,
) -> None:
    """Import published CLOUD weights into a bundle.

    They are those of a BERT on strings of the paper dialect.
    Nothing in FOLDER is run, and nothing is fetched. What is not taken over is printed.
    """
    with reported():
        from stratus.models.importing import import_published as run

        done = run(folder, output, name=name, licence=licence)
        typer.echo(f"bundle         {done.bundle}")
        typer.echo(f"tokens         {done.tokens:,}")
        typer.echo(f"rows left out  {done.rows_left_out:,}   that stand for no token")
        typer.echo(f"heads          {', '.join(done.heads) or 'none'}")
        typer.echo(f"not used       {', '.join(done.not_used) or 'nothing'}")
        for note in done.notes:
            typer.echo(f"note           {note}")
