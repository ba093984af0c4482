"""Whether a net can learn a few rows by heart, and how fast: a check of model, data and options.

A net that cannot has too little room or too little time, or its labels do not follow from what it
sees. The rows are learned and scored, and no others; so what comes of it is no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from stratus.errors import InputError
from stratus.objectives.hash_rng import Purpose, key, permutation
from stratus.training.fit import fit
from stratus.training.loader import Loader

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from stratus.objectives.objective import Objective, Rows, Source, Step
    from stratus.training.events import OnFitEvent
    from stratus.training.fit_options import FitOptions

ENOUGH: Final = 0.1
"""Share of the loss before learning below which rows count as learned by heart."""


@dataclass(frozen=True)
class Overfitted:
    """What came of learning some rows by heart.

    Attributes:
        rows: how many.
        before: their loss before learning, in evaluation mode as the others.
        losses: after each epoch.
    """

    rows: int
    before: float
    losses: tuple[float, ...]

    @property
    def threshold(self) -> float:
        """The loss below which they are learned."""
        return ENOUGH * self.before

    @property
    def epoch(self) -> int | None:
        """The first epoch after which the loss was below the threshold; None: never."""
        epochs = (k for k, loss in enumerate(self.losses, start=1) if loss < self.threshold)
        return next(epochs, None)


def overfit(
    net: nn.Module,
    objective: Objective,
    source: Source,
    rows: Rows,
    options: FitOptions,
    *,
    dropout_key: Callable[[int, int], tuple[int, ...]],
    on_event: OnFitEvent | None = None,
) -> Overfitted:
    """Let a net learn some rows of a source, as its first epoch shows them, and nothing else.

    It learns for all epochs of the options and does not stop early. Nothing is written.

    Args:
        net: fresh; afterwards it knows these rows.
        objective: what is learned.
        source: has the rows.
        rows: of the source, at least one, each once.
        options: of the run.
        dropout_key: makes of rank and step the numbers that dropout depends on.
        on_event: called with what happens.
    """
    some = _SomeRows(source, rows)
    before = _loss(net, objective, Loader(some, options.batch_size, options.seed, shuffle=False))
    fitted = fit(
        net,
        objective,
        some,
        some,
        options.model_copy(update={"patience": None, "validate_every": 1.0}),
        seed=options.seed,
        dropout_key=dropout_key,
        on_event=on_event,
    )
    return Overfitted(len(rows), before, fitted.validation_losses)


def choose_rows(count: int, there: int, seed: int) -> Rows:
    """Return ``count`` of the rows from 0 to below ``there``, ascending; a seed decides which.

    Raises:
        stratus.errors.InputError: there are not so many.
    """
    if not 1 <= count <= there:
        raise InputError(
            f"{count} rows cannot be learned by heart, since there are {there}; give from 1 to "
            f"{there}"
        )
    return np.sort(permutation(key(Purpose.ROW_ORDER, seed, 0), there)[:count])


class _SomeRows:
    """Some rows of a source, which every epoch shows as the first does."""

    def __init__(self, source: Source, rows: Rows) -> None:
        self._source, self._rows = source, rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def padded(self) -> bool:
        return self._source.padded

    def sizes(self, epoch: int) -> Rows:  # noqa: ARG002 - all epochs are alike
        return self._source.sizes(0)[self._rows]

    def step(self, rows: Rows, epoch: int) -> Step:  # noqa: ARG002
        return self._source.step(self._rows[rows], 0)

    def counts(self, rows: Rows, epoch: int) -> dict[str, int]:  # noqa: ARG002
        return self._source.counts(self._rows[rows], 0)

    def blank(self, row: int, epoch: int) -> Step:  # noqa: ARG002
        return self._source.blank(int(self._rows[row]), 0)


def _loss(net: nn.Module, objective: Objective, steps: Loader) -> float:
    """Return the loss of all rows, in evaluation mode and on the CPU."""
    training = net.training
    net.eval()
    with torch.no_grad():
        sums = [objective.sums(net, step).numpy() for step in steps]
    net.train(training)
    return objective.scores(np.sum(sums, axis=0))["loss"]
