"""One fold: its members learn, its validation rows calibrate them, its test rows are predicted."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from stratus.corpora.tables.disjoint import digest
from stratus.models.values import predict_nets
from stratus.objectives.supervised import Supervised
from stratus.tasks.predictions import together
from stratus.training.device import device_here, on_device
from stratus.training.epochs import batches_of, n_batches
from stratus.training.events import Validated
from stratus.training.finetune.calibrating import bounds, calibrate_fold
from stratus.training.finetune.events import EpochEnded, FoldEnded, FoldStarted
from stratus.training.finetune.fold_results import LEVEL, FoldResult
from stratus.training.finetune.labels import (
    Samples,
    atoms_of,
    fold_rows,
    labels_of,
    of_rows,
    with_a_label,
)
from stratus.training.finetune.scores import capped, score
from stratus.training.fit import fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.corpora.tables.disjoint import Overlap
    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table
    from stratus.models.net import Net
    from stratus.tasks.task import Task
    from stratus.training.events import FitEvent, OnFitEvent
    from stratus.training.finetune.events import OnProgress
    from stratus.training.finetune.kept import KeptNets
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.training.finetune.start import Start

    Indices = npt.NDArray[np.int64]


def learn_fold(  # noqa: PLR0913 - all that makes a fold
    *,
    table: Table,
    fold: Fold,
    overlap: Overlap,
    tasks: Sequence[Task],
    start: Start,
    options: FinetuneOptions,
    samples: Samples,
    on_progress: OnProgress,
    kept: KeptNets | None = None,
    nets_after: int = 0,
    share: float | None = None,
) -> FoldResult:
    """Learn a fold.

    Args:
        table: all rows.
        fold: who is in which part.
        overlap: crystals that the parts share.
        tasks: what is learned.
        start: where each member starts.
        options: of the run.
        samples: how the view sees each row of the table.
        on_progress: called with what happens.
        kept: keeps each net that is finished, and has those of before an interruption.
        nets_after: nets that are learned after this fold.
        share: of the training rows, where the fold is learned with others too; its nets are kept
            apart. None: where it is learned once, or last.

    Raises:
        stratus.errors.InputError: a task has no label to learn from or to choose with.
        stratus.errors.StratusError: a validation loss is not finite, or there is no room to keep
            a net.
    """
    rows = fold_rows(table, fold, tasks, start.view, samples, start.normalisers(tasks))
    counts = {"train": len(rows.train), "validation": len(rows.validation), "test": len(rows.test)}
    nets, fitted = [], []
    label = fold.name if share is None else f"{fold.name} ({share:.3g} of the rows)"
    for member in range(options.members):
        seed = seed_of_member(options.seed, fold.name, member)
        net = start.make_net(tasks, rows.normalisers, seed, member, fold.name)
        if member == 0:
            on_progress(_started(label, net, counts, start, options))
        learn = partial(
            fit,
            net,
            Supervised(tasks),
            rows.train.hidden(options.hide, seed),
            rows.validation,
            options,
            seed=seed,
            dropout_key=partial(_dropout_key, seed),
            on_event=_of_net(
                on_progress, label, member, nets_after + options.members - 1 - member, options
            ),
        )
        if share is None:
            own, name = seed, f"{fold.name}-{member}"
        else:
            own = seed_of_member(options.seed, f"{fold.name}|share {share!r}", member)
            name = f"{fold.name}-{member}-share-{share!r}"
        fitted.append(learn() if kept is None else kept.learned(net, own, name, learn))
        nets.append(net)
    atoms = {task.name: of_rows(atoms_of(table, task), fold.test) for task in tasks}
    with on_device(*nets):
        of_members = predict_nets(
            nets,
            start.view,
            rows.test.samples,
            lambda task: atoms[task.name],
            batch_size=options.batch_size,
            batches=batches_of(rows.test.whole_sizes, options.batch_size, padded=start.view.padded),
        )
    predictions = {name: together(each) for name, each in of_members.items()}
    values = {name: found.values for name, found in predictions.items()}
    measured = score(table, fold, tasks, values, options.seed)
    calibrated = calibrate_fold(
        table=table,
        fold=fold,
        tasks=tasks,
        view=start.view,
        samples=samples.of_rows,
        nets=nets,
        options=options,
    )
    on_progress(
        FoldEnded(
            label,
            tuple(each.best_epoch for each in fitted),
            tuple(each.validation_loss for each in fitted),
            measured,
        )
    )
    known = tuple(table.details[row] for row in fold.test.tolist())
    return FoldResult(
        name=fold.name,
        digest=digest(fold, table),
        rows=counts,
        learned=tuple(
            table.ids[row]
            for row in with_a_label(table, np.union1d(fold.train, fold.validation), tasks).tolist()
        ),
        overlap=overlap,
        fitted=tuple(fitted),
        ids=tuple(table.ids[row] for row in fold.test.tolist()),
        known=known,
        labels={task.name: labels_of(table, task)[fold.test] for task in tasks},
        predictions=predictions,
        bounds={
            task.name: bounds(task, scores, known, of_members[task.name], LEVEL)
            for task in tasks
            if (scores := calibrated.tasks.get(task.name)) is not None
        },
        scores=measured,
        capped=capped(table, fold, tasks),
        calibration=calibrated.tasks,
        coverage=calibrated.coverage,
        curve_calibration=calibrated.curves,
        normalisers=rows.normalisers,
        nets=tuple(nets),
    )


def _dropout_key(seed: int, rank: int, step: int) -> tuple[int, ...]:
    return (seed, step, rank)


def _of_net(
    on_progress: OnProgress, fold: str, member: int, nets_after: int, options: FinetuneOptions
) -> OnFitEvent:
    """Return what makes events of a run of those of one of its nets."""

    def on_event(event: FitEvent) -> None:
        if isinstance(event, Validated):
            on_progress(
                EpochEnded(
                    fold=fold,
                    member=member,
                    epoch=event.epoch,
                    loss=event.scores["loss"],
                    best=event.best,
                    train_loss=event.train_loss,
                    epochs=options.epochs,
                    seconds_left=event.seconds_left + nets_after * event.seconds,
                )
            )

    return on_event


def seed_of_member(seed: int, fold: str, member: int) -> int:
    """Return the seed of a member: another for each, and the same whichever others are learned."""
    text = f"{seed}|{fold}" + (f"|{member}" if member else "")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=7).digest())


def with_share(fold: Fold, table: Table, share: float, seed: int) -> Fold:
    """Return a fold with a share of its training rows; what is in a share is in a larger one too.

    Args:
        fold: all rows of each part.
        table: its table.
        share: of the training rows; validation and test rows stay as they are.
        seed: decides which, with the id of a row.
    """

    def order(row: int) -> bytes:
        text = f"{seed}|share|{table.ids[row]}"
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    count = math.ceil(share * len(fold.train))
    chosen = sorted(fold.train.tolist(), key=order)[:count]
    return dataclasses.replace(fold, train=np.array(sorted(chosen), dtype=np.int64))


def _started(
    name: str,
    net: Net,
    counts: Mapping[str, int],
    start: Start,
    options: FinetuneOptions,
) -> FoldStarted:
    return FoldStarted(
        fold=name,
        start=start.name,
        members=options.members,
        parameters=sum(weight.numel() for weight in net.parameters()),
        rows=counts,
        steps=options.n_steps(n_batches(counts["train"], options.batch_size)),
        device=device_here(options.accelerator).type,
    )
