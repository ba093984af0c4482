"""A table of crystals with labels, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from stratus.crystals.elements import NUMBERS
from stratus.crystals.facets import Detail
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.crystals.entry import Reject
    from stratus.crystals.facets import Crystal

ELEMENTS = 118


class Kind(StrEnum):
    """What the labels of a target are."""

    REGRESSION = "regression"
    BINARY = "binary"
    MULTICLASS = "multiclass"


@dataclass(frozen=True, eq=False)
class Table:
    """Crystals with labels, one a row, in the order of the input.

    Attributes:
        ids: the ids, each once.
        crystals: what is known of each; strings are all written in one way.
        targets: names of the targets.
        kinds: kind of each target.
        labels: shape (n, targets), float64; NaN where a label is absent.
        classes: of each target that is no regression, the names of its classes; a label is a place
            in it.
        splits: the fold or split of each row as text, ``None`` where it is absent, if a column was
            named.
        rejects: what could not be used, with the reasons.
        strings: how strings are written: ``orbit`` or ``paper``; None where there are none.
        materials: the material that each row is of, if a column says it; else empty.
        material_column: the column that says it.
        sources: the name of the table that each row is of, where several were joined; else empty.
    """

    ids: tuple[str, ...]
    crystals: tuple[Crystal, ...]
    targets: tuple[str, ...]
    kinds: tuple[Kind, ...]
    labels: npt.NDArray[np.float64]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    splits: tuple[str | None, ...] | None = None
    rejects: tuple[Reject, ...] = ()
    strings: str | None = "orbit"
    materials: tuple[str, ...] = ()
    material_column: str | None = None
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = len(self.ids)
        shapes = {
            "crystals": (len(self.crystals), rows),
            "labels": (self.labels.shape, (rows, len(self.targets))),
            "kinds": (len(self.kinds), len(self.targets)),
            "splits": (rows if self.splits is None else len(self.splits), rows),
            "materials": (len(self.materials) or rows, rows),
            "sources": (len(self.sources) or rows, rows),
        }
        for name, (found, expected) in shapes.items():
            if found != expected:
                raise InputError(
                    f"a labelled table of {rows} rows and {len(self.targets)} targets needs "
                    f"{name} of size {expected}, not {found}"
                )

    def __len__(self) -> int:
        """Return the number of rows that can be used."""
        return len(self.ids)

    @property
    def rows_in(self) -> int:
        """Rows met: those of the table and the rejects together."""
        return len(self.ids) + len(self.rejects)

    @property
    def labelled(self) -> dict[str, int]:
        """Number of rows with a label, by target."""
        counts = np.isfinite(self.labels).sum(axis=0).tolist()
        return dict(zip(self.targets, counts, strict=True))

    @cached_property
    def scopes(self) -> tuple[str, ...]:
        """The SCOPE string of each row.

        Raises:
            stratus.errors.InputError: a row has none; names it.
        """
        found = []
        for id_, crystal in zip(self.ids, self.crystals, strict=True):
            if crystal.scope is None:
                raise InputError(
                    f"{id_!r} has no SCOPE string, for nobody searched for its symmetry; read the "
                    "table with strings, or leave out what needs them"
                )
            found.append(crystal.scope)
        return tuple(found)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """What tells which rows are one crystal, for splits.

        It is the material, where a column that was named or is well known says it; without one the
        SCOPE string, and without that the composition.
        """
        if self.materials:
            return self.materials
        return self.compositions if self.strings is None else self.scopes

    @property
    def key_name(self) -> str:
        """What the keys are, in words."""
        if self.materials:
            return f"material ({self.material_column})"
        return "composition" if self.strings is None else "SCOPE string"

    @cached_property
    def n_atoms(self) -> npt.NDArray[np.int64]:
        """Atoms of the cell of each row, shape (n,); see :class:`Crystal`."""
        return np.array([crystal.n_atoms for crystal in self.crystals], dtype=np.int64)

    @cached_property
    def details(self) -> tuple[Detail, ...]:
        """How much is known of each row."""
        return tuple(crystal.detail for crystal in self.crystals)

    @property
    def has_atoms(self) -> bool:
        """Whether the atoms of every row are known."""
        return all(crystal.atoms is not None for crystal in self.crystals)

    @property
    def is_partial(self) -> bool:
        """Whether there are rows of partial crystals."""
        return any(kind is not Detail.WHOLE for kind in self.details)

    def require_atoms(self, target: str, per: str = "cell") -> None:
        """Refuse labels of a target on rows of which it is unknown how many atoms they are of.

        Args:
            target: one whose labels are of a cell or a formula unit, and grow with it.
            per: ``cell`` or ``formula``.

        Raises:
            stratus.errors.InputError: there is one; names the row.
        """
        labelled = ~np.isnan(self.labels[:, self.targets.index(target)])
        atoms = {"cell": self.n_atoms, "formula": self.formula_atoms}[per]
        wrong = np.flatnonzero(labelled & (atoms == 0))
        if len(wrong):
            row = int(wrong[0])
            kind = self.details[row]
            only = "a string" if kind is Detail.WHOLE else f"the {kind}"
            raise InputError(
                f"{target} is a target per {per}, but of row {row} (id {self.ids[row]!r}) only "
                f"{only} is known, not the atoms of its {per} ({len(wrong)} such rows); "
                "give these labels per atom, or leave them out"
            )

    @cached_property
    def compositions(self) -> tuple[str, ...]:
        """The reduced composition of each row, as a string writes it: ``Na 1 Cl 1``.

        In the ``paper`` dialect the rounded shares, sorted by element: ``Cl 0.5 Na 0.5``.
        """
        return tuple(crystal.composition_words for crystal in self.crystals)

    @cached_property
    def formula_atoms(self) -> npt.NDArray[np.int64]:
        """Atoms in the formula unit of each row, shape (n,): NaCl has 2; 0 where unknown."""
        return np.array([crystal.formula_atoms for crystal in self.crystals], dtype=np.int64)

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> Self:
        """Return some rows, in the order given; the rejects are those of all."""
        kept = np.asarray(rows, np.intp)
        return replace(
            self,
            ids=tuple(self.ids[row] for row in kept),
            crystals=tuple(self.crystals[row] for row in kept),
            labels=self.labels[kept],
            splits=None if self.splits is None else tuple(self.splits[row] for row in kept),
            materials=tuple(self.materials[row] for row in kept) if self.materials else (),
            sources=tuple(self.sources[row] for row in kept) if self.sources else (),
        )

    def fractions(self) -> npt.NDArray[np.float64]:
        """Return the share of each element in each row.

        Returns:
            shape (n, 118); column z - 1 is atomic number z, each row adds up to 1.
        """
        found = np.zeros((len(self), ELEMENTS))
        for row, crystal in enumerate(self.crystals):
            total = sum(crystal.composition.values())
            for symbol, amount in crystal.composition.items():
                found[row, NUMBERS[symbol] - 1] = amount / total
        return found
