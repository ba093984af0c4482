"""``stratus scaling``: plan runs of several sizes, do them, fit a law, draw it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import BatchSize, Config, Encoder, PictureKind, Settings, option_layers

if TYPE_CHECKING:
    from stratus.studies.scaling.fitted import FitOptions

app = typer.Typer(
    name="scaling",
    help="How loss falls with parameters and tokens.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_QUIET = typer.Option("--quiet", "-q", help="Print nothing but errors.")
_PARAMETERS = typer.Option(metavar="COL", help="Column of the parameters.")
_TOKENS = typer.Option("--tokens", metavar="COL", help="Column of the tokens.")
_LOSS = typer.Option(metavar="COL", help="Column of the loss.")


@app.command("plan")
def plan(  # noqa: PLR0917 - one parameter for each flag
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS.parquet", help="The table of `stratus encode`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PLAN.yaml", help="The plan to write.")
    ],
    size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LxHxD",
            help="Layers, heads, width; repeat it.  [default: the paper's twelve sizes]",
        ),
    ] = None,
    tokens: Annotated[
        list[float] | None,
        typer.Option(metavar="N", help="Tokens to see; repeat it.  [default: 1e6 3e6 1e7 3e7]"),
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(metavar="SHARE", help="Share of the training rows; repeat it.  [default: 1]"),
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Of weights, order and masks.  [default: 0]")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(help="Peak learning rate.  [default: 1e-3 at width 128, falls with its root]"),
    ] = None,
    encoder: Encoder = None,
    batch_size: BatchSize = None,
    config: Config = None,
    settings: Settings = None,
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Plan a run for each size and token budget, and say what they cost."""
    with reported():
        from stratus.cli.scaling_report import print_plan
        from stratus.studies.scaling.plan import TOKENS, make_plan, write_plan
        from stratus.studies.scaling.sizes import PAPER, parse_size
        from stratus.training.option_layers import merge_layers

        flags = {"encoder": encoder, "batch_size": batch_size}
        made = make_plan(
            corpus,
            merge_layers(*option_layers(config, flags, settings)),
            sizes=[parse_size(text) for text in size] if size else PAPER,
            tokens=tokens or TOKENS,
            shares=share or (1.0,),
            seeds=seed or (0,),
            learning_rate=lr,
        )
        write_plan(made, output)
        if not quiet:
            print_plan(made, output)


