"""What every encoder returns, and which of it an architecture gives."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Gives(StrEnum):
    """What an encoding may hold; an architecture gives it, a head needs it."""

    CRYSTAL = "crystal"
    """A vector of each crystal."""

    PARTS = "parts"
    """A vector of each part: a token, an orbit, an element, an atom."""

    TOKENS = "tokens"
    """Parts that stand for the tokens of a string, and a ``token_embedding`` of the encoder."""

    VECTORS = "vectors"
    """Vectors of each part that turn with the crystal."""


@dataclass(frozen=True)
class Encoding:
    """Vectors of a batch of crystals.

    Attributes:
        crystal: one vector a crystal, ``[B, d]``.
        parts: one vector a part (a token, an orbit, an element, an atom) of all crystals end to
            end, ``[P, d]``; those of padding hold no meaning. None where there are no parts.
        owner: int64 ``[P]``, the crystal that a part belongs to; -1 for padding.
        vectors: ``[P, 3, c]``, c vectors a part that turn with the crystal; None where there are
            none.
    """

    crystal: Tensor
    parts: Tensor | None = None
    owner: Tensor | None = None
    vectors: Tensor | None = None

    @classmethod
    def of_padded(cls, crystal: Tensor, parts: Tensor, real: Tensor) -> Encoding:
        """Return the encoding of crystals that were padded to one number of parts.

        Args:
            crystal: ``[B, d]``.
            parts: ``[B, n, d]``; no copy is made of it.
            real: bool ``[B, n]``, which parts are no padding.
        """
        crystals = torch.arange(real.shape[0], device=real.device).unsqueeze(1)
        return cls(crystal, parts.flatten(0, 1), torch.where(real, crystals, -1).flatten())

    def by_crystal(self) -> Tensor:
        """Return the parts of crystals that were padded to one number, ``[B, n, d]``; no copy.

        Raises:
            ValueError: there are no parts, or their number is no multiple of that of the crystals.
        """
        if self.parts is None or len(self.parts) % max(1, len(self.crystal)):
            raise ValueError("these are no parts of crystals that were padded to one number")
        return self.parts.view(len(self.crystal), -1, self.parts.shape[-1])
