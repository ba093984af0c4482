"""What may be set for an encode job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.crystals.facets import Facet
from stratus.crystals.reading.record import ReadOptions

if TYPE_CHECKING:
    from stratus.crystals.facets import ReadFacet
    from stratus.scope.encode import ScopeOptions
else:  # the room is imported where strings are kept
    ScopeOptions = Any

_DO_NOT_CHANGE_THE_TABLE = {"workers", "resume", "engine", "rejects", "part_rows", "part_seconds"}


class EncodeOptions(BaseModel):
    """How a corpus is read, encoded and written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: ReadOptions = Field(default_factory=ReadOptions)
    keep: tuple[Facet, ...] = Field(
        STRINGS_ALONE, min_length=1, description="What is kept of each crystal: scope, atoms."
    )
    scope: ScopeOptions | None = Field(
        None,
        validate_default=True,
        description="How strings are written; nothing is searched where none are kept.",
    )
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

    @field_validator("keep")
    @classmethod
    def _keep_what_can_be_kept(cls, keep: tuple[Facet, ...]) -> tuple[Facet, ...]:
        if Facet.COMPOSITION in keep:
            raise ValueError("the composition is kept with each facet; choose scope, atoms or both")
        return tuple(facet for facet in Facet if facet in keep)

    @field_validator("scope", mode="before")
    @classmethod
    def _scope_where_it_is_kept(cls, value: object, info: ValidationInfo) -> object:
        if Facet.SCOPE not in info.data.get("keep", STRINGS_ALONE):
            return None
        from stratus.scope.encode import ScopeOptions as Options

        if value is None or isinstance(value, Options):
            return value or Options()
        return Options.model_validate(value)

    def fingerprint(self) -> dict[str, Any]:
        """Return the options that decide what the table holds, as plain JSON values."""
        return self.model_dump(mode="json", exclude=_DO_NOT_CHANGE_THE_TABLE)


def facet_arguments(reads: ReadFacet) -> dict[str, Any]:
    """Return the arguments of a reader of tables that give a model what it reads."""
    options = EncodeOptions.model_validate(facet_options(reads))
    return {"facets": options.keep, "scope_options": options.scope}


def facet_options(reads: ReadFacet, symprec: float | None = None) -> dict[str, Any]:
    """Return the options with which structures are made into what a model reads.

    Args:
        reads: what it reads.
        symprec: symmetry tolerance, in Å; None for what is usual.
    """
    if reads.strings is None:
        return {"keep": (reads.facet,)}
    asked = {"dialect": reads.strings, "symprec": symprec}
    return {"keep": STRINGS_ALONE, "scope": {k: v for k, v in asked.items() if v is not None}}
