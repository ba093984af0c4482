"""What a view offers: from a crystal to a sample, from samples to a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from stratus.errors import InputError
from stratus.views.keys import MASK, PADDING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from stratus.crystals.facets import Crystal, Facet, ReadFacet
    from stratus.views.keys import Batch, Key

    Ints = npt.NDArray[np.int64]

Sample: TypeAlias = Any
"""How a view sees one crystal: token ids uint16 ``[n]``, or arrays by the names of keys."""

IntOrInts = TypeVar("IntOrInts", int, npt.NDArray[np.int64])


class View(Protocol):
    """How an encoder sees a crystal.

    Attributes:
        name: its name in the table.
        facet: what of a crystal it reads.
        padded: whether a batch costs its crystals times its largest one, as where all are padded to
            one size; else it costs the sum of their sizes.
        keys: what the arrays of a sample are, by name, where a sample has several; else none.
    """

    name: ClassVar[str]
    facet: ClassVar[Facet]
    padded: ClassVar[bool]
    keys: ClassVar[Sequence[Key]]

    @classmethod
    def of_encoder(cls, config: BaseModel, strings: str) -> Self:
        """Return the view that an encoder of a config reads.

        Args:
            config: of the encoder.
            strings: how SCOPE strings are written; a view that reads none does not look at it.

        Raises:
            stratus.errors.InputError: it cannot read strings that are written so.
        """

    @classmethod
    def stored(cls, config: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Return a view that a bundle holds.

        Args:
            config: what :attr:`config` was, as plain values.
            files: what :meth:`files` were.

        Raises:
            stratus.errors.InputError: they are not those of such a view.
        """

    @classmethod
    def encoder_values(cls, strings: str) -> Mapping[str, object]:
        """Return values that the config of an encoder must have to read strings written so.

        Raises:
            stratus.errors.InputError: it cannot read strings that are written so.
        """

    @property
    def config(self) -> BaseModel:
        """What a bundle keeps of it, with :meth:`files`."""

    @property
    def reads(self) -> ReadFacet:
        """What of a crystal it reads, and how its string must be written."""

    def files(self) -> Mapping[str, str]:
        """Return the text of files that a bundle keeps beside :attr:`config`, by their names."""

    def check_encoder(self, config: BaseModel) -> None:
        """Refuse an encoder that cannot read it.

        Raises:
            stratus.errors.InputError: a value of the config does not fit; the message names it.
        """

    def sample(self, crystal: Crystal) -> Sample:
        """Return how an encoder sees a crystal.

        Raises:
            stratus.errors.ScopeSyntaxError: a word of its string is no token.
            stratus.errors.InputError: the crystal lacks the facet, or is too large for the view.
        """

    def sizes(self, samples: Sequence[Sample]) -> Ints:
        """Return what each sample costs in a batch: parts or edges, at least 1, int64 ``[B]``."""

    def notes(self, sample: Sample) -> tuple[str, ...]:
        """Return what a person must know of how a crystal is seen, one sentence each."""

    def collate(self, samples: Sequence[Sample]) -> Batch:
        """Return the batch of some samples; its keys are in :mod:`stratus.views.keys`.

        Raises:
            stratus.errors.InputError: there are no samples, or one is too large.
        """


def require_facet(view: View, crystal: Crystal, remedy: str) -> None:
    """Refuse a crystal of which nothing is known that a view reads.

    Args:
        view: the view.
        crystal: the crystal.
        remedy: what to do, in words.

    Raises:
        stratus.errors.InputError: it is such a one.
    """
    if not crystal.has(view.facet):
        known = [facet for facet in type(view.facet) if crystal.has(facet)]
        raise InputError(
            f"the model reads the {view.facet} of a crystal, and here only its "
            f"{' and '.join(known)} is known; {remedy}"
        )


def require_strings(view: View, strings: str | None, who: str) -> None:
    """Refuse a table whose strings are written otherwise than those that a view reads.

    Args:
        view: the view; one that reads no strings takes every table.
        strings: how the strings of the table are written; None where it has none.
        who: what reads the view, in words.

    Raises:
        stratus.errors.InputError: they differ.
    """
    reads = view.reads.strings
    if reads is not None and strings is not None and reads != strings:
        raise InputError(
            f"{who} reads strings of the kind {reads!r}, but the table has those of the kind "
            f"{strings!r}; read the table with --dialect {reads}, or take a model that was trained "
            f"on {strings!r}"
        )


def mask_tensors(sizes: Ints) -> Batch:
    """Return ``mask`` and ``padding`` for crystals of the given sizes."""
    longest = int(sizes.max())
    missing = int((longest - sizes).sum())
    return {
        MASK: torch.from_numpy(np.arange(longest) < sizes[:, None]),
        PADDING: torch.tensor([missing] if missing else [], dtype=torch.int64),
    }
