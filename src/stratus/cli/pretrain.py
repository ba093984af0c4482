"""``stratus pretrain``: a table of SCOPE strings or of atoms to a pre-trained encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
            metavar="CORPUS.parquet...",
            help="The table of `stratus encode`, or several; of denoising any file with atoms.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="RUN", help="Folder of the run, new or resumed."),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="masked-tokens or denoising.  [default: masked-tokens]"),
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
    """Pre-train an encoder on masked tokens or on displaced atoms.

    Several tables are one, of which the first has what they share; `mixture` in the options gives
    each a share of an epoch.

    RUN gets the options, the packed corpus, checkpoints, curves (logs/), the scores on the test
    split beside baselines (metrics.json) and the model with the least validation loss (bundle/).

    Masks, devices and the like are set by name: --set masking.ratio=0.3,
    --set denoising.noise_a=0.05, --set devices=2.
    """
    flags = {
        "objective": objective,
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

            learn = _overfits(options.objective)
            verdict(learn(corpus, overfit, options, on_event=shown(quiet=quiet)), quiet=quiet)
            return
        if output is None or overfit is not None:
            raise InputError("name the folder of the run with -o; with --overfit there is none")

        from stratus.cli.pretrain_report import Report

        with Report(output, quiet=quiet) as report:
            summary = _runs(options.objective)(
                corpus,
                output,
                options,
                resume=resume,
                card=card_values,
                on_progress=report.show,
            )
        if summary is not None and not quiet:
            report.finish(summary)


def _runs(objective: str) -> Any:
    if objective == "denoising":
        from stratus.training.denoise import denoise

        return denoise
    from stratus.training.pretrain import pretrain as by_masked_tokens

    return by_masked_tokens


def _overfits(objective: str) -> Any:
    if objective == "denoising":
        from stratus.training.denoise import overfit_denoising

        return overfit_denoising
    from stratus.training.pretrain import overfit_masked

    return overfit_masked


def _hint(run: Path | None) -> str:
    if run is None:
        return ""
    if any((run / "checkpoints").glob("step-*")):
        return f"Checkpoints are in {run}: repeat the command with --resume to go on."
    if (run / "options.yaml").exists():
        return "No step was saved yet: repeat the command with --resume to begin again."
    return "Nothing was begun yet."
