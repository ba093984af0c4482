"""How often the rows with the highest scores are of one kind, and how often by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy.stats import binomtest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


class Rate(BaseModel):
    """A rate over crystals, with what chance gives.

    Attributes:
        value: measured.
        lo: lower end of its 95 % interval.
        hi: upper end.
        null: mean where the scores of each crystal are permuted over its rows.
        null_lo: lower end of the 95 % band of that.
        null_hi: upper end.
        p: how often permuted scores give as much as was measured or more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    lo: float
    hi: float
    null: float
    null_lo: float
    null_hi: float
    p: float


class TopK(BaseModel):
    """The k rows with the highest scores of each crystal.

    Attributes:
        k: how many.
        at_least_one: share of crystals with a row of the kind among them.
        base: ``1 - (1 - p)^k``, mean over crystals, with p the share of rows of the kind: what
            drawing k rows with replacement gives.
        share: mean share of rows of the kind among them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int
    at_least_one: Rate
    base: float
    share: Rate


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of the parts of a crystal.

    Attributes:
        scores: ``[n]``.
        wanted: ``[n]``, whether a part is of the kind that is counted.
    """

    scores: Floats
    wanted: NDArray[np.bool_]


def top_k(
    crystals: Sequence[Scored], k: int, *, permutations: int, generator: np.random.Generator
) -> TopK:
    """Measure how often the k highest scores are of the kind, and test it against permutation.

    Permuting the scores of a crystal over its rows makes the number of hits hypergeometric, so it
    is drawn from that distribution. The interval of the share of crystals is Wilson's; that of the
    mean share is of the mean over crystals, normal. Equal scores are taken in the order of the
    rows.

    Args:
        crystals: at least one, each with a part.
        k: how many; of crystals with fewer parts all.
        permutations: how often all scores are permuted.
        generator: of the random numbers.
    """
    sizes = np.array([len(one.scores) for one in crystals])
    wanted = np.array([int(one.wanted.sum()) for one in crystals])
    taken = np.minimum(k, sizes)
    hits = np.array(
        [one.wanted[np.argsort(-one.scores, kind="stable")[:k]].sum() for one in crystals]
    )
    drawn = generator.hypergeometric(wanted, sizes - wanted, taken, (permutations, len(crystals)))
    among = int((hits > 0).sum())
    wilson = binomtest(among, len(crystals)).proportion_ci(method="wilson")
    shares = hits / taken
    spread = 1.96 * float(shares.std(ddof=1)) / len(shares) ** 0.5 if len(shares) > 1 else 0.5
    mean = float(shares.mean())
    base = float((1 - (1 - wanted / sizes) ** k).mean())
    return TopK(
        k=k,
        at_least_one=_rate(
            among / len(crystals), (wilson.low, wilson.high), (drawn > 0).mean(axis=1)
        ),
        base=base,
        share=_rate(
            mean, (max(0.0, mean - spread), min(1.0, mean + spread)), (drawn / taken).mean(axis=1)
        ),
    )


def _rate(value: float, ends: tuple[float, float], null: Floats) -> Rate:
    lo, hi = np.percentile(null, [2.5, 97.5])
    as_much = int((null >= value - 1e-12).sum())
    return Rate(
        value=value,
        lo=float(ends[0]),
        hi=float(ends[1]),
        null=float(null.mean()),
        null_lo=float(lo),
        null_hi=float(hi),
        p=(as_much + 1) / (len(null) + 1),
    )
