"""``stratus pretrain``: a table of SCOPE strings to a pre-trained encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import Config, Preset, Quiet, Resume, set_flags


def pretrain(  # noqa: PLR0917 - one parameter for each flag
    corpus: Annotated[
        list[Path],
        typer.Argument(
            metavar="CORPUS.parquet...", help="The table of `stratus encode`, or several."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="RUN", help="Folder of the run, new or resumed."),
    ],
    encoder: Annotated[
        str | None, typer.Option(help="Architecture: orbit-set or cloud.  [default: orbit-set]")
    ] = None,
    preset: Preset = None,
    config: Config = None,
    epochs: Annotated[
        int | None, typer.Option(help="Times each crystal is seen.  [default: 50]")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps, instead of epochs.")] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Crystals in a step on average, over all devices.  [default: 256]"),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Peak learning rate.  [default: 1e-3 nano, 5e-4 small, 1e-4 base]"),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="auto, 32 or bf16.  [default: auto]")
    ] = None,
    mask_ratio: Annotated[
        float | None, typer.Option(help="Share of tokens to be guessed.  [default: 0.15]")
    ] = None,
    whole_orbits: Annotated[
        bool | None,
        typer.Option(
            "--whole-orbits", help="Mask element and Wyckoff symbol of an orbit together."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order and masks.")] = None,
    devices: Annotated[
        int | None, typer.Option(help="Devices of each machine.  [default: 1]")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="auto, ddp or fsdp.  [default: auto]")
    ] = None,
    accelerator: Annotated[
        str | None, typer.Option(help="auto, cpu or cuda.  [default: auto]")
    ] = None,
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
    """
    flags = {
        "encoder": encoder,
        "preset": preset,
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": lr,
        "precision": precision,
        "masking": set_flags({"ratio": mask_ratio, "whole_orbits": whole_orbits}) or None,
        "seed": seed,
        "devices": devices,
        "strategy": strategy,
        "accelerator": accelerator,
    }
    with reported(lambda: _hint(output)):
        from stratus.training.options import make_options, read_options

        options = make_options(read_options(config) if config else {}, set_flags(flags))
        card_values = read_options(card) if card else None

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


def _hint(run: Path) -> str:
    if any((run / "checkpoints").glob("step-*")):
        return f"Checkpoints are in {run}: repeat the command with --resume to go on."
    if (run / "options.yaml").exists():
        return "No step was saved yet: repeat the command with --resume to begin again."
    return "Nothing was begun yet."
