"""Fine-tune a model on a table of labelled crystals, fold by fold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from stratus.corpora.labelled.disjoint import check_disjoint, digest
from stratus.errors import InputError
from stratus.models.task_head import make_task_head
from stratus.training.device import device_here
from stratus.training.epochs import n_batches
from stratus.training.finetune.events import EpochEnded, FoldEnded, FoldStarted
from stratus.training.finetune.labels import check_tasks, fold_rows, labels_of, read_samples
from stratus.training.finetune.loop import fit, raw_of
from stratus.training.finetune.network import PropertyNet
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.result import FinetuneResult, FoldResult
from stratus.training.finetune.scores import score
from stratus.training.finetune.start import make_start

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from stratus.corpora.labelled.folds import Fold
    from stratus.corpora.labelled.table import LabelledTable
    from stratus.models.model import Model
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import Task
    from stratus.training.finetune.events import Event, OnProgress
    from stratus.training.finetune.rows import Rows
    from stratus.training.finetune.start import Start


def finetune(
    table: LabelledTable,
    folds: Sequence[Fold],
    tasks: Sequence[Task],
    options: FinetuneOptions | None = None,
    *,
    model: Model | None = None,
    on_progress: OnProgress | None = None,
) -> FinetuneResult:
    """Learn properties of crystals, once a fold, and predict the test rows of each fold once.

    Weights are learned on the training rows of a fold alone, and so are the normalisers; the epoch
    is chosen on its validation rows; labels of test rows are only measured against. On a CPU the
    same seed gives the same bytes.

    Args:
        table: crystals with labels; absent labels are left out of every loss and metric.
        folds: how its rows are split; without test rows nothing is measured.
        tasks: what is learned, all at once.
        options: what may be set.
        model: a loaded bundle to start from; None starts from fresh weights.
        on_progress: told what happens.

    Raises:
        stratus.errors.InputError: tasks, folds, table, options or model do not fit each other.
        stratus.errors.StratusError: a validation loss is not finite.
    """
    options, tell = options or FinetuneOptions(), on_progress or _ignore
    tasks = tuple(tasks)
    start = make_start(options, model)
    check_tasks(table, tasks)
    _check_folds(folds)
    overlaps = [check_disjoint(fold, table, needs_test=False) for fold in folds]
    seen = read_samples(table, start.view)
    results = []
    for fold, overlap in zip(folds, overlaps, strict=True):
        rows = fold_rows(table, fold, tasks, start.view, seen)
        counts = {"train": len(rows.train), "validation": len(rows.validation)}
        counts["test"] = len(rows.test)
        seed = seed_of_fold(options.seed, fold.name)
        net = _fresh_net(start, tasks, rows.normalisers, seed)
        tell(_started(start, options, fold.name, net, counts))
        fitted = fit(
            net,
            tasks,
            train=rows.train,
            validation=rows.validation,
            options=options,
            seed=seed,
            on_epoch=lambda epoch, loss, best, name=fold.name: tell(  # type: ignore[misc]
                EpochEnded(name, epoch, loss, best)
            ),
        )
        raw = _predicted(net, rows.test, options.batch_size)
        atoms = table.n_atoms[fold.test]
        predictions = {name: head.values(raw[name], atoms) for name, head in net.by_task.items()}
        scores = {
            task.name: score(table, fold, task, predictions[task.name].values, options.seed)
            for task in tasks
        }
        tell(FoldEnded(fold.name, fitted.best_epoch, scores))
        results.append(
            FoldResult(
                name=fold.name,
                digest=digest(fold, table),
                rows=counts,
                overlap=overlap,
                fitted=fitted,
                ids=tuple(table.ids[row] for row in fold.test),
                labels={task.name: labels_of(table, task)[fold.test] for task in tasks},
                predictions=predictions,
                scores=scores,
                normalisers=rows.normalisers,
                net=net,
            )
        )
    return FinetuneResult(tasks, options, start, tuple(results))


def seed_of_fold(seed: int, fold: str) -> int:
    """Return the seed of a fold: another for each, and the same whichever folds are learned."""
    return int.from_bytes(hashlib.blake2b(f"{seed}|{fold}".encode(), digest_size=7).digest())


def _fresh_net(
    start: Start, tasks: Sequence[Task], normalisers: Mapping[str, Normaliser], seed: int
) -> PropertyNet:
    generator = torch.Generator().manual_seed(seed)
    encoder = start.make_encoder(generator)
    heads = [
        make_task_head(task, normalisers[task.name], start.config.hidden, generator)
        for task in tasks
    ]
    return PropertyNet(encoder, heads).train()


def _predicted(net: PropertyNet, rows: Rows, batch_size: int) -> dict[str, Tensor]:
    """Return what the heads give for each row, ``[n, outputs]`` by task."""
    if not len(rows):
        return {name: torch.empty(0, head.task.outputs) for name, head in net.by_task.items()}
    net.to(device_here())
    found = list(raw_of(net, rows, batch_size))
    net.cpu()
    back = torch.from_numpy(np.argsort(np.concatenate([places for places, _, _ in found])))
    return {name: torch.cat([raw[name] for _, _, raw in found])[back] for name in net.by_task}


def _started(
    start: Start, options: FinetuneOptions, fold: str, net: PropertyNet, rows: Mapping[str, int]
) -> FoldStarted:
    return FoldStarted(
        fold=fold,
        start=start.name,
        parameters=sum(weight.numel() for weight in net.parameters()),
        rows=rows,
        steps=options.epochs * n_batches(rows["train"], options.batch_size),
        device=device_here().type,
    )


def _check_folds(folds: Sequence[Fold]) -> None:
    names = [fold.name for fold in folds]
    if not names:
        raise InputError("there is no fold; make some with stratus.corpora.kfold")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two folds are called {name}; name each once")


def _ignore(_: Event) -> None:
    """Nobody listens."""
