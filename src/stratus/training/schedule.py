"""The learning rate of each step: a straight warm-up, then half a cosine down to a floor."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Shares of the peak rate.

    Attributes:
        total: steps of the whole run.
        warmup: steps of the warm-up; the last of them has the full rate.
        start: share of the peak that the warm-up begins above.
        floor: share of the peak that the cosine ends at.
    """

    total: int
    warmup: int = 0
    start: float = 0.0
    floor: float = 0.0

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step as a share of its peak.

        Args:
            step: the step, counted from 0.

        Returns:
            With start and floor 0, ``(step + 1) / warmup`` during the warm-up, then
            ``(1 + cos(pi * t)) / 2`` with ``t`` the share of the remaining steps that are done
            (SGDR, arXiv 1608.03983, one period).
        """
        if step < self.warmup:
            return self.start + (1 - self.start) * ((step + 1) / self.warmup)
        done = (step - self.warmup) / max(1, self.total - self.warmup)
        share = (1 + math.cos(math.pi * min(1.0, done))) / 2
        return self.floor + (1 - self.floor) * share


def warmup_steps(total: int, share: float) -> int:
    """Return the steps of a warm-up over a share of the run."""
    return math.ceil(total * share)
