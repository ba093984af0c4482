"""``stratus benchmark``: a model and simple models on official folds or a table of one's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from stratus.cli.failures import reported
from stratus.cli.flags import (
    BatchSize,
    Config,
    Encoder,
    Epochs,
    Folds,
    FormulaColumn,
    IdColumn,
    LearningRate,
    Preset,
    Quiet,
    Seed,
    Settings,
    SpaceGroupColumn,
    Split,
    StartModel,
    StructureColumn,
    Targets,
    option_layers,
)
from stratus.files.lock import sole_writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratus.benchmarks.question import Question
    from stratus.benchmarks.running import Entrant

app = typer.Typer(
    help="Measure models beside simple ones, into one file.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Output = Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="Folder, new.")]
AsIs = Annotated[
    bool, typer.Option("--as-is", help="Predict with the model as it is; nothing is learned.")
]
Head = Annotated[
    str | None, typer.Option(metavar="TARGET", help="Target of the model, with --as-is.")
]
SimpleOnly = Annotated[bool, typer.Option("--simple-only", help="Ask the simple models alone.")]
Budget = Annotated[
    str | None,
    typer.Option(
        help="small or full: how long the model learns.  [default: usual for the encoder, or full]"
    ),
]
OnlyFolds = Annotated[
    list[str] | None,
    typer.Option("--fold", metavar="NAME", help="Only this fold, such as 0; may be repeated."),
]
Rival = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Method to compare with.  [default: best simple one]"),
]
Cache = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Folder that keeps predictions of simple models."),
]
Workers = Annotated[
    int | None, typer.Option(help="Processes that encode structures.  [default: one a core]")
]

_INNER = ("ask", "declares")
"""Parameters of :func:`_measure` that are no flags."""
_FACETS = "facets"
"""Parameter of what asks a question that follows from the model: what of crystals is read."""
_STRINGS = ("scope",)


def _measure(
    ask: Callable[..., Question],
    declares: bool,
    *,
    output: Output,
    encoder: Encoder = None,
    preset: Preset = None,
    model: StartModel = None,
    epochs: Epochs = None,
    lr: LearningRate = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    config: Config = None,
    settings: Settings = None,
    budget: Budget = None,
    as_is: AsIs = False,
    head: Head = None,
    simple_only: SimpleOnly = False,
    fold: OnlyFolds = None,
    rival: Rival = None,
    cache: Cache = None,
    quiet: Quiet = False,
) -> None:
    """Ask, answer, and write the folder of the run."""
    with reported(), sole_writer(output):
        from stratus.benchmarks.run_folder import write_run
        from stratus.benchmarks.running import run_benchmark
        from stratus.cli.benchmark_report import Report
        from stratus.errors import InputError
        from stratus.training.finetune.result_files import check_new

        flags = {
            "encoder": encoder,
            "preset": preset,
            "epochs": epochs,
            "batch_size": batch_size,
            "learning_rate": lr,
            "seed": seed or 0,
        }
        layers = option_layers(config, flags, settings)
        if not declares and any("tasks" in layer for layer in layers):
            raise InputError("the target of this benchmark is its own; leave tasks out")
        entrant = _entrant(
            layers, model=model, as_is=as_is, head=head, simple_only=simple_only, budget=budget
        )
        check_new(output)
        report = Report(quiet=quiet)
        question = ask(facets=_STRINGS if entrant is None else entrant.facets)
        if fold:
            question = question.of_folds(fold)
        report.question(question)
        run = run_benchmark(
            question, entrant, rival=rival, seed=seed or 0, cache=cache, on_progress=report.show
        )
        write_run(run, output)
        report.finish(run, output)


def _measured(question: Callable[..., Question]) -> Callable[..., None]:
    """Make a command of what asks a question: it has the flags of both, and runs it."""
    own = {name: flag for name, flag in _flags(question).items() if name != _FACETS}
    shared = {name: flag for name, flag in _flags(_measure).items() if name not in _INNER}

    def command(**flags: Any) -> None:
        ask = partial(question, **{name: flags[name] for name in own})
        _measure(ask, "target" in own, **{name: flags[name] for name in shared})

    every = [*(own[name] for name in own if name not in shared), *shared.values()]
    command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    command.__annotations__ = {flag.name: flag.annotation for flag in every}
    command.__doc__ = question.__doc__
    return command


def _flags(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function with their types, for typer to read."""
    names = {"Question": object, "Callable": Callable}
    hints = get_type_hints(function, localns=names, include_extras=True)
    return {
        name: parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _entrant(
    layers: Sequence[Mapping[str, Any]],
    *,
    model: str | None,
    as_is: bool,
    head: str | None,
    simple_only: bool,
    budget: str | None,
) -> Entrant | None:
    """Return the model that is asked for; None for none."""
    from stratus.benchmarks.budgets import budget as options_of
    from stratus.benchmarks.running import Entrant
    from stratus.errors import InputError

    if simple_only and (model is not None or as_is):
        raise InputError("--simple-only asks no model; leave out --model and --as-is")
    if as_is and model is None:
        raise InputError("--as-is needs a model that predicts; name it with --model")
    if head is not None and not as_is:
        raise InputError("--head belongs to --as-is; a model that learns has the table's target")
    plain = [{name: layer[name] for name in layer if name != "tasks"} for layer in layers]
    options = options_of(budget, *plain)
    if simple_only:
        return None
    if model is None:
        return Entrant(options)
    from stratus.inference.predictor import load

    return Entrant(None if as_is else options, load(model), head)


@app.command("matbench")
@_measured
def matbench(
    task: Annotated[str, typer.Option(metavar="TASK", help="One of the 13, such as phonons.")],
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the official files, or of label tables.")
    ] = Path(),
    given: Annotated[
        str, typer.Option(help="best, structures or formulas: what a model is given.")
    ] = "best",
    seed: Seed = None,
    workers: Workers = None,
    facets: tuple[str, ...] | None = _STRINGS,
) -> Question:
    """Run a task of MatBench v0.1 on its five official folds.

    RUN gets run.json with everything, and, where rows, labels and structures are the official ones,
    results.json.gz in the form of a submission. Where they are not, the set has another name.
    """
    from stratus.benchmarks.matbench import matbench_task
    from stratus.benchmarks.matbench_data import Given, matbench_question
    from stratus.names import pick

    kinds = {kind.value: kind for kind in Given}
    return matbench_question(
        matbench_task(task),
        data,
        given=pick(kinds, given, "way to give a crystal"),
        facets=facets,
        seed=seed or 0,
        workers=workers,
    )


