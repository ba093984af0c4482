"""From predictions to what a result file says: scores, intervals, and methods side by side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from stratus.benchmarks.certainty import bootstrap_interval, paired_rows, row_losses
from stratus.benchmarks.discovery import discovery_scores, hull_distances
from stratus.benchmarks.record import Beside, Folded, Method
from stratus.benchmarks.scores import board_metric, board_scores, over_folds
from stratus.errors import InputError
from stratus.names import pick
from stratus.tasks.comparison import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.benchmarks.discovery import DiscoveryScores
    from stratus.benchmarks.question import Question
    from stratus.benchmarks.record import Asked, Rows
    from stratus.training.row_caps import Capped

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of each test row.

    Attributes:
        name: of the method.
        role: model or simple.
        values: ``[rows]``; NaN where there is no prediction.
        bounds: lower and upper ends of its intervals, where it gives any.
        level: share of labels that these are to hold.
        capped: by fold, where it did not learn from all rows.
    """

    name: str
    role: Literal["model", "simple"]
    values: Floats
    bounds: tuple[Floats, Floats] | None = None
    level: float | None = None
    capped: Mapping[str, Capped] = field(default_factory=dict)


def measured(answer: Answer, asked: Asked, rows: Rows, question: Question, seed: int) -> Method:
    """Return a method with all that is measured of it.

    Args:
        answer: its predictions.
        asked: what was asked.
        rows: the test rows.
        question: has the true energies above the hull, where there are some.
        seed: of the bootstrap.

    Raises:
        stratus.errors.InputError: a fold has no prediction at all.
    """
    labels, folds = np.array(rows.labels), np.array(rows.folds)
    known = np.isfinite(answer.values)
    of_folds = {}
    for name in dict.fromkeys(rows.folds):
        here = (folds == name) & known
        if not here.any():
            raise InputError(f"{answer.name} predicts no row of fold {name}")
        of_folds[name] = board_scores(asked.kind, labels[here], answer.values[here])
    whole = {}
    for metric in next(iter(of_folds.values())):
        numbers = [scores[metric] for scores in of_folds.values()]
        if None not in numbers:
            found = over_folds([number for number in numbers if number is not None])
            whole[metric] = Folded(mean=found.mean, max=found.max, min=found.min, std=found.std)
    clusters = [rows.clusters[k] for k in np.flatnonzero(known)]
    lo, hi = answer.bounds or (None, None)
    return Method(
        name=answer.name,
        role=answer.role,
        values=plain(answer.values),
        lo=None if lo is None else plain(lo),
        hi=None if hi is None else plain(hi),
        level=answer.level,
        folds=of_folds,
        over_folds=whole,
        interval=bootstrap_interval(
            asked.metric,
            labels[known],
            answer.values[known],
            folds[known].tolist(),
            clusters=clusters,
            seed=seed,
        ),
        discovery=_discovery(answer, question),
        capped=dict(answer.capped),
    )


def best_simple(methods: Sequence[Method], asked: Asked) -> str:
    """Return the simple model that is best by the mean over folds.

    Raises:
        stratus.errors.InputError: there is none.
    """
    found = {
        m.name: m.over_folds[asked.metric].mean
        for m in methods
        if m.role == "simple" and asked.metric in m.over_folds
    }
    if not found:
        raise InputError("there is no simple model to compare with")
    choose = min if asked.lower_is_better else max
    return choose(found, key=lambda name: found[name])


def beside(
    methods: Sequence[Method], rival: str, asked: Asked, rows: Rows, seed: int
) -> list[Beside]:
    """Compare each other method with a rival, over folds and row by row.

    Args:
        methods: all of them.
        rival: the name of one.
        asked: what was asked.
        rows: the test rows; a row counts where both predict it.
        seed: of the flips.

    Raises:
        stratus.errors.InputError: there is no such rival.
    """
    other = pick({m.name: m for m in methods}, rival, "method")
    labels = np.array(rows.labels)
    theirs = np.array(other.values, np.float64)
    found = []
    for method in methods:
        if method.name == rival:
            continue
        ours = np.array(method.values, np.float64)
        both = np.flatnonzero(np.isfinite(ours) & np.isfinite(theirs))
        names = [
            fold
            for fold in method.folds
            if None not in (method.folds[fold][asked.metric], other.folds[fold][asked.metric])
        ]
        if not names or not len(both):
            continue
        over = compare(
            [float(method.folds[name][asked.metric] or 0) for name in names],
            [float(other.folds[name][asked.metric] or 0) for name in names],
            lower_is_better=board_metric(asked.metric).lower_is_better,
        )
        rowwise = paired_rows(
            row_losses(asked.kind, labels[both], ours[both]),
            row_losses(asked.kind, labels[both], theirs[both]),
            clusters=[rows.clusters[k] for k in both],
            seed=seed,
        )
        found.append(
            Beside(
                method=method.name,
                rival=rival,
                mean_difference=over.mean_difference,
                won=over.won,
                lost=over.lost,
                folds=over.folds,
                p_folds=over.p_value,
                row_difference=rowwise.mean_difference,
                p_rows=rowwise.p_value,
                clusters=rowwise.clusters,
                flips=rowwise.flips,
            )
        )
    return found


def plain(values: Floats) -> tuple[float | None, ...]:
    """Return numbers as JSON can hold them: null for what is not finite."""
    return tuple(value if np.isfinite(value) else None for value in values.tolist())


def _discovery(answer: Answer, question: Question) -> dict[str, DiscoveryScores]:
    """Return how well stable crystals are found, by subset and threshold."""
    stability = question.stability()
    if stability is None:
        return {}
    hull, form, unique = stability
    found = hull_distances(hull, form, answer.values)
    subsets = {"full": None} | ({} if unique is None else {"unique prototypes": unique})
    return {
        f"{name}, {threshold:g} eV/atom": discovery_scores(
            hull, found, threshold=threshold, subset=subset
        )
        for name, subset in subsets.items()
        for threshold in question.thresholds
    }
