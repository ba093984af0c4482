"""A MatBench task from files: the official ones, or the data folder of the project."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stratus.benchmarks.matbench import BENCHMARK, matbench_task, official_folds
from stratus.benchmarks.matbench_pool import from_pool
from stratus.benchmarks.published_tables import (
    COMPOSITION,
    FORMULA,
    GEOMETRY,
    GROUP,
    ID,
    published_question,
    read_published,
)
from stratus.benchmarks.record import Asked
from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.corpora.tables.values import as_classes, as_numbers
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from stratus.benchmarks.matbench import MatbenchTask, Structures
    from stratus.benchmarks.question import Question
    from stratus.crystals.facets import Facet

    Floats = NDArray[np.float64]

LABELS: Final = "matbench_labels"
"""Folder of the label tables in the data folder of the project."""

_MBID: Final = "mbid"
_TRUE, _FALSE = "True", "False"


class Given(StrEnum):
    """What of a crystal a model is given."""

    BEST = "best"
    """structures where there are some, else formulas."""
    STRUCTURES = "structures"
    FORMULAS = "formulas"


@dataclass(frozen=True, eq=False)
class _Source:
    """The rows of a task as files have them.

    Attributes:
        labels: ``[rows]`` in the official order.
        files: what was read.
        inputs: a table of ids and structures or formulas, to be encoded; some rows may be missing.
        official: whether these are all inputs as they are published.
        called: what stands behind the name where they are not.
        notes: why not, as sentences.
    """

    labels: Floats
    files: tuple[Path, ...]
    inputs: pa.Table
    official: bool
    called: str = ""
    notes: tuple[str, ...] = ()


def matbench_question(
    task: MatbenchTask,
    data: str | Path,
    *,
    given: Given = Given.BEST,
    facets: Collection[Facet | str] | None = STRINGS_ALONE,
    seed: int = 0,
    workers: int | None = 0,
) -> Question:
    """Read a task, and split it as the leaderboard does.

    Validation rows are drawn from the training rows of each fold; test rows are the official ones.
    Where inputs are not the official ones, or not all at hand, the set has another name.

    Args:
        task: which one.
        data: a folder that holds ``matbench_NAME.json.gz``, or the data folder of the project.
        given: what of a crystal a model is given.
        facets: what is read of crystals, as :func:`stratus.corpora.read_labelled` has it; strings
            are needed, which the simple models see.
        seed: of the validation rows.
        workers: processes that encode structures.

    Raises:
        stratus.errors.InputError: nothing of the task is there, a file cannot be read, or its
            labels or folds are not the official ones.
    """
    folder = Path(data)
    file = next((p for p in _official_files(task, folder) if p.is_file()), None)
    if file is not None:
        source = _official(task, file, given)
    elif (folder / LABELS / f"{task.dataset}.parquet").is_file():
        source = _of_project(task, folder, given)
    else:
        raise InputError(
            f"{folder} holds neither {task.dataset}.json.gz nor {LABELS}/{task.dataset}.parquet; "
            "name a folder with --data that holds one of them"
        )
    return _question(task, source, facets, seed, workers)


def _question(
    task: MatbenchTask,
    source: _Source,
    facets: Collection[Facet | str] | None,
    seed: int,
    workers: int | None,
) -> Question:
    name = f"{task.name}-{source.called}-{source.inputs.num_rows}" if source.called else task.name
    return published_question(
        Asked(
            benchmark=BENCHMARK,
            name=name,
            official=source.official,
            notes=source.notes,
            target=task.column,
            unit=task.unit,
            kind=task.kind,
            metric=task.metric,
            lower_is_better=task.kind == "regression",
        ),
        source.inputs,
        dict(zip(task.ids(), source.labels.tolist(), strict=True)),
        official_folds(task, source.labels),
        source.files,
        published=task.published,
        facets=facets,
        seed=seed,
        workers=workers,
    )


def _official_files(task: MatbenchTask, folder: Path) -> Iterator[Path]:
    yield folder / f"{task.dataset}.json.gz"
    yield folder / f"{task.dataset}.json"


def _official(task: MatbenchTask, file: Path, given: Given) -> _Source:
    if task.input != COMPOSITION and given is Given.FORMULAS:
        raise InputError(
            f"{file.name} holds structures, so they are used; formulas are taken from the data "
            "folder of the project"
        )
    _, found, columns = read_published(file, task.input, task.column)
    labels = _numbers(found, task, file)
    if len(labels) != task.rows:
        raise InputError(f"{file.name} has {len(labels):,} rows, but {task.dataset} {task.rows:,}")
    inputs = pa.table({ID: task.ids(), task.column: _written(labels, task), **columns})
    return _Source(labels, (file,), inputs, official=True)


def _of_project(task: MatbenchTask, folder: Path, given: Given) -> _Source:
    file = folder / LABELS / f"{task.dataset}.parquet"
    table = _read(file)
    if table.column(_MBID).to_pylist() != task.ids():
        raise InputError(f"{file.name} has not the official ids in their order")
    labels = _numbers(table.column(task.column), task, file)
    if "fold" in table.column_names:
        folds = np.array(table.column("fold").to_pylist())
        if not np.array_equal(folds, official_folds(task, labels)):
            raise InputError(f"{file.name} has other folds than those of the leaderboard")
    written = _written(labels, task)
    place = folder / task.structures.file if task.structures else None
    has = place is not None and place.is_file()
    if given is Given.STRUCTURES and not has:
        raise InputError(f"{folder} holds no structures of {task.dataset}; take its formulas")
    if task.input == COMPOSITION or given is Given.FORMULAS or not has:
        columns = {ID: task.ids(), task.column: written, FORMULA: table.column(COMPOSITION)}
        if task.input == COMPOSITION:
            return _Source(labels, (file,), pa.table(columns), official=True)
        columns[GROUP] = table.column("spg_num")
        note = "each crystal is given as its formula and space group, not as its structure"
        return _Source(
            labels, (file,), pa.table(columns), official=False, called="formulas", notes=(note,)
        )
    return _with_structures(task, folder, file, labels)


def _with_structures(task: MatbenchTask, folder: Path, file: Path, labels: Floats) -> _Source:
    where = task.structures
    if where is None:
        raise InputError(f"there are no structures of {task.dataset}")
    path = folder / where.file
    table = _read(path)
    if where.needs is not None:
        here = [value is not None and value == value for value in table[where.needs].to_pylist()]  # noqa: PLR0124 - NaN
        table = table.filter(pa.array(here))
    of = dict(zip(task.ids(), _written(labels, task), strict=True))
    ids = _own_ids(task, where, table.column(where.id).to_pylist())
    strange = next((id_ for id_ in ids if id_ not in of), None)
    if strange is not None:
        raise InputError(f"{path.name} has {strange!r}, which is no id of {task.dataset}")
    files = [file, path]
    if where.pool is None:
        inputs = table.select(list(GEOMETRY))
    else:
        inputs, found = from_pool(table, where.pool, folder)
        ids = [ids[row] for row in found]
        files += [folder / part.file for part in where.pool.values()]
    inputs = inputs.append_column(ID, pa.array(ids))
    inputs = inputs.append_column(task.column, pa.array([of[id_] for id_ in ids]))
    whole = len(ids) == task.rows
    notes = []
    if not whole:
        notes.append(f"{len(ids):,} of the {task.rows:,} rows have a structure at hand")
    if where.inferred:
        notes.append(
            "structures were matched to the official rows by a join, so some may be others"
        )
    called = "inferred" if where.inferred else ("" if whole else "part")
    return _Source(
        labels, tuple(files), inputs, official=not called, called=called, notes=tuple(notes)
    )


def _own_ids(task: MatbenchTask, where: Structures, ids: list[str]) -> list[str]:
    """Return ids of a task, where the file has those of another with the same crystals."""
    if where.ids_of is None or where.ids_of == task.name:
        return ids
    number = dict(zip(matbench_task(where.ids_of).ids(), task.ids(), strict=True))
    return [number.get(id_, id_) for id_ in ids]


def _read(file: Path) -> pa.Table:
    try:
        return pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file} cannot be read ({error}); fetch it again") from None


def _numbers(column: Any, task: MatbenchTask, file: Path) -> Floats:
    """Return labels as numbers; those of classes are 0 and 1."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    def where(place: int) -> str:
        return f"row {place} of {file.name}"

    if task.kind == "regression":
        return as_numbers(array, task.column, where)
    words = {_TRUE: 1.0, _FALSE: 0.0, "1": 1.0, "0": 0.0}
    return np.array([words.get(c or "", np.nan) for c in as_classes(array, task.column, where)])


def _written(labels: Floats, task: MatbenchTask) -> list[Any]:
    """Return labels as a table holds them; the classes are read back in the order 0, 1."""
    return labels.tolist() if task.kind == "regression" else [int(v) for v in labels]
