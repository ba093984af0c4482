"""Several labelled tables as one, so that a model learns from all of them at once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from stratus.corpora.tables.table import Kind, Table
from stratus.corpora.tables.values import class_order
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt


def join_tables(tables: Mapping[str, Table]) -> Table:
    """Put the rows of tables below each other.

    The targets are those of all tables together; where a table has not one of them, its labels are
    absent. A crystal that stands in two tables has two rows: they are kept together by the folds,
    not merged. If an id stands in more than one table, the ids of all rows get the name of their
    table in front: ``gaps/mp-149``.

    Args:
        tables: by name, in the order of the rows.

    Raises:
        stratus.errors.InputError: there is no table, a target is of two kinds, a binary target has
            more than two classes in all, only some tables have a column of folds, or ids are not
            told apart by the names, or the strings are of two dialects.
    """
    if not tables:
        raise InputError("there is no table to join; give at least one")
    written = {table.strings for table in tables.values()}
    if len(written) > 1:
        ways = " and ".join(sorted("no strings" if way is None else way for way in written))
        raise InputError(
            f"the tables are in the dialects {ways}; one model reads one of them: write all "
            "strings in the same"
        )
    kinds = _kinds(tables)
    classes = {
        name: class_order(
            {text for t in tables.values() if name in t.targets for text in t.classes[name]}
        )
        for name, kind in kinds.items()
        if kind != Kind.REGRESSION
    }
    for name, texts in classes.items():
        if kinds[name] == Kind.BINARY and len(texts) > 2:
            raise InputError(
                f"the binary target {name!r} has {len(texts)} classes in all tables together: "
                f"{', '.join(texts)}; write the two in the same way in each"
            )
    parts, materials = tables.values(), _materials(tables)
    return Table(
        ids=_ids(tables),
        crystals=tuple(crystal for table in parts for crystal in table.crystals),
        targets=tuple(kinds),
        kinds=tuple(kinds.values()),
        labels=np.vstack([_labels(table, kinds, classes) for table in parts]),
        classes=classes,
        splits=_splits(tables),
        rejects=tuple(reject for table in parts for reject in table.rejects),
        strings=written.pop(),
        materials=materials,
        material_column=next(iter(parts)).material_column if materials else None,
        sources=tuple(name for name, table in tables.items() for _ in range(len(table))),
    )


def _kinds(tables: Mapping[str, Table]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    first: dict[str, str] = {}
    for source, table in tables.items():
        for name, kind in zip(table.targets, table.kinds, strict=True):
            if kinds.setdefault(name, kind) != kind:
                raise InputError(
                    f"the target {name!r} is {kinds[name]} in {first[name]} but {kind} in "
                    f"{source}; read both with the same kinds, or rename one"
                )
            first.setdefault(name, source)
    return kinds


def _ids(tables: Mapping[str, Table]) -> tuple[str, ...]:
    plain = [id_ for table in tables.values() for id_ in table.ids]
    if len(set(plain)) == len(plain):
        return tuple(plain)
    named = [f"{name}/{id_}" for name, table in tables.items() for id_ in table.ids]
    most, count = Counter(named).most_common(1)[0]
    if count > 1:
        raise InputError(f"the id {most!r} is there {count} times; give the tables other names")
    return tuple(named)


def _labels(
    table: Table, kinds: Mapping[str, Kind], classes: Mapping[str, tuple[str, ...]]
) -> npt.NDArray[np.float64]:
    """Return the labels of a table in the columns and with the classes of all."""
    labels = np.full((len(table), len(kinds)), np.nan)
    for place, name in enumerate(kinds):
        if name not in table.targets:
            continue
        own = table.labels[:, table.targets.index(name)]
        if name in classes:
            number = np.array([classes[name].index(text) for text in table.classes[name]])
            here = ~np.isnan(own)
            labels[here, place] = number[own[here].astype(np.int64)]
        else:
            labels[:, place] = own
    return labels


def _materials(tables: Mapping[str, Table]) -> tuple[str, ...]:
    """Return the material of each row, if all tables say it in a column of one name."""
    columns = {table.material_column for table in tables.values()}
    if len(columns) > 1 or not all(table.materials for table in tables.values()):
        return ()
    return tuple(name for table in tables.values() for name in table.materials)


def _splits(tables: Mapping[str, Table]) -> tuple[str | None, ...] | None:
    without = [name for name, table in tables.items() if table.splits is None]
    if len(without) == len(tables):
        return None
    if without:
        raise InputError(
            f"{', '.join(without)} was read without a column of folds, but other tables with one; "
            "read all with fold_column, or none"
        )
    return tuple(split for table in tables.values() for split in table.splits or ())