@app.command("discovery")
@_measured
def discovery(  # noqa: PLR0917 - one parameter for each flag
    test: Annotated[Path, typer.Argument(metavar="TEST", help="Crystals with formation energies.")],
    train: Annotated[Path, typer.Option(metavar="TABLE", help="Crystals to learn from.")],
    energy: Annotated[
        str, typer.Option(metavar="COL", help="Formation energy in eV/atom, in both tables.")
    ] = "formation_energy_per_atom",
    hull: Annotated[
        str | None,
        typer.Option(metavar="COL", help="True energy above the hull in eV/atom, in TEST."),
    ] = None,
    unique: Annotated[
        str | None,
        typer.Option(metavar="COL", help="Whether a crystal is a unique prototype, in TEST."),
    ] = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option(help="Highest energy above the hull of a stable crystal.  [default: 0]"),
    ] = None,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    seed: Seed = None,
    workers: Workers = None,
    facets: tuple[str, ...] | None = _STRINGS,
) -> Question:
    """Find stable crystals, as MatBench Discovery does.

    The hull is that of DFT: the predicted energy above it is the true one plus the error of the
    formation energy. Without --hull only the energies are measured.
    """
    from stratus.benchmarks.own_tables import Stability, discovery_question
    from stratus.errors import InputError
    from stratus.tasks.task import make_task

    if hull is None and (unique is not None or threshold):
        raise InputError("--unique and --threshold are about stability; give --hull too")
    stability = None
    if hull is not None:
        stability = Stability(hull, unique, tuple(threshold or [0.0]))
    return discovery_question(
        test,
        train,
        make_task({"column": energy, "unit": "eV/atom"}),
        stability=stability,
        id_column=id_column,
        columns={
            "structure_column": structure,
            "formula_column": formula,
            "space_group_column": space_group,
        },
        facets=facets,
        seed=seed or 0,
        workers=workers,
    )


@app.command("unconvbench")
@_measured
def unconvbench(
    task: Annotated[str, typer.Option(metavar="TASK", help="One of the 11, such as 2d_gap.")],
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the published files.")
    ] = Path(),
    unit: Annotated[str, typer.Option(help="Of the labels; the files name none.")] = "",
    seed: Seed = None,
    workers: Workers = None,
    facets: tuple[str, ...] | None = _STRINGS,
) -> Question:
    """Run a task of UnconvBench on the five folds of its code."""
    from stratus.benchmarks.unconvbench import unconvbench_question

    return unconvbench_question(
        task, data, unit=unit, facets=facets, seed=seed or 0, workers=workers
    )


@app.command("table")
@_measured
def table(  # noqa: PLR0917 - one parameter for each flag
    path: Annotated[
        Path, typer.Argument(metavar="TABLE", help="Crystals, strings or formulas with labels.")
    ],
    target: Targets = None,
    split: Split = None,
    folds: Folds = None,
    config: Config = None,
    settings: Settings = None,
    id_column: IdColumn = None,
    structure: StructureColumn = None,
    formula: FormulaColumn = None,
    space_group: SpaceGroupColumn = None,
    seed: Seed = None,
    workers: Workers = None,
    facets: tuple[str, ...] | None = _STRINGS,
) -> Question:
    """Run a table of your own in the same form.

    What belongs to the target is set by its name: --set tasks.gap.kind=binary.
    """
    from stratus.benchmarks.own_tables import table_question
    from stratus.errors import InputError
    from stratus.tasks.targets import make_tasks, merge_targets

    if folds is not None and split is not None:
        raise InputError("give --folds or --split, not both")
    layers = option_layers(config, {"tasks": target}, settings)
    tasks = make_tasks(merge_targets(*(layer.get("tasks") for layer in layers)))
    if len(tasks) != 1:
        raise InputError(f"a benchmark has one target, not {len(tasks)}; give one with --target")
    columns = {
        "id_column": id_column,
        "structure_column": structure,
        "fold_column": split,
        "formula_column": formula,
        "space_group_column": space_group,
    }
    return table_question(
        path,
        tasks[0],
        folds=5 if folds is None else folds,
        columns=columns,
        facets=facets,
        seed=seed or 0,
        workers=workers,
    )
