"""From what scikit-learn hands an estimator, X and y, to a table of crystals with labels."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.corpora.tables.table import Kind, Table
from stratus.errors import InputError
from stratus.inference.frames import is_frame, is_series
from stratus.inference.input_kinds import is_one
from stratus.inference.inputs import PredictOptions, rows
from stratus.inference.row import in_words
from stratus.tasks.targets import parse_target
from stratus.tasks.task import check_together, make_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal, ReadFacet
    from stratus.inference.row import Row
    from stratus.tasks.task import Task


def crystals_of(x: Any) -> Any:
    """Return the crystals of X, which have a length: a table of pandas, or a list.

    Raises:
        stratus.errors.InputError: it is one crystal, a matrix, or nothing that holds crystals.
    """
    if is_one(x):
        raise InputError("X is one crystal; give a list of crystals, such as [crystal]")
    if isinstance(x, np.ndarray) and (x.ndim > 2 or x.shape[1:] not in {(), (1,)}):
        raise InputError(
            f"X is an array of shape {list(x.shape)}; give a list of crystals: structures, "
            "paths, SCOPE strings, formulas, entries"
        )
    if isinstance(x, np.ndarray):
        x = x.reshape(-1)
    if is_frame(x) or is_series(x):
        if not len(x):
            raise InputError("X holds no crystals; give one at least")
        return x
    try:
        crystals = list(x)
    except TypeError:
        raise InputError(
            f"a {type(x).__name__} holds no crystals; give a list of structures, paths, SCOPE "
            "strings, formulas, entries"
        ) from None
    if not crystals:
        raise InputError("X holds no crystals; give one at least")
    return crystals


def known_of(crystals: Any, reads: ReadFacet) -> list[Crystal]:
    """Return what is known of each crystal.

    Args:
        crystals: n inputs.
        reads: what is read of them.

    Raises:
        stratus.errors.InputError: one cannot be read; the message gives its place, from 0.
    """
    found = []
    for row in rows(crystals, reads, PredictOptions(workers=0)):
        if row.crystal is None:
            raise InputError(in_words(row))
        found.append(row)
    check_one_each(found, len(crystals))
    return [row.crystal for row in found if row.crystal is not None]


def check_one_each(found: Sequence[Row], count: int) -> None:
    """Refuse inputs that hold several crystals, or none: X has one a row.

    Raises:
        stratus.errors.InputError: one does; the message gives its place, from 0.
    """
    held = Counter(row.place for row in found)
    for place in range(count):
        if held[place] != 1:
            raise InputError(
                f"crystal {place}: the input holds {held[place]} crystals, and X has one in each "
                "place; go through them with stratus.read"
            )


def numbers_of(y: Any, rows: int) -> NDArray[np.float64]:
    """Return labels of a regression as ``[n]`` or ``[n, targets]``, NaN where absent.

    Raises:
        stratus.errors.InputError: other shapes, or a label is no finite number.
    """
    if y is None:
        raise InputError("this estimator requires y to be passed, but the target y is None")
    try:
        labels = np.array(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "y holds something that is no number; give numbers, and NaN where there is no label"
        ) from None
    if labels.ndim not in {1, 2} or 0 in labels.shape[1:]:
        raise InputError(
            f"y has the shape {list(labels.shape)}; give one label a crystal, or one row a crystal "
            "with a column for each target"
        )
    _check_rows(len(labels), rows)
    if np.isinf(labels).any():
        place = int(np.argmax(np.isinf(labels.reshape(rows, -1)).any(axis=1)))
        raise InputError(f"the label of crystal {place} is infinite; NaN says that there is none")
    return labels


def classes_of(y: Any, rows: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the classes in order, and the place of each label among them, NaN where absent.

    Raises:
        stratus.errors.InputError: more than one target, or fewer than two classes.
    """
    labels, here = labels_of_classes(y, rows)
    known = [label for label, there in zip(labels, here.tolist(), strict=True) if there]
    if any(isinstance(label, float) and not label.is_integer() for label in known):
        raise InputError("Unknown label type: y holds numbers that are not whole, so no classes")
    if len({isinstance(label, str) for label in known}) > 1:
        raise InputError("y mixes texts and numbers; give classes of one type")
    classes = np.unique(np.asarray(known))
    if len(classes) < 2:
        what = f"only the class {classes[0]!r}" if len(classes) else "no label"
        raise InputError(f"y holds {what}; a classifier needs two classes at least")
    places = np.full(rows, np.nan)
    places[here] = np.searchsorted(classes, np.asarray(known))
    return classes, places


