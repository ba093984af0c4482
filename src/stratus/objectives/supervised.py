"""Labels are learned: the losses of tasks, and crystals with their labels as steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from stratus.objectives.objective import Step, Summed
from stratus.tasks.losses import row_losses, task_sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from torch import Tensor, nn

    from stratus.objectives.hiding import Hiding
    from stratus.objectives.objective import Rows
    from stratus.tasks.task import Task
    from stratus.views.view import Sample, View


class Supervised:
    """The objective of ``stratus finetune``: the weighted sum of the mean losses of tasks.

    The net gives ``[B, outputs]`` by task. The mean of a task is over the labels that there are in
    the batch; a task without one adds nothing. Scores are worked out in float32 whatever learns:
    ``loss``, and, of several tasks, the mean loss of each by its name.

    Args:
        tasks: what is learned, all at once.
    """

    name: ClassVar[str] = "supervised"
    unit: ClassVar[str] = "crystals"

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tuple(tasks)
        self._weights = [task.weight for task in self.tasks]

    def losses(self, net: nn.Module, step: Step) -> dict[str, Summed]:
        """Return the loss of each task, summed over the labels there are."""
        sums = task_sums(self.tasks, net(step.inputs), step.targets, step.present)
        return {name: Summed(loss, step.counts[name]) for name, loss in sums.items()}

    def total(self, losses: Mapping[str, Summed], processes: int) -> Tensor:
        """Return the weighted sum over tasks of their means over the whole batch."""
        of_tasks = [losses[task.name] for task in self.tasks]
        sums = torch.stack([loss.sum for loss in of_tasks])
        counts = [max(1, loss.count) / processes for loss in of_tasks]
        means = sums / sums.new_tensor(counts)
        return (means * sums.new_tensor(self._weights)).sum()

    def sums(self, net: nn.Module, step: Step) -> Tensor:
        """Return summed loss and labels of each task, float64 ``[2 * tasks]``."""
        device = next(iter(step.inputs.values())).device.type
        with torch.autocast(device, enabled=False):
            numbers = net(step.inputs)
        sums = []
        for task in self.tasks:
            target, here = step.targets[task.name], step.present[task.name]
            losses = row_losses(task, numbers[task.name].float(), target, here)
            sums += [losses.double().sum(), here.sum().double()]
        return torch.stack(sums)

    def scores(self, sums: npt.NDArray[np.float64]) -> dict[str, float]:
        """Return ``loss``, and of several tasks the mean loss of each."""
        totals, counts = sums.reshape(-1, 2).T
        scores = {"loss": float((np.array(self._weights) * totals / counts).sum())}
        if len(self.tasks) > 1:
            means = (totals / counts).tolist()
            scores |= zip((task.name for task in self.tasks), means, strict=True)
        return scores


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """The source of labels: crystals in memory, with those of their labels that there are.

    Attributes:
        view: how the encoder sees them.
        samples: one a crystal.
        whole_sizes: size of each as it is, ``[n]``.
        targets: normalised labels ``[n]`` by task, classes counted from 0; anything where absent.
        present: which of them there are, bool ``[n]`` by task.
        hiding: shows some of them as partial crystals, others in each epoch; None: all as they are.
    """

    view: View
    samples: Sequence[Sample]
    whole_sizes: Rows
    targets: Mapping[str, npt.NDArray[np.float64]]
    present: Mapping[str, npt.NDArray[np.bool_]]
    hiding: Hiding | None = None

    def hidden(self, share: float, seed: int) -> LabelledRows:
        """Return the rows with a share of them hidden in part.

        Raises:
            stratus.errors.InputError: a row is no string of the orbit dialect.
        """
        if not share:
            return self
        from stratus.objectives.hiding import Hiding

        return replace(self, hiding=Hiding(self.view, self.samples, self.whole_sizes, share, seed))  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Return the number of crystals."""
        return len(self.samples)

    @property
    def padded(self) -> bool:
        """Whether crystals of a step are padded to the largest of them."""
        return self.view.padded

    def sizes(self, epoch: int) -> Rows:
        """Return the size of each crystal as an epoch shows it, ``[n]``."""
        return self.whole_sizes if self.hiding is None else self.hiding.sizes(epoch)

    def step(self, rows: Rows, epoch: int) -> Step:
        """Return some crystals as an epoch shows them, with their labels."""
        if self.hiding is None:
            sizes, shown = self.whole_sizes[rows], [self.samples[row] for row in rows]
        else:
            sizes, shown = self.hiding.sizes(epoch, rows), self.hiding.samples(rows, epoch)
        return Step(
            inputs=self.view.collate(shown),
            targets={name: torch.from_numpy(all_[rows]) for name, all_ in self.targets.items()},
            present={name: torch.from_numpy(all_[rows]) for name, all_ in self.present.items()},
            sizes=torch.from_numpy(sizes),
            amount=len(rows),
            crystals=len(rows),
            counts=self.counts(rows, epoch),
        )

    def counts(self, rows: Rows, epoch: int) -> dict[str, int]:  # noqa: ARG002 - labels stay
        """Return how many labels of each task some crystals have."""
        return {name: int(all_[rows].sum()) for name, all_ in self.present.items()}

    def blank(self, row: int, epoch: int) -> Step:
        """Return a crystal without labels."""
        step = self.step(np.array([row]), epoch)
        return step._replace(
            present={name: torch.zeros_like(here) for name, here in step.present.items()},
            sizes=step.sizes[:0],
            amount=0,
            crystals=0,
            counts=dict.fromkeys(step.counts, 0),
        )
