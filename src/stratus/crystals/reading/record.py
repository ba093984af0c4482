"""What travels between finding an input and parsing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stratus.crystals.stress import StressConvention


class ReadOptions(BaseModel):
    """How inputs are read and what counts as a crystal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    structure_column: str | None = Field(None, description="Table column that holds the structure.")
    id_column: str | None = Field(None, description="Table column that holds the id.")
    max_atoms: int = Field(2000, ge=1, description="Largest cell, in atoms as given.")
    min_distance: float = Field(0.5, ge=0, description="Atoms closer than this overlap, in Å.")
    max_member_mib: int = Field(
        512, ge=1, description="Largest decompressed file inside an archive, in MiB."
    )
    max_archive_depth: int = Field(2, ge=1, description="Archives inside archives, in levels.")
    labels: bool = Field(
        default=True, description="Read labels and values of atoms too; else crystals alone."
    )
    not_periodic: Literal["note", "reject"] = Field(
        "note",
        description="What is periodic along fewer than three axes: read, with a note, or a reject.",
    )
    stress: StressConvention | None = Field(
        None,
        description="Unit and sign of stress in the inputs; by default what their formats say.",
    )
    timeout_s: float = Field(
        60.0, gt=0, description="Longest time for a header of an archive or the next rows of LMDB."
    )

    headers: bool = Field(
        default=False, exclude=True, description="Tables begin with a record of their columns."
    )

    def within(self, timeout_s: float) -> ReadOptions:
        """Return the same options with another time."""
        return self.model_copy(update={"timeout_s": timeout_s})


@dataclass(frozen=True, slots=True)
class Record:
    """One input, found but not yet parsed; small, and safe to send to another process.

    Attributes:
        id: the id of its crystal, or the stem of the ids when it holds several.
        source: where it is, for people: ``dir/a.cif``, ``b.zip!a.cif``, ``t.parquet:17``.
        format: a key of the parser table.
        payload: a path, bytes, text, a mapping or a table slice, as the parser wants it.
        rows: how many crystals it is known to hold (rows of a table slice), else 1.
    """

    id: str
    source: str
    format: str
    payload: Any
    rows: int = 1
