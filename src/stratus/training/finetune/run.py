"""Fine-tune a model on a table of labelled crystals, fold by fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.corpora.tables.disjoint import check_disjoint, digest
from stratus.corpora.tables.folds import with_validation_share
from stratus.errors import InputError
from stratus.tasks.targets import with_classes
from stratus.training.finetune.fold import learn_fold, with_share
from stratus.training.finetune.kept import run_of
from stratus.training.finetune.labels import check_tasks, read_samples
from stratus.training.finetune.learned import count_formulas, learned_by, seen_by
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.result import FinetuneResult
from stratus.training.finetune.served import check_served
from stratus.training.finetune.start import make_start
from stratus.training.fit import check_devices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model
    from stratus.tasks.task import Task
    from stratus.training.finetune.events import Event, OnProgress
    from stratus.training.finetune.kept import KeptNets


def finetune(
    table: Table,
    folds: Sequence[Fold],
    tasks: Sequence[Task] = (),
    options: FinetuneOptions | None = None,
    *,
    model: Model | None = None,
    on_progress: OnProgress | None = None,
    kept: KeptNets | None = None,
) -> FinetuneResult:
    """Learn properties of crystals, once a fold and member, and predict the test rows of each fold.

    Weights are learned on the training rows of a fold alone, and so are the normalisers; the epoch
    is chosen on its validation rows, which also say how wide intervals are; labels of test rows are
    only measured against. On a CPU the same seed gives the same bytes.

    Args:
        table: crystals with labels; absent labels are left out of every loss and metric.
        folds: how its rows are split; without test rows nothing is measured.
        tasks: what is learned, all at once; none: those of the options.
        options: what may be set.
        model: a loaded bundle to start from; None starts from fresh weights.
        on_progress: called with what happens, in the first process.
        kept: keeps each net that is finished, with checkpoints and curves of the others, and has
            those of before an interruption; the result is then, on one device, the same bit for
            bit as if it had not been interrupted.

    Returns:
        What was learned and measured; the same in each process of a run on several devices, of
        which the first should save it.

    Raises:
        stratus.errors.InputError: tasks, folds, table, options, model or devices do not fit each
            other.
        stratus.errors.ResumeError: what is kept belongs to another run.
        stratus.errors.StratusError: a validation loss is not finite, or there is no room to keep
            a net.
    """
    options, tell = options or FinetuneOptions(), on_progress or _ignore
    tasks = with_classes(tuple(tasks) or options.tasks, table.classes)
    options = options.model_copy(update={"tasks": tasks})
    check_devices(options, resume=False)
    if options.strategy == "fsdp":
        raise InputError("strategy fsdp is for pre-training; use ddp, or leave strategy out")
    start = make_start(options, model, tasks, table.dialect)
    check_served(tasks, start.architecture)
    check_tasks(table, tasks)
    _check_folds(folds)
    used = [_with_shares(fold, table, options) for fold in folds]
    overlaps = [check_disjoint(fold, table, needs_test=False) for fold in used]
    if kept is not None:
        digests = [digest(fold, table) for fold in used]
        kept.begin(run_of(table, digests, tasks, options, start), len(used) * options.members)
    seen = read_samples(table, start.view)
    results = []
    for number, (fold, overlap) in enumerate(zip(used, overlaps, strict=True), start=1):
        result = learn_fold(
            table=table,
            fold=fold,
            overlap=overlap,
            tasks=tasks,
            start=start,
            options=options,
            seen=seen,
            tell=tell,
            kept=kept,
            nets_after=(len(used) - number) * options.members,
        )
        results.append(result)
    return FinetuneResult(
        tasks,
        options,
        start,
        tuple(results),
        domain=learned_by(table, used, tasks, start),
        seen=seen_by(table, used, start),
        formulas=count_formulas(table, start),
    )


def _with_shares(fold: Fold, table: Table, options: FinetuneOptions) -> Fold:
    """Return a fold with the shares of validation and training rows that the options say."""
    if options.validation_share is not None:
        fold = with_validation_share(fold, table, options.validation_share, options.seed)
    if options.train_share < 1:
        fold = with_share(fold, table, options.train_share, options.seed)
    return fold


def _check_folds(folds: Sequence[Fold]) -> None:
    names = [fold.name for fold in folds]
    if not names:
        raise InputError("there is no fold; make some with stratus.corpora.kfold")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two folds are called {name}; name each once")


def _ignore(_: Event) -> None:
    """Nobody listens."""