def labels_of_classes(y: Any, rows: int) -> tuple[list[Any], NDArray[np.bool_]]:
    """Return labels that are classes, and which of them are there.

    Raises:
        stratus.errors.InputError: more than one target, or another number of labels than crystals.
    """
    if y is None:
        raise InputError("this estimator requires y to be passed, but the target y is None")
    if hasattr(y, "to_numpy"):  # of pandas
        y = y.to_numpy()
    if isinstance(y, np.ndarray):
        y = (y[:, 0] if y.shape[1:] == (1,) else y).tolist()
    labels = list(y)
    if any(isinstance(label, list | tuple | np.ndarray) for label in labels):
        raise InputError("y has several columns; a CrystalClassifier has one target")
    _check_rows(len(labels), rows)
    return labels, np.array([not _absent(label) for label in labels], dtype=np.bool_)


def class_names(classes: NDArray[Any]) -> tuple[str, ...]:
    """Return the names of classes as a bundle keeps them; 1.0 is 1."""
    return tuple(str(int(c) if isinstance(c, float) else c) for c in classes.tolist())


def read_classes(names: tuple[str, ...]) -> NDArray[Any]:
    """Return classes by their names: whole numbers or truth values if all are such, else texts."""
    if set(names) <= {"False", "True"}:
        return np.array([name == "True" for name in names])
    if all(name.removeprefix("-").isdecimal() for name in names):
        return np.array([int(name) for name in names])
    return np.array(names)


def tasks_of(
    targets: Any, y: Any, columns: int, kind: Kind, classes: tuple[str, ...] = ()
) -> list[Task]:
    """Return the task of each column of y.

    Args:
        targets: ``NAME[:unit]``, or a mapping with settings of a target; a list of them for
            several columns; None takes the names that y has, or ``y``, ``y0``, ...
        y: the labels, as they were given.
        columns: how many columns they have.
        kind: of all of them.
        classes: their names, if there are any.

    Raises:
        stratus.errors.InputError: another number of targets than of columns, or one cannot be.
    """
    if targets is None:
        named: list[Any] = [{"column": name} for name in _names(y, columns)]
    else:
        named = [targets] if isinstance(targets, str) or hasattr(targets, "keys") else list(targets)
    if len(named) != columns:
        raise InputError(f"there are {len(named)} targets, but y has {columns}")
    settings: dict[str, Any] = {"kind": kind.value, "classes": classes}
    found = [
        parse_target(one, **settings) if isinstance(one, str) else make_task({**one, **settings})
        for one in named
    ]
    check_together(found)
    return found


def table_of(
    known: Sequence[Crystal],
    tasks: Sequence[Task],
    labels: NDArray[np.float64],
    classes: Mapping[str, tuple[str, ...]],
    reads: ReadFacet,
) -> Table:
    """Return crystals and labels ``[n, targets]`` as a table; the id of a row is its place."""
    return Table(
        ids=tuple(str(place) for place in range(len(known))),
        crystals=tuple(known),
        targets=tuple(task.column for task in tasks),
        kinds=tuple(Kind(task.kind) for task in tasks),
        labels=labels,
        classes=classes,
        strings=reads.strings,
    )


def _names(y: Any, columns: int) -> list[str]:
    """Return the names of the columns of y: those of pandas, or made up."""
    names = [str(name) for name in getattr(y, "columns", [])]
    if not names and getattr(y, "name", None) is not None:
        names = [str(y.name)]
    if len(names) == columns:
        return names
    return ["y"] if columns == 1 else [f"y{place}" for place in range(columns)]


def _check_rows(labels: int, crystals: int) -> None:
    if labels != crystals:
        raise InputError(f"X holds {crystals} crystals, but y {labels} labels; give one for each")


def _absent(label: Any) -> bool:
    return label is None or (isinstance(label, float | np.floating) and bool(np.isnan(label)))
