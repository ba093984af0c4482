"""Fine-tune a model on a table of labelled crystals, fold by fold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stratus.corpora.tables.disjoint import check_disjoint, digest
from stratus.corpora.tables.folds import with_validation_share
from stratus.errors import InputError
from stratus.tasks.targets import with_classes
from stratus.training.finetune.choice import resolved_for
from stratus.training.finetune.fold import learn_fold, with_share
from stratus.training.finetune.kept import run_of
from stratus.training.finetune.labels import check_tasks, read_samples
from stratus.training.finetune.learned import count_formulas, learned_by, seen_by
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.result import FinetuneResult
from stratus.training.finetune.served import check_served
from stratus.training.finetune.share_scores import ShareScores
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
        model: a loaded bundle to start from; None starts from fresh weights, where the options name
            no encoder of one that reads what the table holds: atoms, else strings.
        on_progress: called with what happens, in the first process.
        kept: keeps each net that is finished, with checkpoints and curves of the others, and has
            those of before an interruption; the result is then, on one device, the same bit for
            bit as if it had not been interrupted.

    Returns:
        What was learned and measured, of several shares of the training rows the largest, with the
        scores of the others; the same in each process of a run on several devices, of
        which the first should save it.

    Raises:
        stratus.errors.InputError: tasks, folds, table, options, model or devices do not fit each
            other.
        stratus.errors.ResumeError: what is kept belongs to another run.
        stratus.errors.StratusError: a validation loss is not finite, or there is no room to keep
            a net.
    """
    options, report = options or FinetuneOptions(), on_progress or _ignore
    tasks = with_classes(tuple(tasks) or options.tasks, table.classes)
    options = resolved_for(table, options.model_copy(update={"tasks": tasks}), model)
    check_devices(options, resume=False)
    if options.strategy == "fsdp":
        raise InputError("strategy fsdp is for pre-training; use ddp, or leave strategy out")
    start = make_start(options, model, tasks, table.strings)
    check_served(tasks, start.architecture)
    check_tasks(table, tasks)
    _check_folds(folds)
    shares, left = options.train_shares, len(options.train_shares) * len(folds)
    by_share = [[_with_shares(fold, table, options, share) for fold in folds] for share in shares]
    used = by_share[-1]
    overlaps = [
        [check_disjoint(fold, table, needs_test=False) for fold in of_share]
        for of_share in by_share
    ]
    if kept is not None:
        digests = [digest(fold, table) for fold in used]
        kept.begin(run_of(table, digests, tasks, options, start), left * options.members, start)
    samples = read_samples(table, start.view, options.sample_cache)
    smaller: list[ShareScores] = []
    for share, of_share, shared in zip(shares, by_share, overlaps, strict=True):
        results = []
        for fold, overlap in zip(of_share, shared, strict=True):
            left -= 1
            result = learn_fold(
                table=table,
                fold=fold,
                overlap=overlap,
                tasks=tasks,
                start=start,
                options=options,
                samples=samples,
                on_progress=report,
                kept=kept,
                nets_after=left * options.members,
                share=None if of_share is used else share,
            )
            results.append(result)
        if of_share is not used:
            smaller.append(ShareScores.of(share, tasks, results))
    return FinetuneResult(
        tasks,
        options,
        start,
        tuple(results),
        smaller=tuple(smaller),
        domain=learned_by(table, used, tasks, start),
        seen=seen_by(table, used, start),
        formulas=count_formulas(table, start),
    )


def _with_shares(fold: Fold, table: Table, options: FinetuneOptions, share: float) -> Fold:
    """Return a fold with the share of validation rows of the options and one of training rows."""
    if options.validation_share is not None:
        fold = with_validation_share(
            fold, table, options.validation_share, options.seed, group=options.group
        )
    if share < 1:
        fold = with_share(fold, table, share, options.seed)
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
