"""The verbs in one table; nothing heavy is imported before a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from stratus.cli import (
    attention,
    benchmark,
    corpora,
    encode,
    examples,
    failures,
    fetch,
    finetune,
    import_,
    model,
    plot,
    predict,
    pretrain,
    report,
    scaling,
    show,
    thermo,
)

app = typer.Typer(
    name="stratus",
    help="Learn from crystals at three depths: composition, symmetry, geometry.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from stratus import __version__

        typer.echo(f"stratus {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool,
        typer.Option(
            "--version", help="Print the version and stop.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the whole traceback of an error.")
    ] = False,
) -> None:
    failures.show_tracebacks(debug)


app.command("encode")(encode.encode)
app.command("pretrain")(pretrain.pretrain)
app.command("finetune", epilog=finetune.encoders())(finetune.finetune)
app.command("predict")(predict.predict)
app.command("thermo")(thermo.thermo)
app.command("plot")(plot.plot)
app.command("attention")(attention.attention)
app.command("show")(show.show)
app.command("report")(report.report)
app.command("examples")(examples.examples)
app.command("import")(import_.import_published)
app.add_typer(model.app, name="model")
app.add_typer(fetch.app, name="fetch")
app.add_typer(corpora.app, name="corpora")
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(scaling.app, name="scaling")
