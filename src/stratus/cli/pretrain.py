"""``stratus pretrain``: a table of SCOPE strings to a pre-trained encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    BatchSize,
    Config,
    Encoder,
    Epochs,
    LearningRate,
    Overfit,
    Preset,
    Quiet,
    Resume,
    Seed,
    Settings,
    option_layers,
)


def pretrain(  # noqa: PLR0917 - one parameter for each flag
    corpus: Annotated[
        list[Path],
        typer.Argument(
            metavar="CORPUS.parquet...", help="The table of `stratus encode`, or several."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="RUN", help="Folder of the run, new or resumed."),
    ] = None,
    encoder: Encoder = None,
    preset: Preset = None,
    epochs: Epochs = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps, instead of epochs.")] = None,
    lr: LearningRate = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    config: Config = None,
    settings: Settings = None,
    overfit: Overfit = None,
    resume: Resume = False,
    card: Annotated[
        Path | None,
        typer.Option(metavar="FILE.yaml", help="What the model's card says: licences, data, use."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Pre-train an encoder by letting it guess masked tokens.

    Several tables are one, of which the first has what they share; `mixture` in the options gives
    each a share of an epoch.

    RUN gets the options, the token corpus, checkpoints, curves (logs/), the scores on the test
    split beside three baselines (metrics.json) and the model with the least validation loss
    (bundle/).

    Masks, devices and the like are set by name: --set masking.ratio=0.3, --set devices=2.
    """
    flags = {
        "encoder": encoder,
        "preset": preset,
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": lr,
        "seed": seed,
    }
    with reported(lambda: _hint(output)):
        from stratus.errors import InputError
        from stratus.training.option_layers import read_options
        from stratus.training.options import make_options

        options = make_options(*option_layers(config, flags, settings))
        card_values = read_options(card) if card else None
        if overfit is not None and output is None:
            from stratus.cli.overfit_report import shown, verdict
            from stratus.training.pretrain import overfit_masked

            events = shown(quiet=quiet)
            verdict(overfit_masked(corpus, overfit, options, on_event=events), quiet=quiet)
            return
        if output is None or overfit is not None:
            raise InputError("name the folder of the run with -o; with --overfit there is none")

        from stratus.cli.pretrain_report import Report
        from stratus.training.pretrain import pretrain as run

        with Report(output, quiet=quiet) as report:
            summary = run(
                corpus,
                output,
                options,
                resume=resume,
                card=card_values,
                on_progress=report.show,
            )
        if summary is not None and not quiet:
            report.finish(summary)


def _hint(run: Path | None) -> str:
    if run is None:
        return ""
    if any((run / "checkpoints").glob("step-*")):
        return f"Checkpoints are in {run}: repeat the command with --resume to go on."
    if (run / "options.yaml").exists():
        return "No step was saved yet: repeat the command with --resume to begin again."
    return "Nothing was begun yet."
