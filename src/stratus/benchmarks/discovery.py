"""The arithmetic of MatBench Discovery: from formation energies to stable or not.

The hull is that of DFT and fixed, so an error of the formation energy is one of the distance to the
hull. A crystal is stable if its energy above the hull is at most the threshold. A crystal without a
prediction counts as predicted unstable, and is left out of the errors.

Source: J. Riebesell et al., Nat. Mach. Intell. 7, 836 (2025), https://matbench-discovery.org.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.benchmarks.scores import board_metric
from stratus.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


class DiscoveryScores(BaseModel):
    """How well stable crystals are found.

    Numbers that are not defined (no crystal predicted stable, no prediction at all) are None.

    Attributes:
        rows: crystals looked at.
        missing: of these, without a prediction.
        threshold: in eV/atom; true and predicted distances up to it are stable.
        predicted_threshold: the one for predicted distances, where it is another.
        prevalence: share of the crystals that are stable.
        f1: 2 TP / (2 TP + FP + FN).
        daf: discovery acceleration factor: precision over prevalence.
        precision: TP / (TP + FP).
        accuracy: (TP + TN) / rows.
        tpr: TP / (TP + FN), the recall.
        tnr: TN / (TN + FP).
        true_positives: stable and predicted so.
        false_positives: predicted stable only.
        true_negatives: neither.
        false_negatives: stable only.
        mae: mean absolute error of the distance, eV/atom.
        rmse: root mean squared error, eV/atom.
        r2: coefficient of determination of the distance.
        roc_auc: of the predicted distance as a score for stability; it has no threshold on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    missing: int
    threshold: float
    predicted_threshold: float
    prevalence: float
    f1: float | None
    daf: float | None
    precision: float | None
    accuracy: float
    tpr: float | None
    tnr: float | None
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    mae: float | None
    rmse: float | None
    r2: float | None
    roc_auc: float | None


def hull_distances(true_hull: Floats, true_form: Floats, predicted_form: Floats) -> Floats:
    """Return predicted energies above the hull.

    Args:
        true_hull: ``[n]``, energy above the hull by DFT, eV/atom.
        true_form: ``[n]``, formation energy by DFT, eV/atom.
        predicted_form: ``[n]``, predicted formation energy, eV/atom; NaN where there is none.

    Returns:
        ``[n]``, ``true_hull + predicted_form - true_form``; NaN where there is no prediction.

    Raises:
        stratus.errors.InputError: lengths differ, or a true energy is absent.
    """
    shapes = {array.shape for array in (true_hull, true_form, predicted_form)}
    if len(shapes) > 1 or true_hull.ndim != 1:
        raise InputError("true hull distances, true and predicted formation energies are [n] each")
    for name, array in (("hull distance", true_hull), ("formation energy", true_form)):
        if not np.isfinite(array).all():
            place = int(np.argmin(np.isfinite(array)))
            raise InputError(f"row {place}, counted from 0, has no true {name}; leave it out")
    return true_hull + predicted_form - true_form


def discovery_scores(
    true_hull: Floats,
    predicted_hull: Floats,
    *,
    threshold: float = 0.0,
    predicted_threshold: float | None = None,
    subset: Bools | None = None,
) -> DiscoveryScores:
    """Measure how well stable crystals are found.

    Args:
        true_hull: ``[n]``, energy above the hull by DFT, eV/atom.
        predicted_hull: ``[n]``, predicted; NaN where there is no prediction.
        threshold: largest energy above the hull of a stable crystal, eV/atom.
        predicted_threshold: another one for the predictions; some papers vary it alone.
        subset: ``[n]``, rows to look at, such as those of unique prototypes; all if None.

    Raises:
        stratus.errors.InputError: lengths differ, no row is left, a true distance is absent, or a
            prediction is infinite.
    """
    here = np.ones(true_hull.shape, np.bool_) if subset is None else np.asarray(subset, np.bool_)
    if not true_hull.shape == predicted_hull.shape == here.shape or true_hull.ndim != 1:
        raise InputError(
            f"true distances {true_hull.shape}, predicted ones {predicted_hull.shape} and the "
            f"subset {here.shape} need one entry a crystal"
        )
    if not here.any():
        raise InputError("no crystal is left to look at; the subset is empty")
    true, found = true_hull[here], predicted_hull[here]
    if not np.isfinite(true).all():
        raise InputError("a crystal has no true energy above the hull; leave it out")
    if np.isinf(found).any():
        raise InputError("a predicted energy is infinite; leave a missing prediction empty")
    cut = threshold if predicted_threshold is None else predicted_threshold
    known = ~np.isnan(found)
    stable, called = true <= threshold, known & (np.where(known, found, np.inf) <= cut)
    tp, fp = int((stable & called).sum()), int((~stable & called).sum())
    fn, tn = int((stable & ~called).sum()), int((~stable & ~called).sum())
    prevalence = float(stable.mean())
    precision = _ratio(tp, tp + fp)
    return DiscoveryScores(
        rows=len(true),
        missing=int((~known).sum()),
        threshold=threshold,
        predicted_threshold=cut,
        prevalence=prevalence,
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        daf=None if precision is None else _ratio(precision, prevalence),
        precision=precision,
        accuracy=(tp + tn) / len(true),
        tpr=_ratio(tp, tp + fn),
        tnr=_ratio(tn, tn + fp),
        true_positives=tp,
        false_positives=fp,
        true_negatives=tn,
        false_negatives=fn,
        **_errors(true[known], found[known]),
        roc_auc=_roc_auc(stable, found, known),
    )


def implied_by_rates(
    precision: float, tpr: float, tnr: float, prevalence: float
) -> dict[str, float]:
    """Return what a published row has to say, from four of its numbers.

    Args:
        precision: TP / (TP + FP).
        tpr: TP / (TP + FN).
        tnr: TN / (TN + FP).
        prevalence: share of stable crystals.

    Returns:
        ``f1``, ``daf``, ``accuracy``, and ``precision`` as the other three give it.
    """
    positives = tpr * prevalence + (1 - tnr) * (1 - prevalence)
    return {
        "f1": 2 * precision * tpr / (precision + tpr),
        "daf": precision / prevalence,
        "accuracy": tpr * prevalence + tnr * (1 - prevalence),
        "precision": tpr * prevalence / positives,
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _errors(true: Floats, found: Floats) -> dict[str, float | None]:
    if not len(true):
        return {"mae": None, "rmse": None, "r2": None}
    error = found - true
    spread = float(np.square(true - true.mean()).sum())
    return {
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "r2": 1 - float(np.square(error).sum()) / spread if spread > 0 else None,
    }


def _roc_auc(stable: Bools, found: Floats, known: Bools) -> float | None:
    if not known.any():
        return None
    score = np.where(known, -found, -found[known].max() - 1)  # no prediction: the least stable
    return board_metric("rocauc").function(stable.astype(np.float64), score)
