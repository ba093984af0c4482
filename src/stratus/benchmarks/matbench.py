"""The 13 tasks of MatBench v0.1 and their official folds.

Source: A. Dunn, Q. Wang, A. Ganose, D. Dopp, A. Jain, npj Comput. Mater. 6, 138 (2020); the tasks
are a table in ``data/matbench.json``. Folds are scikit-learn's ``KFold`` (stratified by class for
classification) with 5 folds, shuffled, seed 18012019, on the rows in the published order.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from stratus.benchmarks.published_rows import Published
from stratus.benchmarks.published_tables import numbered, shuffled_folds
from stratus.errors import InputError
from stratus.names import pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

BENCHMARK: Final = "matbench_v0.1"
SEED: Final = 18012019

_GOLDEN: Final = 0.6180339887498949
_TOLERANCE: Final = 1e-7  # of checksums, in mean absolute deviations: labels are kept to 10 digits


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PoolFile(_Row):
    """Structures under ids of their own.

    Attributes:
        file: under the data folder.
        id: the column of their ids.
        structure: the column of whole structures, where they are not in columns of their parts.
    """

    file: str
    id: str
    structure: str | None = None


class Structures(_Row):
    """Where the structures of a task lie in the data folder of the project.

    Attributes:
        file: under that folder.
        id: the column of the official ids.
        inferred: whether structures or labels were found by a join, so that they may be others.
        needs: a column that is empty where a row cannot be used.
        pool: where the file only names structures (columns ``structure_source`` and
            ``mp_id_inferred``): the files that hold them, by source.
        ids_of: the task whose ids the file has, where rows of two tasks are the same crystals.
    """

    file: str
    id: str
    inferred: bool
    needs: str | None = None
    pool: dict[str, PoolFile] | None = None
    ids_of: str | None = None


class Checksum(_Row):
    """What the official labels come to, in the order of the ids.

    Attributes:
        mean: of the labels; False is 0 and True 1.
        mad: their mean absolute deviation from the mean.
        ordered: mean of label times frac(k * 0.618...), k counted from 1; it tells the order.
    """

    mean: float
    mad: float
    ordered: float


class MatbenchTask(_Row):
    """One task.

    Attributes:
        name: without ``matbench_``.
        column: the target in the official file.
        what: in words.
        unit: of the labels.
        kind: regression or binary.
        input: whether rows are structures or compositions.
        rows: how many there are.
        metric: that the leaderboard ranks by: ``mae`` or ``rocauc``.
        checksum: of the labels.
        structures: where they are in the data folder of the project; None where they are not.
        published: numbers of others.
    """

    name: str
    column: str
    what: str
    unit: str
    kind: Literal["regression", "binary"]
    input: Literal["structure", "composition"]
    rows: int
    metric: Literal["mae", "rocauc"]
    checksum: Checksum
    structures: Structures | None
    published: tuple[Published, ...]

    @property
    def dataset(self) -> str:
        """The official name: ``matbench_phonons``."""
        return f"matbench_{self.name}"

    def ids(self) -> list[str]:
        """Return the official ids in order: ``mb-phonons-0001`` and so on."""
        return numbered(f"mb-{self.name.replace('_', '-')}", self.rows)


@cache
def matbench_tasks() -> Mapping[str, MatbenchTask]:
    """Return the 13 tasks by name."""
    text = files("stratus.benchmarks").joinpath("data/matbench.json").read_text("utf-8")
    tasks = json.loads(text)["tasks"]
    return {name: MatbenchTask(name=name, **values) for name, values in tasks.items()}


def matbench_task(name: str) -> MatbenchTask:
    """Return a task by its name, with or without ``matbench_`` in front.

    Raises:
        stratus.errors.InputError: there is no such task; gives the close names.
    """
    return pick(matbench_tasks(), name.removeprefix("matbench_"), "MatBench task")


def official_folds(task: MatbenchTask, labels: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return in which fold each row of a task is a test row.

    Args:
        task: which one.
        labels: ``[rows]``, all labels in the official order; those of a binary task are 0 and 1.

    Returns:
        ``[rows]``, 0 to 4.

    Raises:
        stratus.errors.InputError: these are not the labels of the task in its order.
    """
    check_labels(task, labels)
    return shuffled_folds(labels, SEED, by_class=task.kind != "regression")


def check_labels(task: MatbenchTask, labels: NDArray[np.float64]) -> None:
    """Check that labels are those of a task, each and in their order.

    Args:
        task: which one.
        labels: ``[rows]``.

    Raises:
        stratus.errors.InputError: they are not; says what differs.
    """
    if labels.shape != (task.rows,):
        raise InputError(
            f"{task.dataset} has {task.rows:,} rows, but {len(labels):,} were given; its folds "
            "are those of all rows in the official order"
        )
    if not np.isfinite(labels).all():
        raise InputError(f"{task.dataset} has a label in every row, but some of these are absent")
    places = (np.arange(1, task.rows + 1) * _GOLDEN) % 1
    mean = labels.mean()
    found = Checksum(
        mean=float(mean),
        mad=float(np.abs(labels - mean).mean()),
        ordered=float((labels * places).mean()),
    )
    for name in Checksum.model_fields:
        ours, theirs = getattr(found, name), getattr(task.checksum, name)
        if abs(ours - theirs) > _TOLERANCE * task.checksum.mad:
            what = "in another order than" if name == "ordered" else "other labels than"
            raise InputError(
                f"these are {what} those of {task.dataset}: their checksum {name!r} is {ours:.9g} "
                f"and not {theirs:.9g}"
            )
