"""The loss of labels is the weighted sum of means over the labels that there are."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stratus.objectives.objective import Step
from stratus.objectives.supervised import Supervised
from stratus.tasks.losses import row_losses
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task

EVERY = [
    *[parse_target("y", loss=loss) for loss in ("l1", "mse", "huber", "gaussian")],
    make_task({"column": "metal", "kind": "binary"}),
    make_task({"column": "phase", "kind": "multiclass", "classes": ("a", "b", "c")}),
]


class Said(nn.Module):
    """Gives what it was given."""

    def __init__(self, raw):
        super().__init__()
        self.raw = raw

    def forward(self, _inputs):
        return self.raw


def step(targets, present, counts=None):
    sizes = torch.ones(len(next(iter(targets.values()))), dtype=torch.int64)
    counts = counts or {name: int(here.sum()) for name, here in present.items()}
    inputs = {"tokens": torch.zeros(len(sizes), 1)}
    return Step(inputs, targets, present, sizes, len(sizes), len(sizes), counts)


def total(tasks, raw, made, processes=1):
    objective = Supervised(tasks)
    return objective.total(objective.losses(Said(raw), made), processes)


def numbers(task, rows=6):
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(rows, task.outputs, generator=generator, dtype=torch.float64)
    if task.kind == "regression":
        return raw, torch.randn(rows, generator=generator, dtype=torch.float64)
    most = 2 if task.kind == "binary" else 3
    return raw, torch.randint(most, (rows,), generator=generator).double()


@pytest.mark.parametrize("task", EVERY, ids=lambda task: f"{task.kind}-{task.loss}")
def test_the_mean_is_over_labels_and_not_over_rows(task):
    raw, target = numbers(task)
    here = torch.tensor([True, False, True, True, False, False])
    made = step({task.name: target}, {task.name: here})
    alone = row_losses(task, raw[here], target[here], torch.ones(3, dtype=torch.bool)).mean()
    torch.testing.assert_close(total([task], {task.name: raw}, made), alone, rtol=1e-14, atol=0)


def test_processes_that_share_a_batch_add_up_to_one():
    head = nn.Linear(4, 1, dtype=torch.float64)
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    task, target = EVERY[0], torch.arange(8).double()
    here = torch.tensor([True, True, True, True, False, False, False, True])  # 4 and 1

    def gradient(rows, processes):
        head.zero_grad()
        made = step({"y": target[rows]}, {"y": here[rows]}, {"y": 5})
        total([task], {"y": head(x[rows])}, made, processes).backward()
        return head.weight.grad.clone()

    halves = [gradient(rows, 2) for rows in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(sum(halves) / 2, gradient(slice(0, 8), 1))


def test_tasks_add_up_with_their_weights():
    tasks = [parse_target("a", weight=2.0), parse_target("b", loss="mse", weight=0.5)]
    raw = {"a": torch.tensor([[1.0], [3.0]]), "b": torch.tensor([[3.0], [9.0]])}
    zero = torch.zeros(2)
    made = step({"a": zero, "b": zero}, {"a": zero == 0, "b": torch.tensor([True, False])})
    assert total(tasks, raw, made).item() == 2 * 2.0 + 0.5 * 9.0
    objective = Supervised(tasks)
    scores = objective.scores(objective.sums(Said(raw), made).numpy())
    assert scores == {"loss": 8.5, "a": 2.0, "b": 9.0}


def test_scores_add_up_over_steps_and_one_task_has_one_score():
    task, objective = EVERY[1], Supervised([EVERY[1]])
    raw, target = numbers(task)
    here = torch.tensor([True, False, True, True, False, True])

    def sums(rows):
        return objective.sums(Said({"y": raw[rows]}), step({"y": target[rows]}, {"y": here[rows]}))

    parts = sums(slice(0, 2)) + sums(slice(2, 6))
    whole = sums(slice(0, 6))
    torch.testing.assert_close(parts, whole)
    mean = float(row_losses(task, raw.float(), target, here).double().sum() / 4)
    assert objective.scores(whole.numpy()) == {"loss": pytest.approx(mean, rel=1e-12)}