@app.command("run")
def run(
    plan_file: Annotated[Path, typer.Argument(metavar="PLAN.yaml", help="What was planned.")],
    corpus: Annotated[
        Path, typer.Argument(metavar="CORPUS.parquet", help="The table it was planned for.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUNS", help="Folder of all runs.")
    ],
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Do this run; repeat it.")
    ] = None,
    part: Annotated[
        str, typer.Option(metavar="K/N", help="Do every N-th run, from the K-th on.")
    ] = "1/1",
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Do the runs of a plan that are not done.

    The smallest is the first; repeat the command to go on.
    RUNS gets a folder for each run, with its options, checkpoints, curves and model, and runs.csv.
    """
    with reported(lambda: "Repeat the command to go on."):
        from stratus.cli.scaling_report import PlanReport
        from stratus.studies.scaling.plan import read_plan
        from stratus.studies.scaling.runs import run_plan

        report = PlanReport(quiet=quiet)
        summary = run_plan(
            read_plan(plan_file),
            corpus,
            output,
            only=only or (),
            part=_part(part),
            on_run=report.show,
        )
        report.finish(summary)
    if summary.failed:
        raise typer.Exit(1)


@app.command("fit")
def fit(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[
        Path, typer.Argument(metavar="TABLE.csv", help="Columns parameters, tokens and loss.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FIT.json", help="The fit to write.")
    ],
    x: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Fit single powers of this column, instead."),
    ] = None,
    at: Annotated[
        list[float] | None,
        typer.Option(metavar="X", help="Say the loss at this value of it; repeat it."),
    ] = None,
    budget: Annotated[
        list[float] | None,
        typer.Option(metavar="FLOP", help="Say the best size for this compute; repeat it."),
    ] = None,
    parameters: Annotated[str, _PARAMETERS] = "parameters",
    tokens: Annotated[str, _TOKENS] = "tokens",
    loss: Annotated[str, _LOSS] = "loss",
    run_column: Annotated[
        str | None,
        typer.Option("--run", metavar="COL", help="Column of the run of a row.  [default: run]"),
    ] = None,
    bootstraps: Annotated[
        int, typer.Option(help="Refits to runs drawn again, for the intervals.")
    ] = 1000,
    hold_out: Annotated[
        int, typer.Option(metavar="N", help="Largest runs to predict from the others.")
    ] = 1,
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    delta: Annotated[float, typer.Option(help="Where the Huber loss of log loss turns.")] = 1e-3,
    seed: Annotated[int, typer.Option(help="Of the drawing.")] = 0,
    coarse: Annotated[
        bool, typer.Option("--coarse", help="Search from few starts: quick, for a first look.")
    ] = False,
    quiet: Annotated[bool, _QUIET] = False,
) -> None:
    """Fit a law of scaling, with intervals.

    L = E + A / N^alpha + B / D^beta, or single powers with --x.
    """
    with reported():
        from stratus.cli.scaling_report import FitBar, print_law, print_power
        from stratus.errors import InputError
        from stratus.studies.scaling.report import fit_power, fit_table
        from stratus.training.run_folder import write_text

        options = _fit_options(
            parameters=parameters,
            tokens=tokens,
            loss=loss,
            cluster=run_column,
            delta=delta,
            level=level,
            draws=bootstraps,
            held_out=hold_out,
            seed=seed,
            coarse=coarse,
        )
        if x is None:
            if at:
                raise InputError("--at belongs to --x; for the law of sizes and tokens, --budget")
            with FitBar(quiet=quiet) as bar:
                law = fit_table(table, options, budgets=budget or (), on_progress=bar.show)
            write_text(output, law.model_dump_json(indent=1) + "\n")
            if not quiet:
                print_law(law, output)
            return
        if budget:
            raise InputError("--budget belongs to the law of sizes and tokens; with --x use --at")
        with FitBar(quiet=quiet) as bar:
            single = fit_power(table, x, options, at=at or (), on_progress=bar.show)
        write_text(output, single.model_dump_json(indent=1) + "\n")
        if not quiet:
            print_power(single, output)


@app.command("plot")
def plot(  # noqa: PLR0917 - one parameter for each flag
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="What was fitted.")],
    fit_file: Annotated[
        Path, typer.Option("--fit", metavar="FIT.json", help="Its fit, of `stratus scaling fit`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the pictures go.")
    ],
    parameters: Annotated[str, _PARAMETERS] = "parameters",
    tokens: Annotated[str, _TOKENS] = "tokens",
    loss: Annotated[str, _LOSS] = "loss",
    unit: Annotated[str, typer.Option(help="Of the loss.")] = "nat",
    kind: PictureKind = "png",
) -> None:
    """Draw what was fitted.

    Loss against compute with the frontier, contours and residuals; or a single power.
    """
    with reported():
        from stratus.names import pick
        from stratus.plots.figure import save_figure
        from stratus.studies.scaling.drawing import draw

        pick(dict.fromkeys(("png", "svg", "pdf")), kind, "format")
        options = _fit_options(parameters=parameters, tokens=tokens, loss=loss)
        pictures = draw(table, fit_file, options, unit=unit)
        output.mkdir(parents=True, exist_ok=True)
        for name, figure in pictures.items():
            path = output / f"{name}.{kind}"
            save_figure(figure, path)
            typer.echo(str(path))


def _part(text: str) -> tuple[int, int]:
    from stratus.errors import InputError

    number, slash, parts = text.partition("/")
    if not (slash and number.isdecimal() and parts.isdecimal()):
        raise InputError(f"part {text!r} cannot be read; write K/N, such as 2/8")
    return int(number), int(parts)


def _fit_options(**values: object) -> FitOptions:
    from stratus.studies.scaling.fitted import FitOptions
    from stratus.training.option_layers import from_layers

    return from_layers(FitOptions, values)
