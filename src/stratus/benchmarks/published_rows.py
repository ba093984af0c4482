"""Numbers that others published for a benchmark."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Published(BaseModel):
    """A number that others published for a whole task.

    Attributes:
        model: what it is called.
        sees: what it is given of a crystal.
        mean: of the metric of the task over the five folds.
        std: over the folds, divided by their number; None where it was not printed.
        source: where it stands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    sees: str
    mean: float
    std: float | None
    source: str
