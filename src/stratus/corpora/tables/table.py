"""A table of SCOPE strings with labels, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from stratus.crystals.elements import NUMBERS
from stratus.errors import InputError
from stratus.scope import Dialect
from stratus.scope.paper import read_shares
from stratus.scope.partial import Known, known, read_amounts
from stratus.scope.vocabulary import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.crystals.entry import Reject

ELEMENTS = 118
_GROUP, _COMPOSITION = 0, 2


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
        scopes: the strings, all of one dialect; identical strings are one crystal to a model.
        n_atoms: shape (n,), atoms in the primitive cell; 0 where they are unknown: a string is
            partial, or of the ``paper`` dialect and no structure was there.
        targets: names of the targets.
        kinds: kind of each target.
        classes: of each target that is no regression, the names of its classes; a label is a place
            in it.
        labels: shape (n, targets), float64; NaN where a label is absent.
        splits: the fold or split of each row as text, ``None`` where it is absent, if a column was
            named.
        rejects: what could not be used, with the reasons.
        dialect: of the strings.
        sources: the name of the table that each row is of, where several were joined; else empty.
    """

    ids: tuple[str, ...]
    scopes: tuple[str, ...]
    n_atoms: npt.NDArray[np.int64]
    targets: tuple[str, ...]
    kinds: tuple[Kind, ...]
    labels: npt.NDArray[np.float64]
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    splits: tuple[str | None, ...] | None = None
    rejects: tuple[Reject, ...] = ()
    dialect: Dialect = Dialect.ORBIT
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        rows = len(self.ids)
        shapes = {
            "scopes": (len(self.scopes), rows),
            "n_atoms": (self.n_atoms.shape, (rows,)),
            "labels": (self.labels.shape, (rows, len(self.targets))),
            "kinds": (len(self.kinds), len(self.targets)),
            "splits": (rows if self.splits is None else len(self.splits), rows),
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
    def known(self) -> tuple[Known, ...]:
        """How much is known of each row."""
        if self.dialect != Dialect.ORBIT:  # the others have whole crystals alone
            return (Known.WHOLE,) * len(self)
        return tuple(
            Known.WHOLE if atoms else known(scope)
            for scope, atoms in zip(self.scopes, self.n_atoms.tolist(), strict=True)
        )

    @property
    def is_partial(self) -> bool:
        """Whether there are rows of partial crystals."""
        return any(kind is not Known.WHOLE for kind in self.known)

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
            kind = self.known[row]
            only = "a string" if kind is Known.WHOLE else f"the {kind}"
            raise InputError(
                f"{target} is a target per {per}, but of row {row} (id {self.ids[row]!r}) only "
                f"{only} is known, not the atoms of its {per} ({len(wrong)} such rows); "
                "give these labels per atom, or leave them out"
            )

    @cached_property
    def compositions(self) -> tuple[str, ...]:
        """The reduced composition of each row, as the string writes it: ``Na 1 Cl 1``.

        In the ``paper`` dialect the rounded shares, sorted by element: ``Cl 0.5 Na 0.5``.
        """
        found = tuple(_part(scope, _COMPOSITION) for scope in self.scopes)
        if self.dialect == Dialect.ORBIT:
            return found
        return tuple(" ".join(f"{s} {n}" for s, n in sorted(read_shares(t).items())) for t in found)

    @cached_property
    def formula_atoms(self) -> npt.NDArray[np.int64]:
        """Atoms in the formula unit of each row, shape (n,): NaCl has 2; 0 where unknown."""
        if self.dialect != Dialect.ORBIT:  # shares are rounded
            return np.zeros(len(self), dtype=np.int64)
        counts = [sum(read_amounts(text).values()) for text in self.compositions]
        return np.array(counts, dtype=np.int64)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The generators of the space group of each row; ``[MASK]`` where it is unknown."""
        return tuple(_part(scope, _GROUP) for scope in self.scopes)

    def take(self, rows: Sequence[int] | npt.NDArray[np.integer]) -> Self:
        """Return some rows, in the order given; the rejects are those of all."""
        kept = np.asarray(rows, np.intp)
        return replace(
            self,
            ids=tuple(self.ids[row] for row in kept),
            scopes=tuple(self.scopes[row] for row in kept),
            n_atoms=self.n_atoms[kept],
            labels=self.labels[kept],
            splits=None if self.splits is None else tuple(self.splits[row] for row in kept),
            sources=tuple(self.sources[row] for row in kept) if self.sources else (),
        )

    def fractions(self) -> npt.NDArray[np.float64]:
        """Return the share of each element in each row, read from the strings.

        Returns:
            shape (n, 118); column z - 1 is atomic number z, each row adds up to 1.
        """
        found = np.zeros((len(self), ELEMENTS))
        known: dict[str, tuple[list[int], list[float]]] = {}
        read = read_amounts if self.dialect == Dialect.ORBIT else read_shares
        for row, text in enumerate(self.compositions):
            shares = known.get(text)
            if shares is None:
                amounts = read(text)
                total = sum(amounts.values())
                places = [NUMBERS[symbol] - 1 for symbol in amounts]
                shares = known[text] = (places, [n / total for n in amounts.values()])
            found[row, shares[0]] = shares[1]
        return found


def _part(scope: str, place: int) -> str:
    return scope.split(f" {SEPARATOR} ")[place]
