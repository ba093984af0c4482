"""The card of a fine-tuned model: which rows it learned from, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.corpora.documents import validated
from stratus.crystals.facets import Detail
from stratus.models.card import Card
from stratus.tasks.metrics import METRICS
from stratus.training.finetune.scores import MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stratus.training.finetune.fold_results import FoldResults

_LEVEL = 0.9


def make_card(result: FoldResults, given: Mapping[str, Any] | None) -> Card:
    """Return the card of a result.

    Args:
        result: what was learned.
        given: keys that the owner sets; they win.

    Raises:
        stratus.errors.InputError: a key is unknown or a value cannot be.
    """
    return validated(Card, _values(result) | dict(given or {}), "the card")


def check_card(values: Mapping[str, Any] | None) -> None:
    """Refuse what cannot be in a card, before any work.

    Raises:
        stratus.errors.InputError: a key is unknown or a value cannot be.
    """
    needed = {name: "-" for name, field in Card.model_fields.items() if field.is_required()}
    validated(Card, needed | dict(values or {}), "the card")


def _values(result: FoldResults) -> dict[str, Any]:
    start = result.start
    base = start.card.model_dump(mode="json") if start.card else None
    names = ", ".join(task.name for task in result.tasks)
    members = len(result.folds) * result.options.members
    nets = f", {members} nets" if members > 1 else ""
    return {
        "name": f"{base['name'] if base else start.architecture}-finetuned",
        "summary": f"{start.architecture}{nets}, "
        f"{'fine-tuned from ' + base['name'] if base else 'trained from scratch'}, that "
        f"predicts {names}.",
        "data": [*(base["data"] if base else ()), _learned(result)],
        "licence_code": base["licence_code"] if base else "MIT",
        "licence_weights": "not stated",
        "metrics": _metrics(result),
        "intended_use": f"Prediction of {names} for crystals like those it learned from.",
        "limits": base["limits"]
        if base
        else "Sees no coordinates: crystals that differ in them alone have one value.",
        "citation": base["citation"] if base else "",
    }


def _learned(result: FoldResults) -> dict[str, Any]:
    ids = {id_ for fold in result.folds for id_ in fold.learned}
    folds = "; ".join(
        f"fold {fold.name}: {fold.rows['train']} rows to learn from, {fold.rows['validation']} to "
        f"choose the epoch with, sha256 of the split {fold.digest}"
        for fold in result.folds
    )
    return {
        "name": "labelled crystals",
        "rows": len(ids),
        "licence": "not stated",
        "origin": folds,
    }


def _metrics(result: FoldResults) -> list[dict[str, Any]]:
    folds = result.folds
    where = f"test rows of fold {folds[0].name}, sha256 of the split {folds[0].digest}"
    if len(folds) > 1:
        where = f"mean over the test rows of {len(folds)} folds, each by its own fold's nets"
    found = []
    for task in result.tasks:
        rows = sum(int((~np.isnan(fold.labels[task.name])).sum()) for fold in folds)
        for name, value in result.spreads(task.name).get(MODEL, {}).items():
            found.append(
                {
                    "name": f"{task.name}: {METRICS[name].label}",
                    "value": value.mean,
                    "unit": METRICS[name].unit_for(task.unit),
                    "split": where,
                    "rows": rows,
                }
            )
        for kind, coverage in result.coverage(task.name).items():
            of_kind = "" if kind is Detail.WHOLE else f" ({kind} known)"
            found.append(
                {
                    "name": f"{task.name}: coverage of the 90 % interval{of_kind}",
                    "value": coverage.coverage[coverage.levels.index(_LEVEL)],
                    "unit": "",
                    "split": where,
                    "rows": coverage.rows,
                }
            )
    return found
