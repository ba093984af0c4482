"""Simple models beside every model, on the same rows; worked out once for the same data.

Constants and the forest learn from all rows of a fold that are no test rows, because nothing is
chosen for them; ridge, kernel ridge and gradient boosting learn from the training rows and are
chosen on the validation rows, as :mod:`stratus.training.simple_models` has it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.benchmarks.forest import FOREST, ROWS_PER_TREE, TREES, features, predict_forest
from stratus.errors import InputError
from stratus.files.whole import write_whole
from stratus.training.kernel_ridge import most_rows
from stratus.training.row_caps import Capped
from stratus.training.simple_models import MAJORITY, MEAN, learned_from, predict_simple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stratus.corpora.tables.folds import Fold
    from stratus.corpora.tables.table import Table

    Floats = NDArray[np.float64]

MEDIAN: Final = "median"
SHARE: Final = "share of class 1"

_VERSION: Final = 2  # of what is worked out here; a change of it empties the cache
_log = logging.getLogger(__name__)


def predict_by_simple_models(
    table: Table,
    labels: Floats,
    folds: Sequence[Fold],
    kind: str,
    per: str,
    *,
    seed: int = 0,
    cache: Path | None = None,
) -> list[dict[str, Floats]]:
    """Predict the test rows of each fold by each simple model.

    Args:
        table: the crystals.
        labels: ``[n]``, NaN where absent; those of test rows are not looked at.
        folds: how they are split.
        kind: ``regression`` or ``binary``.
        per: ``cell`` for labels that grow with the cell, else ``atom``.
        seed: of what is drawn.
        cache: a folder where predictions are kept by the hash of all that they follow from.

    Returns:
        by fold, by name: ``[test rows]``, numbers in the unit of the labels or probabilities.

    Raises:
        stratus.errors.InputError: a fold has no labels to learn from, or the cache cannot be
            written.
    """
    data = _digest_of(table, labels, kind, per, seed)
    seen: Floats | None = None
    found = []
    for fold in folds:
        key = _digest_of_fold(data, fold)
        kept = None if cache is None else _read(cache / f"{key}.json", len(fold.test))
        if kept is None:
            seen = features(table) if seen is None else seen
            kept = _of_fold(
                table=table, labels=labels, fold=fold, kind=kind, per=per, seen=seen, seed=seed
            )
            if cache is not None:
                _write(cache / f"{key}.json", kept)
        found.append(kept)
    return found


def constants(kind: str, labels: Floats) -> dict[str, float]:
    """Return what a model says that looks at no crystal, learned from some labels.

    Args:
        kind: ``regression``: mean and median; ``binary``: the share of class 1.
        labels: at least one.
    """
    if kind == "regression":
        return {MEAN: float(labels.mean()), MEDIAN: float(np.median(labels))}
    return {SHARE: float(labels.mean())}


def _of_fold(
    *,
    table: Table,
    labels: Floats,
    fold: Fold,
    kind: str,
    per: str,
    seen: Floats,
    seed: int,
) -> dict[str, Floats]:
    learn = np.union1d(fold.train, fold.validation)
    known = labels[learn][np.isfinite(labels[learn])]
    found = {name: np.full(len(fold.test), value) for name, value in constants(kind, known).items()}
    simple: Any = predict_simple(
        table, labels, fold, kind, "cell" if per == "cell" else "atom",
        classes=None if kind == "regression" else 2, seed=seed,
    )  # fmt: skip
    for name, values in simple.items():
        if name not in {MEAN, MAJORITY}:
            found[name] = values if kind == "regression" else values[:, 1]
    scale = np.where(table.n_atoms > 0, table.n_atoms, 1) if per == "cell" else np.ones(len(table))
    found[FOREST] = predict_forest(seen, labels / scale, learn, fold.test, kind, seed)
    found[FOREST] *= scale[fold.test]
    return found


def capped(labels: Floats, fold: Fold, kind: str) -> dict[str, Capped]:
    """Return which simple models do not learn from all rows that they could, by name.

    Args:
        labels: ``[n]``, NaN where absent.
        fold: how they are split.
        kind: ``regression`` or ``binary``.
    """
    train = int(np.isfinite(labels[fold.train]).sum())
    found = learned_from(kind, train)
    every = train + int(np.isfinite(labels[fold.validation]).sum())
    if every > ROWS_PER_TREE:
        found[FOREST] = Capped(of=every, most=ROWS_PER_TREE, each="tree")
    return found


def _digest_of(table: Table, labels: Floats, kind: str, per: str, seed: int) -> str:
    made = [_VERSION, TREES, most_rows(), version("scikit-learn")]
    plain = [*made, kind, per, seed, list(table.scopes)]
    digest = hashlib.sha256(json.dumps(plain).encode())
    digest.update(np.ascontiguousarray(table.n_atoms, np.int64).tobytes())
    digest.update(np.ascontiguousarray(labels, np.float64).tobytes())
    return digest.hexdigest()


def _digest_of_fold(data: str, fold: Fold) -> str:
    digest = hashlib.sha256(data.encode())
    for name, rows in fold.parts.items():
        digest.update(name.encode() + np.ascontiguousarray(rows, np.int64).tobytes() + b"|")
    return digest.hexdigest()


def _read(path: Path, rows: int) -> dict[str, Floats] | None:
    """Return what was kept; None where nothing was, or not what fits."""
    try:
        kept = json.loads(path.read_text("utf-8"))
        found = {str(name): np.array(values, np.float64) for name, values in kept.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read (%s); it is worked out again", path, error)
        return None
    if not found or any(
        values.shape != (rows,) or not np.isfinite(values).all() for values in found.values()
    ):
        _log.warning("%s does not fit its rows; it is worked out again", path)
        return None
    return found


def _write(path: Path, found: Mapping[str, Floats]) -> None:
    text = json.dumps({name: values.tolist() for name, values in found.items()})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise InputError(
            f"{path.parent} cannot be written ({error.strerror}); name another folder for the "
            "predictions of simple models"
        ) from error
