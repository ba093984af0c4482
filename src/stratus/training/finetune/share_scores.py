"""Scores of a share of the training rows: a point of a learning curve."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from stratus.training.finetune.scores import over_folds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stratus.tasks.comparison import Spread
    from stratus.tasks.task import Task
    from stratus.training.finetune.fold_results import FoldResult


@dataclass(frozen=True)
class ShareScores:
    """How good a model is that learned from a share of the training rows of each fold.

    Attributes:
        share: of the training rows.
        rows: training crystals with a label, of each fold.
        tasks: mean and spread over the folds, by task, method and metric.
    """

    share: float
    rows: tuple[int, ...]
    tasks: Mapping[str, Mapping[str, Mapping[str, Spread]]]

    @classmethod
    def of(cls, share: float, tasks: Sequence[Task], folds: Sequence[FoldResult]) -> Self:
        """Return the scores of a share from the folds that learned from it."""
        return cls(
            share,
            tuple(fold.rows["train"] for fold in folds),
            {task.name: over_folds([fold.scores[task.name] for fold in folds]) for task in tasks},
        )

    def summary(self) -> dict[str, Any]:
        """Return the scores as plain values that JSON can hold."""
        return {
            "share": self.share,
            "rows": list(self.rows),
            "tasks": {
                task: {
                    method: {name: asdict(value) for name, value in of_method.items()}
                    for method, of_method in of_task.items()
                }
                for task, of_task in self.tasks.items()
            },
        }
