"""A model in memory: from crystals to vectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, overload

import numpy as np

from stratus.crystals.entry import Entry, Reject
from stratus.errors import InputError, StratusError
from stratus.models.batching import by_length
from stratus.models.given import Given, given
from stratus.models.member import tasks_of
from stratus.models.predicting import (
    evaluating,
    predict_samples,
    require_finite,
    require_tasks,
    sample_of,
)
from stratus.models.thermo import (
    ThermoCurves,
    check_temperatures,
    joined_curves,
    require_law,
    thermo_samples,
)
from stratus.scope.orbit import Scope
from stratus.scope.paper import PaperScope
from stratus.tasks.predicted import Predicted, joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt
    from ase import Atoms
    from pymatgen.core import Structure
    from torch import nn

    from stratus.models.card import Card
    from stratus.models.member import Member
    from stratus.models.seen import SeenFormulas
    from stratus.scope.vocabulary import Vocabulary
    from stratus.tasks.conformal import Calibration
    from stratus.tasks.domain import Domain
    from stratus.tasks.task import Task
    from stratus.views.view import Sample, View

Crystal: TypeAlias = "str | Path | Scope | PaperScope | Entry | Structure | Atoms"
"""A SCOPE string, a path, a crystal that was read, or one in memory."""

_WINDOW: Final = 32
"""Batches that are sorted by length together; more would save little padding."""

_IN_MEMORY: Final = frozenset({"IStructure", "Structure", "Atoms"})


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Encoders and their heads with everything that is needed to use them.

    Attributes:
        members: encoders with their heads, at least one, all of one config.
        view: how an encoder sees a crystal.
        vocabulary: what its token ids mean.
        dialect: how SCOPE is written for it: ``orbit`` or ``paper``.
        card: what a person must know about it.
        architecture: name of the design.
        metrics: what was measured, as plain values.
        calibration: what intervals are made from; None where there is none.
        domain: what its heads learned from; None where nobody knows.
        seen: the formulas that its weights have seen; None where nobody knows.
    """

    members: tuple[Member, ...]
    view: View
    vocabulary: Vocabulary
    dialect: str
    card: Card
    architecture: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    calibration: Calibration | None = None
    domain: Domain | None = None
    seen: SeenFormulas | None = None

    def __repr__(self) -> str:
        """Return one line."""
        return (
            f"<Model {self.card.name!r}: {self.architecture}, {self.parameters:,} parameters, "
            f"{self.dialect} dialect>"
        )

    @property
    def encoder(self) -> nn.Module:
        """The encoder of the first member."""
        return self.members[0].encoder

    @property
    def heads(self) -> Mapping[str, nn.Module]:
        """The heads of the first member, by name."""
        return self.members[0].heads

    @property
    def tasks(self) -> dict[str, Task]:
        """What it predicts, by name; nothing for a model that was only pre-trained."""
        return tasks_of(self.heads)

    @property
    def parameters(self) -> int:
        """Number of parameters of one encoder."""
        return sum(parameter.numel() for parameter in self.encoder.parameters())

    def info(self) -> dict[str, Any]:
        """Return what the model is, as plain values that JSON can hold."""
        return {
            "name": self.card.name,
            "architecture": self.architecture,
            "config": self.encoder.config.model_dump(mode="json"),  # type: ignore[union-attr,operator]
            "parameters": self.parameters,
            "members": len(self.members),
            "groups": list(dict.fromkeys(member.group for member in self.members)),
            "targets": {name: task.unit for name, task in self.tasks.items()},
            "heads": {
                name: sum(parameter.numel() for parameter in head.parameters())
                for name, head in self.heads.items()
            },
            "dialect": self.dialect,
            "vocabulary_size": len(self.vocabulary),
            "view": self.view.name,
            "max_length": self.view.max_length,
            "card": self.card.model_dump(mode="json"),
            "metrics": dict(self.metrics),
        }

    def embed(
        self, crystals: Crystal | Iterable[Crystal | Reject], *, batch_size: int = 256
    ) -> npt.NDArray[np.float32]:
        """Return one vector a crystal, in the order given.

        The vector of a crystal does not depend on the others (to float32 rounding). Crystals are
        taken ``32 * batch_size`` at a time, so a generator of any length may be given.

        Args:
            crystals: SCOPE strings of the model's dialect, ``Scope`` or ``PaperScope``, entries,
                pymatgen ``Structure``, ASE ``Atoms``, or paths of files with one crystal each;
                any of them mixed, or only one.
            batch_size: crystals that go through the encoder together.

        Returns:
            float32, shape (number of crystals, d).

        Raises:
            stratus.errors.InputError: a crystal cannot be encoded; the message gives its place,
                counted from 0, and the reason.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is at least 1, not {batch_size}")
        found = self._samples(_many(crystals))
        vectors: list[npt.NDArray[np.float32]] = []
        while window := [sample for _, sample in islice(found, _WINDOW * batch_size)]:
            with evaluating(self.encoder):
                vectors.append(self._embed_window(window, batch_size))
        return np.concatenate(vectors) if vectors else np.empty((0, self._width), np.float32)

    @overload
    def predict(
        self,
        crystals: Crystal | Iterable[Crystal | Reject],
        *,
        return_std: Literal[False] = False,
        interval: None = None,
        batch_size: int = 256,
        imposed: bool = True,
    ) -> dict[str, npt.NDArray[np.float64]]: ...

    @overload
    def predict(
        self,
        crystals: Crystal | Iterable[Crystal | Reject],
        *,
        return_std: Literal[True],
        interval: None = None,
        batch_size: int = 256,
        imposed: bool = True,
    ) -> dict[str, tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]: ...

    @overload
    def predict(
        self,
        crystals: Crystal | Iterable[Crystal | Reject],
        *,
        return_std: bool = False,
        interval: float,
        batch_size: int = 256,
        imposed: bool = True,
    ) -> dict[str, Predicted]: ...

    def predict(
        self,
        crystals: Crystal | Iterable[Crystal | Reject],
        *,
        return_std: bool = False,
        interval: float | None = None,
        batch_size: int = 256,
        imposed: bool = True,
    ) -> Any:
        """Predict every property of the model for crystals, in the order given.

        The prediction for a crystal does not depend on the others (to float32 rounding). A
        generator of any length may be given.

        Args:
            crystals: what :meth:`embed` takes; strings of partial crystals as well, such as
                :func:`stratus.scope.partial.partial_scope` writes.
            return_std: whether to return pairs of value and standard deviation.
            interval: share of crystals that the intervals are to hold, such as 0.9.
            batch_size: crystals that go through an encoder together.
            imposed: whether identities are imposed, such as a formation energy of 0 of elements,
                and intervals widened where nothing was learned
                (``docs/reference/identities.md``); False gives what the heads give.

        Returns:
            by target, in the unit of the target: an array of values; with ``return_std`` a pair of
            arrays, value and standard deviation; with ``interval`` a :class:`Predicted` with
            ``value``, ``std``, ``lo``, ``hi`` and ``notes``, which says what they are and when
            they are NaN.
            The value of a binary target is the probability of class 1, those of a multiclass one
            are the probabilities of its classes, ``[n, classes]``. Of a target per cell it is NaN
            where the atoms of the cell are unknown.

        Raises:
            stratus.errors.InputError: a crystal cannot be encoded (the message gives its place,
                counted from 0, and the reason), the model predicts nothing, or the interval is
                not between 0 and 1.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is at least 1, not {batch_size}")
        require_tasks(self)
        found = self._samples(_many(crystals))
        parts: list[dict[str, Predicted]] = []
        while (window := list(islice(found, _WINDOW * batch_size))) or not parts:
            parts.append(
                predict_samples(
                    self,
                    [sample for _, sample in window],
                    [what for what, _ in window],
                    level=interval,
                    batch_size=batch_size,
                    imposed=imposed,
                )
            )
        whole = joined(parts)
        if interval is not None:
            return whole
        if return_std:
            return {name: (one.value, one.std) for name, one in whole.items()}
        return {name: one.value for name, one in whole.items()}

    def thermo(
        self,
        crystals: Crystal | Iterable[Crystal | Reject],
        temperatures_k: Iterable[float],
        *,
        per: str = "atom",
        interval: float | None = None,
        batch_size: int = 256,
        imposed: bool = True,
    ) -> ThermoCurves:
        """Give heat capacity, internal energy, entropy and free energy over temperature.

        They are of a crystal of fixed volume that vibrates harmonically: C_v, not C_p, and no
        energy but that of the vibrations (zero-point energy included). For more crystals than
        curves fit in memory use :func:`stratus.models.thermo.thermo_samples`.

        Args:
            crystals: what :meth:`predict` takes.
            temperatures_k: t temperatures, not negative, in K.
            per: what a mole is of: ``atom``, ``formula`` or ``cell``, the primitive one.
            interval: share of crystals that the intervals are to hold at any one temperature, such
                as 0.9.
            batch_size: crystals that go through an encoder together.
            imposed: whether intervals are kept within what can be, and widened where too little
                was learned; False gives those that were calibrated.

        Returns:
            the curves, ``[n, t]`` each, with the effective Debye temperatures ``[n]``.

        Raises:
            stratus.errors.InputError: a crystal cannot be encoded (the message gives its place,
                counted from 0, and the reason), the model has no law, or temperatures, ``per`` or
                interval cannot be.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is at least 1, not {batch_size}")
        require_law(self)
        at = check_temperatures(temperatures_k)
        found = self._samples(_many(crystals))
        parts: list[ThermoCurves] = []
        while (window := list(islice(found, _WINDOW * batch_size))) or not parts:
            parts.append(
                thermo_samples(
                    self,
                    [sample for _, sample in window],
                    [what for what, _ in window],
                    at,
                    per=per,
                    level=interval,
                    batch_size=batch_size,
                    imposed=imposed,
                )
            )
        return joined_curves(parts)

    @property
    def _width(self) -> int:
        config: Any = self.encoder.config
        return int(config.hidden)

    def _samples(self, crystals: Iterable[Crystal | Reject]) -> Iterator[tuple[Given, Sample]]:
        for place, crystal in enumerate(crystals):
            try:
                what = given(crystal, self.dialect)
                sample = sample_of(self, what.text)
            except StratusError as error:
                raise InputError(f"crystal {place}: {error}") from error
            yield what, sample

    def scope(self, crystal: Crystal | Reject) -> str:
        """Return the SCOPE string of a crystal in the model's dialect.

        Raises:
            stratus.errors.StratusError: it has none; the message says why.
        """
        return given(crystal, self.dialect).text

    def _embed_window(self, samples: Sequence[Sample], batch_size: int) -> npt.NDArray[np.float32]:
        out = np.empty((len(samples), self._width), np.float32)
        for rows, batch in by_length(self, samples, batch_size):
            out[rows] = require_finite(self.encoder(batch).crystal).float().cpu().numpy()
        return out


def _many(crystals: Any) -> Iterable[Any]:
    """Return an iterable of crystals; one crystal becomes a list of one."""
    names = {kind.__name__ for kind in type(crystals).__mro__}
    if isinstance(crystals, str | Path | Scope | PaperScope | Entry | Reject) or names & _IN_MEMORY:
        return [crystals]  # Structure and Atoms can be iterated too, over their sites
    if not isinstance(crystals, Iterable):
        raise InputError(
            f"a {type(crystals).__name__} is no crystal and holds none; give a list of crystals"
        )
    return crystals
