"""What every encoder returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Encoding:
    """Vectors of a batch of crystals.

    Attributes:
        crystal: one vector a crystal, ``[B, d]``.
        parts: one vector a part (a token, an orbit, an atom), ``[B, n, d]``; rows of parts that
            are padding hold no meaning. None where an architecture has no parts.
    """

    crystal: Tensor
    parts: Tensor | None
