"""A user's own table, and a test set of its own beside a training set, as questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.benchmarks.question import Question, Unread
from stratus.benchmarks.record import Asked
from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.corpora.tables.folds import Fold, from_column, kfold
from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.reading import read_labelled
from stratus.corpora.tables.values import as_classes, as_numbers
from stratus.crystals.entry import Reject
from stratus.crystals.reading import ReadOptions, records
from stratus.crystals.reading.column_names import named_column
from stratus.crystals.reading.table_rows import TableSlice, label_column, row_ids
from stratus.errors import InputError
from stratus.files.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.corpora.tables.table import Table
    from stratus.crystals.facets import Facet
    from stratus.tasks.task import Task

_TRAIN, _TEST = "train", "test"
_SHOWN = 3


@dataclass(frozen=True)
class Stability:
    """How stable crystals are told.

    Attributes:
        hull_column: true energies above the hull, eV/atom.
        unique_column: whether a crystal is a unique prototype; None: that is not known.
        thresholds: energies above the hull up to which a crystal is stable, eV/atom.
    """

    hull_column: str
    unique_column: str | None = None
    thresholds: tuple[float, ...] = (0.0,)


def table_question(
    path: str | Path,
    task: Task,
    *,
    folds: int = 5,
    columns: Mapping[str, str | None] | None = None,
    facets: Collection[Facet | str] | None = STRINGS_ALONE,
    seed: int = 0,
    workers: int | None = None,
) -> Question:
    """Ask what :func:`stratus.corpora.read_labelled` reads, with folds of its own or of a column.

    Args:
        path: crystals, SCOPE strings or formulas with labels.
        task: what is to be predicted, a number or two classes.
        folds: how many to make where no column says.
        columns: which column is what, as the reader has it: ``id_column``, ``structure_column``,
            ``fold_column`` (of folds, or of train, validation and test), ``formula_column``,
            ``space_group_column``.
        facets: what is read of crystals, as :func:`stratus.corpora.read_labelled` has it; strings
            are needed, which the simple models see.
        seed: of the folds and of the validation rows.
        workers: processes that encode structures.

    Raises:
        stratus.errors.InputError: what reading or splitting refuses, or a target of several
            classes.
    """
    path = Path(path)
    named: dict[str, Any] = dict(columns or {}) | {"facets": facets}
    if task.kind == "multiclass":
        raise InputError(f"{task.name} has several classes; benchmarks are for numbers and two")
    table = read_labelled(
        path,
        [task.column],
        kinds={task.column: task.kind},
        workers=workers,
        **named,
    )
    notes = _left_out(table.rejects)
    labelled = np.flatnonzero(np.isfinite(table.labels[:, 0]))
    if len(labelled) < len(table):
        notes.append(f"{len(table) - len(labelled):,} rows without a label are left out")
    table = replace(table.take(labelled), rejects=())
    if task.per == "cell":
        table.require_atoms(task.column)
    official = named.get("fold_column") is not None
    made = from_column(table, seed=seed) if official else kfold(table, folds, seed)
    return Question(
        asked=_asked("table", path.name.split(".")[0], task, notes),
        table=table,
        folds=tuple(made),
        files={path.name: _sha256(path)},
        declared=task,
    )


def discovery_question(  # noqa: PLR0913 - one for each thing that a command may say
    test: str | Path,
    train: str | Path,
    energy: Task,
    *,
    stability: Stability | None = None,
    id_column: str | None = None,
    columns: Mapping[str, str | None] | None = None,
    facets: Collection[Facet | str] | None = STRINGS_ALONE,
    seed: int = 0,
    workers: int | None = None,
) -> Question:
    """Ask for formation energies of a test set, from which stable crystals are found.

    A crystal of the test set that cannot be read has no prediction: it counts as unstable, and is
    left out of the errors.

    Args:
        test: crystals with formation energies; Parquet or CSV.
        train: crystals to learn from, with a column of the same name.
        energy: the formation energy, eV/atom.
        stability: how stable crystals are told; None: only energies are measured.
        id_column: the column of the ids of the test set.
        columns: of both sets, as the reader has it: ``structure_column``, ``formula_column``,
            ``space_group_column``.
        facets: what is read of crystals, as :func:`stratus.corpora.read_labelled` has it; strings
            are needed, which the simple models see.
        seed: of the validation rows.
        workers: processes that encode structures.

    Raises:
        stratus.errors.InputError: what reading refuses, a column that is missing, or a test row
            without a true energy.
    """
    test, train = Path(test), Path(train)
    column = energy.column
    hull_column = None if stability is None else stability.hull_column
    unique_column = None if stability is None else stability.unique_column
    wanted = [n for n in (column, hull_column, unique_column) if n is not None]
    truth = _truth(test, wanted, unique_column, id_column)
    named: dict[str, Any] = dict(columns or {}) | {"facets": facets}
    learned = read_labelled(train, [column], workers=workers, **named)
    asked_for = read_labelled(test, [column], id_column=id_column, workers=workers, **named)
    for id_ in [*asked_for.ids, *(reject.id for reject in asked_for.rejects)]:
        if id_ not in truth:
            raise InputError(f"{test} has no row of id {id_!r}; name its column of ids with --id")
    notes = _left_out(learned.rejects, "training ")
    table, folds = _joined(learned, asked_for, seed)
    hull = unique = None
    if hull_column is not None:
        hull = _column(truth, asked_for.ids, hull_column, len(table))
    if unique_column is not None:
        unique = _column(truth, asked_for.ids, unique_column, len(table)) > 0
    elif hull_column is not None:
        notes.append("unique prototypes were not told apart")
    if hull_column is None:
        notes.append("no energies above the hull were at hand, so only energies are measured")
    return Question(
        asked=_asked("matbench_discovery", test.name.split(".")[0], energy, notes),
        table=table,
        folds=(folds,),
        files={path.name: _sha256(path) for path in (train, test)},
        unread=tuple(
            Unread(
                id=reject.id,
                fold=folds.name,
                label=truth[reject.id][column],
                reason=reject.detail,
                hull=truth[reject.id].get(hull_column or "", np.nan),
                unique=bool(truth[reject.id].get(unique_column or "", 0)),
            )
            for reject in asked_for.rejects
        ),
        hull=hull,
        unique=unique,
        thresholds=(0.0,) if stability is None else stability.thresholds,
    )


def _asked(benchmark: Any, name: str, task: Task, notes: Sequence[str]) -> Asked:
    return Asked(
        benchmark=benchmark,
        name=name,
        official=False,
        notes=tuple(notes),
        target=task.column,
        unit=task.unit,
        kind="regression" if task.kind == "regression" else "binary",
        per=task.per,
        metric="mae" if task.kind == "regression" else "rocauc",
        lower_is_better=task.kind == "regression",
    )


def _joined(train: Table, test: Table, seed: int) -> tuple[Table, Fold]:
    """Return one table of both and its fold; validation rows are drawn from the training rows."""
    known = np.flatnonzero(np.isfinite(train.labels[:, 0]))
    both = join_tables(
        {
            _TRAIN: replace(train.take(known), splits=(_TRAIN,) * len(known), rejects=()),
            _TEST: replace(test, splits=(_TEST,) * len(test), rejects=()),
        }
    )
    ids = both.ids[: len(known)] + test.ids  # test rows keep their names
    if len(set(ids)) < len(ids):
        ids = tuple(f"{_TRAIN}/{id_}" for id_ in train.take(known).ids) + test.ids
    both = replace(both, ids=ids)
    [fold] = from_column(both, seed=seed)
    return both, fold


def _left_out(rejects: Sequence[Reject], what: str = "") -> list[str]:
    if not rejects:
        return []
    shown = "; ".join(f"{reject.id}: {reject.detail}" for reject in rejects[:_SHOWN])
    more = "; ..." if len(rejects) > _SHOWN else ""
    return [f"{len(rejects):,} {what}rows cannot be read and are left out ({shown}{more})"]


def _truth(
    path: Path, columns: Sequence[str], classes: str | None, id_column: str | None
) -> dict[str, dict[str, float]]:
    """Return true values by id, also of rows whose crystals cannot be read."""
    found: dict[str, dict[str, float]] = {}
    for part, stem in _slices(path, columns[0], id_column):
        batch = part.batch
        ids = [name for name, _ in row_ids(part, stem)]

        def where(place: int, part: TableSlice = part) -> str:
            return f"row {part.first_row + place} of {path.name}"

        numbers: dict[str, list[float]] = {}
        for name in columns:
            column = named_column(name, batch.schema.names, str(path))
            values = label_column(batch, column)
            if name == classes:
                words = as_classes(values, name, where)
                numbers[name] = [float((word or "").lower() in {"1", "true"}) for word in words]
                continue
            numbers[name] = as_numbers(values, name, where).tolist()
            absent = [k for k, value in enumerate(numbers[name]) if not np.isfinite(value)]
            if absent:
                raise InputError(f"{where(absent[0])} has no {name!r}; every test row needs one")
        rows = zip(*numbers.values(), strict=True)
        found |= {
            id_: dict(zip(numbers, row, strict=True)) for id_, row in zip(ids, rows, strict=True)
        }
    return found


def _slices(path: Path, column: str, id_column: str | None) -> Iterator[tuple[TableSlice, str]]:
    """Yield the rows of a table, and what the ids of rows without one begin with.

    Raises:
        stratus.errors.InputError: it is no table, a column is missing, or a row cannot be read.
    """
    read = ReadOptions(structure_column=column, id_column=id_column)
    for record in records([path], read):
        if isinstance(record, Reject):
            raise InputError(f"{record.source} cannot be read: {record.detail}")
        if not isinstance(record.payload, TableSlice):
            raise InputError(f"{path} is no table; write the test set as one (CSV, Parquet, Excel)")
        yield record.payload, record.id


def _column(
    truth: Mapping[str, Mapping[str, float]], ids: Sequence[str], name: str, rows: int
) -> NDArray[np.float64]:
    """Return a column for all rows of the joined table; training rows have 0."""
    found = np.zeros(rows)
    found[rows - len(ids) :] = [truth[id_][name] for id_ in ids]
    return found


def _sha256(path: Path) -> str:
    if path.is_dir():
        raise InputError(f"{path} is a folder; encode it first with stratus encode, and name that")
    return sha256(path)
