"""What nets predict for crystals, in the units of their tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stratus.models.net import Net
from stratus.models.run_over import run_over
from stratus.tasks.predictions import Prediction, predict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from stratus.tasks.task import Task
    from stratus.views.view import Sample, View


def predict_nets(
    nets: Sequence[Net],
    view: View,
    samples: Sequence[Sample],
    atoms: Callable[[Task], NDArray[np.int64] | None],
    *,
    batch_size: int,
    batches: Iterable[NDArray[np.int64]] | None = None,
) -> dict[str, list[Prediction]]:
    """Return what each net predicts, by task.

    Args:
        nets: at least one, with heads of the same tasks.
        view: how they see a crystal.
        samples: n crystals as the view gives them.
        atoms: gives the atoms ``[n]`` that values of a task are of, such as
            :meth:`stratus.tasks.atom_counts.AtomCounts.of`; 0 where unknown, and values are then
            NaN. None for a task whose values are of no number of atoms.
        batch_size: most crystals of a batch.
        batches: which crystals go together, as :func:`run_over` takes it.

    Raises:
        stratus.errors.InputError: what a net gives is not finite.
    """
    n, tasks = len(samples), nets[0].tasks
    counts = {name: atoms(task) for name, task in tasks.items()}
    found = {name: [_empty(task, n) for _ in nets] for name, task in tasks.items()}
    for rows, by_net in run_over(
        nets, view, samples, batch_size=batch_size, read=Net.exact, batches=batches
    ):
        for number, (net, numbers) in enumerate(zip(nets, by_net, strict=True)):
            normalisers = net.normalisers
            for name, task in net.tasks.items():
                count = counts[name]
                here = None if count is None else count[rows]
                got = predict(task, normalisers[name], numbers[name], here)
                into = found[name][number]
                into.values[rows] = got.values
                if into.std is not None:
                    into.std[rows] = got.std
    return found


def _empty(task: Task, n: int) -> Prediction:
    shape = (n, task.outputs) if task.kind == "multiclass" else (n,)
    return Prediction(np.empty(shape), np.empty(n) if task.loss == "gaussian" else None)
