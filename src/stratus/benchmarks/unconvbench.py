"""UnconvBench: two-dimensional crystals, metal-organic frameworks, defects, superconductors.

Source: H. Wang et al., CrysToGraph (2024), and the released code, howardwang1997/unconvbench
(MIT): the number of rows of each task, and folds by scikit-learn's ``KFold``, shuffled, seed 42, on
the rows as they are published. Neither units nor checksums are published with it.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stratus.benchmarks.published_tables import GEOMETRY, column, geometry, payloads
from stratus.benchmarks.question import Question, Unread
from stratus.benchmarks.record import Asked
from stratus.corpora.encoding.files import sha256
from stratus.corpora.labelled.folds import from_column
from stratus.corpora.labelled.reading import read_labelled
from stratus.corpora.labelled.values import as_numbers
from stratus.errors import InputError
from stratus.views.names import pick

if TYPE_CHECKING:
    from numpy.typing import NDArray

BENCHMARK: Final = "unconvbench_v1.0.1"
N_FOLDS: Final = 5
SEED: Final = 42

ROWS: Final = {
    "2d_e_tot": 3520,
    "2d_gap": 3520,
    "bulk_l": 5000,
    "bulk_m": 5000,
    "bulk_s": 5000,
    "co2_adsp": 13765,
    "defected": 530,
    "exfoliation": 4527,
    "qmof": 5106,
    "src_bulk": 530,
    "supercon": 1058,
}
"""The tasks, and how many rows each has."""

_ID, _STRUCTURE = "id", "structure"
_PREFIX = "unconvbench_"
_NOTE = (
    "rows and folds are counted and made as the published code does; no checksum of its labels is "
    "known, so whether these are they can not be told"
)


def unconvbench_question(
    task: str, data: str | Path, *, unit: str = "", seed: int = 0, workers: int | None = 0
) -> Question:
    """Read a task, and split it as the published code does.

    Validation rows are drawn from the training rows of each fold.

    Args:
        task: which one, such as ``2d_gap``.
        data: the folder that holds ``ub_unconvbench_TASK.json``, plain or gzipped.
        unit: of the labels; the published files name none.
        seed: of the validation rows.
        workers: processes that encode structures.

    Raises:
        stratus.errors.InputError: there is no such task or file, or it is not what the task is.
    """
    name = task.removeprefix(_PREFIX)
    rows = pick(ROWS, name, "UnconvBench task")
    stem = f"ub_{_PREFIX}{name}.json"
    file = next((p for n in (stem, f"{stem}.gz") if (p := Path(data) / n).is_file()), None)
    if file is None:
        raise InputError(f"{data} holds no {stem}; name the folder that does with --data")
    ids = [f"{_PREFIX}{name}-{row + 1:0{len(str(rows))}d}" for row in range(rows)]
    target, labels, columns = _read(file)
    if len(labels) != rows:
        raise InputError(f"{file.name} has {len(labels):,} rows, but {_PREFIX}{name} {rows:,}")
    fold = dict(zip(ids, map(str, _folds(rows).tolist()), strict=True))
    with tempfile.TemporaryDirectory(prefix="stratus-unconvbench-") as folder:
        path = Path(folder) / f"{name}.parquet"
        pq.write_table(pa.table({_ID: ids, target: labels, **columns}), path)
        table = read_labelled(path, [target], id_column=_ID, workers=workers)
    table = replace(table, splits=tuple(fold[id_] for id_ in table.ids))
    label = dict(zip(ids, labels.tolist(), strict=True))
    return Question(
        asked=Asked(
            benchmark=BENCHMARK,
            name=name,
            official=False,
            notes=(_NOTE,),
            target=target,
            unit=unit,
            kind="regression",
            metric="mae",
            lower_is_better=True,
        ),
        table=table,
        folds=tuple(from_column(table, seed=seed)),
        files={file.name: sha256(file)},
        unread=tuple(
            Unread(reject.id, fold[reject.id], label[reject.id], reject.detail)
            for reject in table.rejects
        ),
    )


def _read(file: Path) -> tuple[str, NDArray[np.float64], dict[str, list[Any]]]:
    """Return the name of the target, the labels ``[rows]``, and the geometry by column."""
    target = ""
    found: list[Any] = []
    columns: dict[str, list[Any]] = {name: [] for name in GEOMETRY}
    for payload in payloads(file):
        target = target or next((name for name in payload if name != _STRUCTURE), "")
        if payload.keys() != {_STRUCTURE, target}:
            raise InputError(
                f"row {len(found)} of {file.name} has not a {_STRUCTURE} and one label, but "
                f"{', '.join(payload) or 'nothing'}"
            )
        found.append(payload[target])
        for name, value in geometry(payload[_STRUCTURE], file).items():
            columns[name].append(value)
    labels = as_numbers(column(found), target, lambda place: f"row {place} of {file.name}")
    if not np.isfinite(labels).all():
        place = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise InputError(f"row {place} of {file.name} has no label; every row of a task has one")
    return target, labels, columns


def _folds(rows: int) -> NDArray[np.int64]:
    """Return in which fold each row is a test row, ``[rows]``."""
    from sklearn.model_selection import KFold  # type: ignore[import-untyped, unused-ignore]

    folds = np.empty(rows, dtype=np.int64)
    split = KFold(n_splits=N_FOLDS, shuffle=True, random_state=SEED)
    for number, (_, test) in enumerate(split.split(folds)):
        folds[test] = number
    return folds
