"""What each fold of a fine-tuning measured, and all folds together."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stratus.training.finetune.calibrating import pooled
from stratus.training.finetune.scores import beside_baselines, over_folds

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from stratus.corpora.tables.disjoint import Overlap
    from stratus.crystals.facets import Detail
    from stratus.models.net import Net
    from stratus.models.seen import SeenFormulas
    from stratus.tasks.comparison import Comparison, Spread
    from stratus.tasks.conformal import Scores as ConformalScores
    from stratus.tasks.domain import Domain
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.predictions import Prediction
    from stratus.tasks.task import Task
    from stratus.training.finetune.calibrating import Coverage
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.training.finetune.scores import Scores
    from stratus.training.finetune.start import Start
    from stratus.training.fit import Fitted
    from stratus.training.row_caps import Capped

    Floats = NDArray[np.float64]

LEVEL: Final = 0.9
"""Level of the intervals of the test rows that are kept."""


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One fold.

    Attributes:
        name: of the fold.
        digest: sha256 of which ids are in which part.
        rows: crystals of each part; of training and validation those with a label.
        learned: ids of the training and validation rows with a label.
        overlap: crystals that the parts share.
        fitted: of each member, epochs, losses, and the epoch that was chosen.
        ids: of the test rows.
        known: how much was known of each test row.
        labels: of the test rows by task, NaN where absent.
        predictions: of the test rows by task, by all members together.
        bounds: of each regression, lo and hi of the 90 % intervals of the test rows; NaN where
            nothing was calibrated, infinite where too little was.
        scores: by task, by method, by metric; a task without a test label has none.
        capped: by task, by simple model, where it did not learn from all training rows.
        calibration: scores of the validation rows of each regression, by kind of crystal.
        curve_calibration: of each task of a law, scores per atom, in the units of the law.
        coverage: of the intervals on the test rows of each regression, by kind of crystal.
        normalisers: by task, fitted on the training rows or taken over with a head.
        nets: encoder and heads of each member with the chosen weights, on the CPU.
    """

    name: str
    digest: str
    rows: Mapping[str, int]
    learned: tuple[str, ...]
    overlap: Overlap
    fitted: tuple[Fitted, ...]
    ids: tuple[str, ...]
    known: tuple[Detail, ...]
    labels: Mapping[str, Floats]
    predictions: Mapping[str, Prediction]
    bounds: Mapping[str, tuple[Floats, Floats]]
    scores: Mapping[str, Scores]
    capped: Mapping[str, Mapping[str, Capped]]
    calibration: Mapping[str, Mapping[Detail, ConformalScores]]
    curve_calibration: Mapping[str, Mapping[Detail, ConformalScores]]
    coverage: Mapping[str, Mapping[Detail, Coverage]]
    normalisers: Mapping[str, Normaliser]
    nets: tuple[Net, ...]

    def summary(self) -> dict[str, Any]:
        """Return what was measured, as plain values."""
        return {
            "fold": self.name,
            "split_sha256": self.digest,
            "rows": dict(self.rows),
            "overlap": self.overlap.model_dump(),
            "members": [
                {
                    "epochs": fitted.epochs,
                    "best_epoch": fitted.best_epoch,
                    "validation_loss": fitted.validation_loss,
                }
                for fitted in self.fitted
            ],
            "scores": dict(self.scores),
            "capped": {
                task: {name: each.model_dump(mode="json") for name, each in methods.items()}
                for task, methods in self.capped.items()
            },
            "intervals": {task: plain_coverage(kinds) for task, kinds in self.coverage.items()},
        }

    def curves(self) -> list[dict[str, Any]]:
        """Return the losses of each member by epoch, as plain values."""
        return [
            {
                "fold": self.name,
                "member": member,
                "train": [_finite(loss) for loss in fitted.train_losses],
                "validation": [_finite(loss) for loss in fitted.validation_losses],
                "best_epoch": fitted.best_epoch,
            }
            for member, fitted in enumerate(self.fitted)
        ]


@dataclass(frozen=True, eq=False)
class FoldResults:
    """All folds.

    Attributes:
        tasks: what was learned.
        options: of the run.
        start: where it started.
        folds: one a fold, in order.
        domain: what the heads learned from.
        seen: the formulas that the weights have seen; None where nobody knows.
        formulas: how many the ``table`` has, and how many of these the start had ``seen``.
    """

    tasks: tuple[Task, ...]
    options: FinetuneOptions
    start: Start
    folds: tuple[FoldResult, ...]
    domain: Domain | None = None
    seen: SeenFormulas | None = None
    formulas: Mapping[str, int | None] = field(default_factory=dict)

    def capped(self, task: str) -> dict[str, dict[str, Capped]]:
        """Return which simple models did not learn from all rows, by name and fold."""
        found: dict[str, dict[str, Capped]] = {}
        for fold in self.folds:
            for name, each in fold.capped.get(task, {}).items():
                found.setdefault(name, {})[fold.name] = each
        return found

    def spreads(self, task: str) -> dict[str, dict[str, Spread]]:
        """Return mean and spread over the folds, by method and metric."""
        return over_folds([fold.scores[task] for fold in self.folds])

    def comparisons(self, task: str) -> dict[str, Comparison]:
        """Return the model beside each simple model, by the metric of the task."""
        [found] = [each for each in self.tasks if each.name == task]
        return beside_baselines(found, [fold.scores[task] for fold in self.folds])

    def coverage(self, task: str) -> dict[Detail, Coverage]:
        """Return the coverage of intervals over the test rows of all folds, by kind of crystal."""
        found: dict[Detail, list[Coverage]] = {}
        for fold in self.folds:
            for kind, coverage in fold.coverage.get(task, {}).items():
                found.setdefault(kind, []).append(coverage)
        return {kind: pooled(each) for kind, each in found.items()}


def plain_coverage(by_kind: Mapping[Detail, Coverage]) -> dict[str, Any]:
    """Return the coverage of each kind of crystal as plain values."""
    return {str(kind): asdict(coverage) for kind, coverage in by_kind.items()}


def _finite(loss: float) -> float | None:
    return loss if math.isfinite(loss) else None
