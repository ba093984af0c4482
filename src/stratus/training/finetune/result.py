"""What fine-tuning gives: predictions, metrics beside baselines, and models to keep."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.errors import InputError
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.documents import validated
from stratus.models.member import Member
from stratus.tasks.metrics import METRICS
from stratus.training.finetune.scores import MODEL, beside_baselines, over_folds
from stratus.training.finetune.start import DIALECT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from stratus.corpora.labelled.disjoint import Overlap
    from stratus.tasks.comparison import Comparison, Spread
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.predictions import Prediction
    from stratus.tasks.task import Task
    from stratus.training.finetune.loop import Fitted
    from stratus.training.finetune.network import PropertyNet
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.training.finetune.scores import Scores
    from stratus.training.finetune.start import Start


@dataclass(frozen=True, eq=False)
class FoldResult:
    """One fold.

    Attributes:
        name: of the fold.
        digest: sha256 of which ids are in which part.
        rows: crystals of each part; of training and validation those with a label.
        overlap: crystals that the parts share.
        fitted: epochs, and the one that was chosen.
        ids: of the test rows.
        labels: of the test rows by task, NaN where absent.
        predictions: of the test rows by task, made once.
        scores: by task, by method, by metric; a task without a test label has none.
        normalisers: by task, fitted on the training rows.
        net: encoder and heads with the chosen weights, on the CPU.
    """

    name: str
    digest: str
    rows: Mapping[str, int]
    overlap: Overlap
    fitted: Fitted
    ids: tuple[str, ...]
    labels: Mapping[str, NDArray[np.float64]]
    predictions: Mapping[str, Prediction]
    scores: Mapping[str, Scores]
    normalisers: Mapping[str, Normaliser]
    net: PropertyNet

    def summary(self) -> dict[str, Any]:
        """Return what was measured, as plain values."""
        return {
            "fold": self.name,
            "split_sha256": self.digest,
            "rows": dict(self.rows),
            "overlap": self.overlap.model_dump(),
            **asdict(self.fitted),
            "scores": dict(self.scores),
        }


@dataclass(frozen=True, eq=False)
class FinetuneResult:
    """All folds.

    Attributes:
        tasks: what was learned.
        options: of the run.
        start: where it started.
        folds: one a fold, in order.
    """

    tasks: tuple[Task, ...]
    options: FinetuneOptions
    start: Start
    folds: tuple[FoldResult, ...]

    def spreads(self, task: str) -> dict[str, dict[str, Spread]]:
        """Return mean and spread over the folds, by method and metric."""
        return over_folds([fold.scores[task] for fold in self.folds])

    def comparisons(self, task: str) -> dict[str, Comparison]:
        """Return the model beside each simple model, by the metric of the task."""
        [found] = [each for each in self.tasks if each.name == task]
        return beside_baselines(found, [fold.scores[task] for fold in self.folds])

    def summary(self) -> dict[str, Any]:
        """Return what was measured, as plain values that JSON can hold."""
        return {
            "start": self.start.name,
            "options": self.options.model_dump(mode="json"),
            "folds": [fold.summary() for fold in self.folds],
            "tasks": {
                task.name: {
                    "metric": task.metric,
                    "unit": METRICS[task.metric].unit_for(task),
                    "over_folds": {
                        method: {name: asdict(value) for name, value in of_method.items()}
                        for method, of_method in self.spreads(task.name).items()
                    },
                    "beside_baselines": {
                        method: asdict(value)
                        for method, value in self.comparisons(task.name).items()
                    },
                }
                for task in self.tasks
            },
        }

    def save(
        self,
        folder: str | Path,
        *,
        fold: str | None = None,
        card: Mapping[str, Any] | None = None,
        replace: bool = False,
    ) -> None:
        """Save the model of a fold as a bundle, with one head a task.

        Each head has its task and its normaliser in its config. All that was measured, on every
        fold, goes into ``metrics.json``.

        Args:
            folder: where to.
            fold: name of the fold; may be left out where there is only one.
            card: keys of the card that the owner sets: name, licences, data, ...
            replace: whether a folder that is there already is replaced.

        Raises:
            stratus.errors.InputError: no such fold, there are several and none is named, a key of
                the card can not be, or the folder is there already.
        """
        chosen = self._fold(fold)
        start = self.start
        save_bundle(
            folder,
            members=[Member(chosen.net.encoder, chosen.net.by_task, chosen.name)],
            architecture=start.architecture,
            dialect=DIALECT,
            vocabulary=start.view.vocabulary,
            max_length=start.view.max_length,
            card=validated(Card, self._card(chosen) | dict(card or {}), "the card"),
            metrics=self.summary(),
            replace=replace,
        )

    def _fold(self, name: str | None) -> FoldResult:
        names = [fold.name for fold in self.folds]
        if name is None and len(names) > 1:
            raise InputError(
                f"there are {len(names)} models, one a fold: {', '.join(names)}; say which to save"
            )
        for fold in self.folds:
            if name in {None, fold.name}:
                return fold
        raise InputError(f"there is no fold {name!r}; choose {', '.join(names)}")

    def _card(self, fold: FoldResult) -> dict[str, Any]:
        base = self.start.card.model_dump(mode="json") if self.start.card else None
        names = ", ".join(task.name for task in self.tasks)
        rows = fold.rows
        learned = {
            "name": "labelled crystals",
            "rows": rows["train"] + rows["validation"],
            "licence": "not stated",
            "origin": f"fold {fold.name}: {rows['train']} rows to learn from, {rows['validation']} "
            f"to choose the epoch with; sha256 of the split {fold.digest}",
        }
        return {
            "name": f"{base['name'] if base else self.start.architecture}-finetuned",
            "summary": f"{self.start.architecture}, "
            f"{'fine-tuned from ' + base['name'] if base else 'trained from scratch'}, that "
            f"predicts {names}.",
            "data": [*(base["data"] if base else ()), learned],
            "licence_code": base["licence_code"] if base else "MIT",
            "licence_weights": "not stated",
            "metrics": self._card_metrics(fold),
            "intended_use": f"Prediction of {names} for crystals like those it learned from.",
            "limits": base["limits"]
            if base
            else "Sees no coordinates: crystals that differ in them alone have one value.",
            "citation": base["citation"] if base else "",
        }

    def _card_metrics(self, fold: FoldResult) -> list[dict[str, Any]]:
        split = f"test rows of fold {fold.name}, predicted once; sha256 of the split {fold.digest}"
        return [
            {
                "name": f"{task.name}: {METRICS[name].label}",
                "value": value,
                "unit": METRICS[name].unit_for(task),
                "split": split,
                "rows": int((~np.isnan(fold.labels[task.name])).sum()),
            }
            for task in self.tasks
            for name, value in fold.scores[task.name].get(MODEL, {}).items()
            if value is not None
        ]


def check_card(values: Mapping[str, Any] | None) -> None:
    """Refuse what can not be in a card, before any work.

    Raises:
        stratus.errors.InputError: a key is unknown or a value can not be.
    """
    needed = {name: "-" for name, field in Card.model_fields.items() if field.is_required()}
    validated(Card, needed | dict(values or {}), "the card")
