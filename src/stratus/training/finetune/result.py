"""What fine-tuning gives: predictions, metrics beside baselines, and a model to keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from stratus.models.bundle import save_bundle
from stratus.tasks.by import ByLaw
from stratus.tasks.conformal import Calibration, CurvePoint
from stratus.tasks.metrics import METRICS
from stratus.training.finetune.card import make_card
from stratus.training.finetune.fold_results import FoldResults, plain_coverage
from stratus.training.finetune.result_files import options_yaml, predictions_csv
from stratus.training.finetune.share_scores import ShareScores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from stratus.models.net import Net
    from stratus.physics.quantities import Quantity

    Floats = NDArray[np.float64]

LEVEL: Final = 0.9
"""Level of the intervals of the test rows that are kept."""


@dataclass(frozen=True, eq=False)
class FinetuneResult(FoldResults):
    """What a fine-tuning came to, ready to be saved as one bundle.

    Attributes:
        smaller: scores of smaller shares of the training rows, if ``train_share`` is a list.
    """

    smaller: tuple[ShareScores, ...] = ()

    @property
    def shares(self) -> tuple[ShareScores, ...]:
        """Scores by share of the training rows, the smallest first; nothing of one share."""
        if not self.smaller:
            return ()
        return (
            *self.smaller,
            ShareScores.of(self.options.train_shares[-1], self.tasks, self.folds),
        )

    @property
    def members(self) -> tuple[Net, ...]:
        """The nets of all folds; the group of a net is the name of its fold."""
        return tuple(net for fold in self.folds for net in fold.nets)

    @property
    def calibration(self) -> Calibration | None:
        """What intervals are made from; None where no target is a regression."""
        found = {
            task.name: {
                fold.name: dict(fold.calibration[task.name])
                for fold in self.folds
                if fold.calibration.get(task.name)
            }
            for task in self.tasks
            if task.kind == "regression"
        }
        return Calibration(tasks=found, curves=self._curves()) if found else None

    def _curves(self) -> dict[Quantity, tuple[CurvePoint, ...]]:
        """Return what intervals of curves are made from: each temperature that has labels."""
        found: dict[Quantity, dict[float, CurvePoint]] = {}
        for task in self.tasks:
            groups = {
                fold.name: dict(fold.curve_calibration[task.name])
                for fold in self.folds
                if fold.curve_calibration.get(task.name)
            }
            if isinstance(task.by, ByLaw) and groups:
                at = task.by.temperature_k
                points = found.setdefault(task.by.quantity, {})
                points.setdefault(at, CurvePoint(temperature_k=at, groups=groups))
        return {
            quantity: tuple(points[at] for at in sorted(points))
            for quantity, points in found.items()
        }

    def summary(self) -> dict[str, Any]:
        """Return what was measured, as plain values that JSON can hold."""
        return {
            "start": self.start.name,
            "formulas": dict(self.formulas),
            "options": self.options.model_dump(mode="json"),
            "folds": [fold.summary() for fold in self.folds],
            "tasks": {
                task.name: {
                    "metric": task.metric,
                    "unit": METRICS[task.metric].unit_for(task.unit),
                    "over_folds": {
                        method: {name: asdict(value) for name, value in of_method.items()}
                        for method, of_method in self.spreads(task.name).items()
                    },
                    "beside_baselines": {
                        method: asdict(value)
                        for method, value in self.comparisons(task.name).items()
                    },
                    "intervals": plain_coverage(self.coverage(task.name)),
                }
                for task in self.tasks
            },
            "curves": [curve for fold in self.folds for curve in fold.curves()],
        } | ({"shares": [one.summary() for one in self.shares]} if self.smaller else {})

    def save(
        self,
        folder: str | Path,
        *,
        card: Mapping[str, Any] | None = None,
        replace: bool = False,
    ) -> None:
        """Save the nets of all folds as one bundle, with one head a task.

        Each head has its task and its normaliser in its config. All that was measured goes into
        ``metrics.json``, what intervals are made from into ``calibration.json``, the test rows into
        ``predictions.csv``, the options into ``options.yaml``.

        Args:
            folder: where to.
            card: keys of the card that the owner sets: name, licences, data, ...
            replace: whether a folder that is there already is replaced.

        Raises:
            stratus.errors.InputError: a key of the card cannot be, or the folder is there already.
        """
        start = self.start
        save_bundle(
            folder,
            members=self.members,
            architecture=start.architecture,
            view=start.view,
            card=make_card(self, card),
            metrics=self.summary(),
            calibration=self.calibration,
            domain=self.domain,
            seen=self.seen,
            carried={
                "predictions.csv": predictions_csv(self),
                "options.yaml": options_yaml(self.options),
            },
            replace=replace,
        )
