"""What a job reports, while it runs and at its end."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.crystals.facets import Facet


class Progress(BaseModel):
    """Where a run is.

    Attributes:
        rows_in: crystals accounted for, those of an interrupted run included.
        rows_out: rows of the table.
        rejects: rejects.
        resumed: how many of ``rows_in`` an earlier run had done.
        total: how many there will be, where that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows_in: int
    rows_out: int
    rejects: int
    resumed: int = 0
    total: int | None = None


class EncodeSummary(BaseModel):
    """What an encode job did.

    Attributes:
        output: the table.
        rejects_file: the rejects.
        rows_in: crystals met; always ``rows_out`` plus all rejects.
        rows_out: rows of the table.
        rejects: number of rejects by code.
        keep: the facets of a crystal that the table keeps.
        distinct: number of different SCOPE strings; 0 where none are kept.
        notes: number of rows by note, the most frequent first.
        resumed: how many of ``rows_in`` an earlier, interrupted run had done.
        already_complete: the table was there, from a run with the same inputs and options.
        seconds: wall time of this run, in s.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: str
    rejects_file: str
    rows_in: int
    rows_out: int
    rejects: dict[str, int]
    keep: tuple[Facet, ...] = STRINGS_ALONE
    distinct: int
    notes: dict[str, int] = {}
    resumed: int = 0
    already_complete: bool = False
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Crystals per second of this run."""
        return (self.rows_in - self.resumed) / self.seconds if self.seconds > 0 else 0.0
