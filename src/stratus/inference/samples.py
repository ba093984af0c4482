"""From rows of inputs to what a model sees of them, some at a time; rejects keep their place."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stratus.crystals.entry import Code, Reject, Stage
from stratus.errors import ScopeSyntaxError, StratusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from stratus.crystals.facets import Crystal
    from stratus.inference.row import Row
    from stratus.models.model import Model
    from stratus.views.view import Sample, View


class SampleWindow(NamedTuple):
    """Some rows of a stream as a model sees them.

    Attributes:
        rows: all of them, in order.
        where: ``[rows]``, the place of each in the next two, -1 for a reject.
        samples: of those that are no rejects.
        crystals: what is known of them.
    """

    rows: list[Row]
    where: NDArray[np.int64]
    samples: list[Sample]
    crystals: list[Crystal]


def sample_windows(stream: Iterable[Row], model: Model, size: int) -> Iterator[SampleWindow]:
    """Yield the rows of a stream, up to ``size`` at a time.

    A crystal that is too long for the model, or has a word that it does not know, becomes a reject.
    """
    remaining = iter(stream)
    while window := list(islice(remaining, size)):
        samples: list[Sample] = []
        rows: list[Row] = []
        where = np.full(len(window), -1, np.int64)
        for place, row in enumerate(window):
            fate, sample = _sampled(row, model)
            rows.append(fate)
            if sample is not None:
                where[place] = len(samples)
                samples.append(sample)
        yield SampleWindow(
            rows, where, samples, [row.crystal for row in rows if row.crystal is not None]
        )


def _sampled(row: Row, model: Model) -> tuple[Row, Sample | None]:
    """Return a row with its sample, or as a reject if the model cannot take it."""
    if row.crystal is None:
        return row, None
    try:
        sample = model.view.sample(row.crystal)
    except StratusError as error:
        code = _code(error, row.crystal, model.view)
        reject = Reject(row.id, row.source, Stage.PREDICTING, code, str(error))
        return row._replace(crystal=None, reject=reject), None
    said = model.view.notes(sample)
    return row._replace(notes=(*row.notes, *said)) if said else row, sample


def _code(error: StratusError, crystal: Crystal, view: View) -> Code:
    """Return why a view cannot see a crystal."""
    if not crystal.has(view.facet):
        return Code.MISSING_FACET
    if isinstance(error, ScopeSyntaxError):
        return Code.UNKNOWN_WORD
    return Code.NOT_A_STRUCTURE if view.reads.strings is None else Code.TOO_LONG
