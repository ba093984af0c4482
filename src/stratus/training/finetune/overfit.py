"""Labels of a few rows, learned by heart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.corpora.tables.folds import Fold
from stratus.objectives.supervised import Supervised
from stratus.tasks.targets import with_classes
from stratus.training.finetune.choice import resolved_for
from stratus.training.finetune.labels import check_tasks, fold_rows, read_samples, with_a_label
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.served import check_served
from stratus.training.finetune.start import make_start
from stratus.training.fit import check_devices
from stratus.training.overfit import choose_rows, overfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model
    from stratus.tasks.task import Task
    from stratus.training.events import OnFitEvent
    from stratus.training.overfit import Overfitted


def overfit_labels(
    table: Table,
    tasks: Sequence[Task],
    count: int,
    options: FinetuneOptions | None = None,
    *,
    model: Model | None = None,
    on_event: OnFitEvent | None = None,
) -> Overfitted:
    """Let a fresh net learn the labels of some rows by heart, on which it is scored too.

    Args:
        table: crystals with labels.
        tasks: what is learned, all at once; none: those of the options.
        count: how many rows that have a label; the seed decides which.
        options: of the run; without early stopping.
        model: a loaded bundle to start from; None starts from fresh weights.
        on_event: called with what happens.

    Raises:
        stratus.errors.InputError: tasks, table, options, model or devices do not fit each other,
            or there are not so many rows with a label.
        stratus.errors.StratusError: a loss is not finite.
    """
    options = options or FinetuneOptions()
    check_devices(options, resume=False)
    tasks = with_classes(tuple(tasks) or options.tasks, table.classes)
    options = resolved_for(table, options.model_copy(update={"tasks": tasks}), model)
    start = make_start(options, model, tasks, table.strings)
    check_served(tasks, start.architecture)
    check_tasks(table, tasks)
    labelled = with_a_label(table, np.arange(len(table)), tasks)
    rows = labelled[choose_rows(count, len(labelled), options.seed)]
    fold = Fold("overfit", rows, rows, rows[:0])
    samples = read_samples(table, start.view, options.sample_cache)
    learned = fold_rows(table, fold, tasks, start.view, samples, start.normalisers(tasks))
    net = start.make_net(tasks, learned.normalisers, options.seed)
    return overfit(
        net,
        Supervised(tasks),
        learned.train.hidden(options.hide, options.seed),
        np.arange(len(learned.train)),
        options,
        dropout_key=lambda rank, step: (options.seed, step, rank),
        on_event=on_event,
    )
