"""``stratus model export``: a bundle as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import Quiet

if TYPE_CHECKING:
    from stratus.models.exporting import Exported


def export(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="The folder of a model, or bundled.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.onnx", help="The file to write, new.")
    ],
    member: Annotated[
        int | None,
        typer.Option(metavar="K", help="One member, from 0.  [default: the mean over all]"),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(metavar="N", help="Operators of ONNX, 18 to 22.  [default: 18]")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a model as one ONNX graph, checked against torch.

    The graph goes from the tensors of the model's view to values in the units of the targets. The
    vocabulary and what goes in and out stand in the metadata of the file.
    """
    with reported():
        from stratus.models.exporting import DEFAULT_OPSET, check_ready, export_onnx
        from stratus.models.loading import load_model

        check_ready(output)
        model = load_model(bundle)
        written = export_onnx(
            model, output, member=member, opset=DEFAULT_OPSET if opset is None else opset
        )
        if not quiet:
            _report(written)


def _report(written: Exported) -> None:
    typer.echo(f"wrote {written.path}: {written.size:,} bytes, opset {written.opset}")
    if written.members > 1:
        typer.echo(f"mean over {written.members} members")
    typer.echo(f"inputs   {', '.join(written.inputs)}")
    typer.echo("outputs  largest difference from torch, in shares of the spread")
    for name, difference in written.differences.items():
        typer.echo(f"  {name}  {difference:.1e}")
    for name in written.left_out:
        typer.echo(f"left out: {name}")
