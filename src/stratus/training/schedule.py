"""The learning rate of each step: a straight warm-up, then half a cosine down to nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from torch.optim import Optimizer


def share_of_peak(step: int, *, warmup: int, total: int) -> float:
    """Return the learning rate of a step as a share of its peak.

    Args:
        step: the step, counted from 0.
        warmup: steps of the warm-up; the last of them has the full rate.
        total: steps of the whole run.

    Returns:
        ``(step + 1) / warmup`` during the warm-up, then ``(1 + cos(pi * t)) / 2`` with ``t`` the
        share of the remaining steps that are done (SGDR, arXiv 1608.03983, one period).
    """
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return (1 + math.cos(math.pi * min(1.0, done))) / 2


def warmup_steps(total: int, share: float) -> int:
    """Return the steps of a warm-up over a share of the run."""
    return math.ceil(total * share)


def scheduled(optimizer: Optimizer, *, total: int, warmup_share: float) -> dict[str, Any]:
    """Return an optimiser with its schedule, as Lightning's ``configure_optimizers`` may.

    Args:
        optimizer: the rate of each of its groups is multiplied at each step.
        total: steps of the whole run.
        warmup_share: of them, warm up.
    """
    warmup = warmup_steps(total, warmup_share)
    schedule = LambdaLR(optimizer, lambda step: share_of_peak(step, warmup=warmup, total=total))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
