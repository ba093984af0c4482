"""What may be set for an encode job."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from stratus.crystals.reading.record import ReadOptions
from stratus.scope import ScopeOptions

_DO_NOT_CHANGE_THE_TABLE = {"workers", "resume", "engine", "rejects", "part_rows", "part_seconds"}


class EncodeOptions(BaseModel):
    """How a corpus is read, encoded and written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: ReadOptions = Field(default_factory=ReadOptions)
    scope: ScopeOptions = Field(default_factory=ScopeOptions)
    rejects: str | None = Field(
        None, description="Where the rejects go; beside the output if not set."
    )
    workers: int | None = Field(
        None,
        ge=0,
        le=1024,
        description="Worker processes; 0 works in this one, by default one for each processor.",
    )
    timeout_s: float = Field(60.0, gt=0, description="Longest time for one crystal, in seconds.")
    safe_cells: bool = Field(
        default=False,
        description="Texts of a CSV that a spreadsheet takes for formulas get a ' in front.",
    )
    strict: bool = Field(default=False, description="The first reject ends the run.")
    resume: bool = Field(default=False, description="Go on where an interrupted run stopped.")
    engine: Literal["local", "ray"] = Field("local", description="This machine, or a Ray cluster.")
    chunk_rows: int = Field(128, ge=1, description="Crystals sent to a worker at a time.")
    part_rows: int = Field(10_000, ge=1, description="Rows kept in memory before they are stored.")
    part_seconds: float = Field(5.0, ge=0, description="Longest time before rows are stored.")

    def fingerprint(self) -> dict[str, Any]:
        """Return the options that decide what the table holds, as plain JSON values."""
        return self.model_dump(mode="json", exclude=_DO_NOT_CHANGE_THE_TABLE)
