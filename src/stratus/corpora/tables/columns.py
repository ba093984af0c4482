"""Which columns of a table are wanted, and what they hold so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stratus.corpora.tables.materials import Materials
from stratus.corpora.tables.table import Kind, Table
from stratus.corpora.tables.values import as_classes, as_numbers, class_order
from stratus.crystals.reading.column_names import close, find_column
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    import pyarrow as pa

    from stratus.crystals.entry import Reject
    from stratus.crystals.facets import Crystal


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns that the caller named.

    Attributes:
        kinds: kind of each target, by name, in order.
        fold: the column of folds or splits, or ``None``.
        material: the column of the materials, or ``None``.
    """

    kinds: Mapping[str, Kind]
    fold: str | None = None
    material: str | None = None

    @classmethod
    def of(
        cls,
        targets: Sequence[str],
        kinds: Mapping[str, str] | None,
        fold: str | None,
        material: str | None = None,
    ) -> Wanted:
        """Check what the caller named.

        Raises:
            InputError: no target, one named twice, a kind of no target, or no such kind.
        """
        if isinstance(targets, str) or not targets:
            raise InputError(f"targets is a list of at least one column, not {targets!r}")
        given = dict(kinds or {})
        for name in [*targets, *([fold] if fold is not None else [])]:
            if [*targets, fold].count(name) > 1:
                raise InputError(f"the column {name!r} is named twice; name each once")
        for name in given:
            if name not in targets:
                raise InputError(
                    f"kinds names {name!r}, which is no target; {close(name, targets)}"
                )
        known = [kind.value for kind in Kind]
        for name, kind in given.items():
            if kind not in known:
                raise InputError(f"{kind!r} is no kind of target ({name!r}); {close(kind, known)}")
        read_as = {name: Kind(given.get(name, Kind.REGRESSION)) for name in targets}
        return cls(read_as, fold, material)

    @property
    def names(self) -> list[str]:
        """Targets, and the column of folds if there is one."""
        return [*self.kinds, *([self.fold] if self.fold is not None else [])]

    def columns(self, names: Sequence[str], source: str) -> dict[str, str]:
        """Return the column of a table that holds each of what is wanted.

        Raises:
            InputError: one is missing, or several could be it; gives the close matches.
        """
        found: dict[str, str] = {}
        for name in self.names:
            column = find_column(name, names, source)
            if column is None:
                raise InputError(f"{source} has no label column {name!r}; {close(name, names)}")
            found[name] = column
        return found


@dataclass(slots=True)
class Gathered:
    """Rows on their way into a :class:`Table`.

    Attributes:
        wanted: the columns to keep.
        strings: how they are written; None where there are none.
        materials: which material each row is of.
    """

    wanted: Wanted
    strings: str | None = "orbit"
    materials: Materials = field(init=False)
    _ids: list[str] = field(default_factory=list)
    _crystals: list[Crystal] = field(default_factory=list)
    _numbers: dict[str, list[npt.NDArray[np.float64]]] = field(default_factory=dict)
    _classes: dict[str, list[str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.materials = Materials(self.wanted.material, by_name=self.strings is None)

    def add(
        self,
        ids: Sequence[str],
        crystals: Sequence[Crystal],
        columns: Mapping[str, pa.Array],
        where: Callable[[int], str],
    ) -> None:
        """Add some rows.

        Args:
            ids: ids that no row before had.
            crystals: what is known of each.
            columns: targets and folds by name.
            where: which row stands at a place, for messages.

        Raises:
            InputError: a label is a mistake.
        """
        self.add_crystals(ids, crystals)
        self.look(columns, where, keep=True)

    def add_crystals(self, ids: Sequence[str], crystals: Sequence[Crystal]) -> None:
        """Add some rows, whose labels are kept by :meth:`look`, in the same order."""
        self._ids += ids
        self._crystals += crystals

    def look(
        self, columns: Mapping[str, pa.Array], where: Callable[[int], str], *, keep: bool = False
    ) -> None:
        """Check the labels of some rows, and keep them if asked to.

        Raises:
            InputError: a label is a mistake.
        """
        for name in self.wanted.names:
            if self.wanted.kinds.get(name) == Kind.REGRESSION:
                numbers = as_numbers(columns[name], name, where)
                if keep:
                    self._numbers.setdefault(name, []).append(numbers)
            else:
                classes = as_classes(columns[name], name, where)
                if keep:
                    self._classes.setdefault(name, []).extend(classes)

    def table(self, rejects: Sequence[Reject], source: str) -> Table:
        """Return the table.

        Raises:
            InputError: there is no row, a target has no label, or its classes are too few or many.
        """
        if not self._ids:
            first = f"; the first of {len(rejects)}: {rejects[0].detail}" if rejects else ""
            raise InputError(f"no row of {source} could be used{first}")
        kinds, fold = self.wanted.kinds, self.wanted.fold
        labels = np.full((len(self._ids), len(kinds)), np.nan)
        classes: dict[str, tuple[str, ...]] = {}
        for place, (name, kind) in enumerate(kinds.items()):
            if kind == Kind.REGRESSION:
                labels[:, place] = np.concatenate(self._numbers[name])
            else:
                found = self._classes[name]
                classes[name] = order = class_order({c for c in found if c is not None})
                number = {text: n for n, text in enumerate(order)}
                labels[:, place] = [np.nan if c is None else number[c] for c in found]
            if np.isnan(labels[:, place]).all():
                raise InputError(f"no row of {source} that can be used has a label in {name!r}")
            _check_classes(name, kind, classes.get(name, ()), source)
        materials = self.materials.of_rows(self._ids, source)
        return Table(
            ids=tuple(self._ids),
            crystals=tuple(self._crystals),
            targets=tuple(kinds),
            kinds=tuple(kinds.values()),
            labels=labels,
            classes=classes,
            splits=tuple(self._classes[fold]) if fold is not None else None,
            rejects=tuple(rejects),
            strings=self.strings,
            materials=materials.names,
            material_column=materials.column,
        )


def _check_classes(name: str, kind: Kind, classes: tuple[str, ...], source: str) -> None:
    if kind == Kind.REGRESSION:
        return
    few, many = len(classes) < 2, kind == Kind.BINARY and len(classes) > 2
    if few or many:
        shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
        wanted = "two" if kind == Kind.BINARY else "at least two"
        raise InputError(
            f"the {kind} target {name!r} of {source} needs {wanted} classes but has "
            f"{len(classes)}: {shown}"
        )
