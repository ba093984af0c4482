"""Where curves of a law are out of what it was learned from, and how wide intervals are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from stratus.physics.bounds import STIFFEST_IS, harmonic_bounds, stiffest
from stratus.tasks.contents import contents_of
from stratus.tasks.domain import Domain, too_stiff
from stratus.tasks.predicted import stretched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal
    from stratus.physics.quantities import Quantity
    from stratus.tasks.domain import Out

    Floats = NDArray[np.float64]


class CurveLimits(NamedTuple):
    """Which crystals are out of what a law was learned from.

    Attributes:
        factors: ``[n, 1]``, by which intervals are widened; 1 where enough was learned.
        stiff: ``[n, 1]``, whether a crystal has modes above the ones that were learned from.
        reach_per_cm: ``[n, 1]``, how high its modes may reach.
        notes: ``[n]``, why; no texts where none is out.
    """

    factors: Floats
    stiff: NDArray[np.bool_]
    reach_per_cm: Floats
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        domain: Domain | None,
        crystals: Sequence[Crystal],
        reach_per_cm: Floats,
    ) -> Self:
        """Look at crystals.

        Args:
            domain: what the model that predicts them learned from; None where it does not say.
            crystals: ``[n]``, what is known of each.
            reach_per_cm: ``[n]``, how high their modes may reach; NaN where nothing tells.
        """
        domain, places = domain or Domain(), np.arange(len(crystals))
        reasons = too_stiff(reach_per_cm, domain)
        outs: dict[int, Out] = {}
        if domain.law is not None:
            outs = domain.out(domain.law, contents_of(crystals), None)
        said = {place: out.note for place, out in outs.items()}
        why = ["; ".join(part[k] for part in (said, reasons) if k in part) for k in places.tolist()]
        factors = np.array([outs[k].factor if k in outs else 1.0 for k in places.tolist()])
        return cls(
            factors[:, np.newaxis],
            np.isin(places, list(reasons))[:, np.newaxis],
            reach_per_cm[:, np.newaxis],
            tuple(why) if any(why) else (),
        )

    def widened(
        self, quantity: Quantity, at: Floats, value: Floats, lo: Floats, hi: Floats
    ) -> list[Floats]:
        """Return the ends of intervals ``[n, t]``, none beyond what can be, per mole of atoms."""
        lo, hi = (stretched(value, end, self.factors) for end in (lo, hi))
        end = stiffest(quantity, self.reach_per_cm, at)  # NaN where nothing tells the reach
        if STIFFEST_IS[quantity] == "lowest":
            lo = np.where(self.stiff, np.minimum(lo, end), lo)
        else:
            hi = np.where(self.stiff, np.maximum(hi, end), hi)
        lowest, highest = harmonic_bounds(quantity, at)
        return [np.maximum(lo, lowest), np.minimum(hi, highest)]
