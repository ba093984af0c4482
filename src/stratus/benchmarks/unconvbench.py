"""UnconvBench: two-dimensional crystals, metal-organic frameworks, defects, superconductors.

Source: H. Wang et al., CrysToGraph (2024), and the released code, howardwang1997/unconvbench
(MIT): the number of rows of each task, and folds by scikit-learn's ``KFold``, shuffled, seed 42, on
the rows as they are published. Neither units nor checksums are published with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from stratus.benchmarks.published_tables import (
    ID,
    numbered,
    published_question,
    read_published,
    shuffled_folds,
)
from stratus.benchmarks.record import Asked
from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.corpora.tables.values import as_numbers
from stratus.errors import InputError
from stratus.names import pick

if TYPE_CHECKING:
    from collections.abc import Collection

    from stratus.benchmarks.question import Question
    from stratus.crystals.facets import Facet

BENCHMARK: Final = "unconvbench_v1.0.1"
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

_PREFIX = "unconvbench_"
_NOTE = (
    "rows and folds are counted and made as the published code does; no checksum of its labels is "
    "known, so whether these are they cannot be told"
)


def unconvbench_question(
    task: str,
    data: str | Path,
    *,
    unit: str = "",
    facets: Collection[Facet | str] | None = STRINGS_ALONE,
    seed: int = 0,
    workers: int | None = 0,
) -> Question:
    """Read a task, and split it as the published code does.

    Validation rows are drawn from the training rows of each fold.

    Args:
        task: which one, such as ``2d_gap``.
        data: the folder that holds ``ub_unconvbench_TASK.json``, plain or gzipped.
        unit: of the labels; the published files name none.
        facets: what is read of crystals, as :func:`stratus.corpora.read_labelled` has it; strings
            are needed, which the simple models see.
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
    target, written, columns = read_published(file, "structure")
    labels = as_numbers(written, target, lambda place: f"row {place} of {file.name}")
    if not np.isfinite(labels).all():
        place = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise InputError(f"row {place} of {file.name} has no label; every row of a task has one")
    if len(labels) != rows:
        raise InputError(f"{file.name} has {len(labels):,} rows, but {_PREFIX}{name} {rows:,}")
    ids = numbered(f"{_PREFIX}{name}", rows)
    return published_question(
        Asked(
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
        pa.table({ID: ids, target: labels, **columns}),
        dict(zip(ids, labels.tolist(), strict=True)),
        shuffled_folds(labels, SEED),
        [file],
        facets=facets,
        seed=seed,
        workers=workers,
    )
