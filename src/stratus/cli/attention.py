"""``stratus attention``: what an encoder looks at, and whether that is more than chance."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import Bundle, PictureKind, Quiet, Symprec, Workers
from stratus.files.lock import sole_writer


def attention(  # noqa: PLR0917 - one parameter for each flag
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Crystals, SCOPE strings or formulas."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="Folder of report and pictures.")
    ],
    model: Bundle = "bundled",
    layer: Annotated[int, typer.Option(help="Whose attention, from 0; -1 is the last.")] = 0,
    top: Annotated[
        list[int] | None,
        typer.Option("--top", "-k", metavar="K", help="Top tokens; repeat it.  [default: 1 3 5]"),
    ] = None,
    permutations: Annotated[int, typer.Option(help="Of positions, for the null.")] = 2000,
    pictures: Annotated[int, typer.Option(metavar="N", help="Draw the first N crystals.")] = 1,
    kind: PictureKind = "png",
    seed: Annotated[int, typer.Option(help="Of permutations and random weights.")] = 0,
    symprec: Symprec = 0.01,
    workers: Workers = None,
    quiet: Quiet = False,
) -> None:
    """Look at where [CLS] attends, against the right null.

    Beside attention stand roll-out and gradients, chance and random weights.
    OUT gets attention.json, attention.csv (a row for each crystal) and pictures.
    """
    with reported(), sole_writer(output):
        from stratus.cli.attention_report import print_report
        from stratus.inference.inputs import PredictOptions
        from stratus.models.loading import load_model
        from stratus.names import pick
        from stratus.studies.attention.job import run
        from stratus.studies.attention.study import AttentionOptions
        from stratus.training.option_layers import from_layers

        pick(dict.fromkeys(("png", "svg", "pdf")), kind, "format")
        options = from_layers(
            AttentionOptions,
            {"layer": layer, "permutations": permutations, "seed": seed},
            {"ks": sorted(set(top))} if top else {},
        )
        reading = from_layers(PredictOptions, {"symprec": symprec, "workers": workers})
        done = run(
            inputs,
            load_model(model),
            output,
            options,
            reading,
            pictures=pictures,
            kind=kind,
        )
        if not quiet:
            print_report(done)
