"""The card of a data set: origin, licence, columns with units, and the digests of its files.

A card is a YAML file beside its data, ``TABLE.card.yaml``. The same rules as JSON Schema are in
``data/card.schema.json``, for programs that are not stratus.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

MOST_ROWS: Final = 10**15
CARD_SUFFIX: Final = ".card.yaml"
SCHEMA_FILE: Final = "card.schema.json"


class DataSource(BaseModel):
    """A set of crystals that a model learned from, or a table was made of.

    Attributes:
        name: what it is called.
        rows: how many crystals of it were used; None where nobody knows.
        licence: its licence, as an SPDX name where there is one.
        origin: where it is from: a link, a citation, or a file with its SHA-256.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    rows: int | None = Field(ge=0, le=MOST_ROWS)
    licence: Text
    origin: Text


class ColumnType(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "truth"
    TIME = "time"
    LIST = "list"
    OTHER = "other"


class Column(BaseModel):
    """A column of a table.

    Attributes:
        name: its name.
        type: what its cells are.
        unit: unit of its numbers; empty for a share, a count or a text; None where nobody said.
        meaning: what it holds, where the name does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text
    type: ColumnType
    unit: str | None = None
    meaning: str = ""


class DataFile(BaseModel):
    """A file of a data set.

    Attributes:
        file: its path, from the folder of the card.
        bytes: its size.
        sha256: its SHA-256, in hexadecimal.
        rows: rows of a table; None for a file that is none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: Text
    bytes: int = Field(ge=0)
    sha256: Digest
    rows: int | None = Field(default=None, ge=0)


class DataCard(BaseModel):
    """What a person must know before using a data set.

    Attributes:
        format: version of this form.
        name: short name of the data set.
        summary: one sentence.
        licence: its licence, as an SPDX name where there is one.
        origin: where it is from: a link or a citation.
        files: its files.
        columns: the columns that all of its tables have.
        sources: what it was put together from, if it was.
        made_by: the command or the code that made it.
        notes: what is known to be wrong or missing, one sentence each.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    name: Text
    summary: str = ""
    licence: Text
    origin: Text
    files: tuple[DataFile, ...] = Field(min_length=1)
    columns: tuple[Column, ...] = ()
    sources: tuple[DataSource, ...] = ()
    made_by: str = ""
    notes: tuple[Text, ...] = ()

    @field_validator("columns")
    @classmethod
    def _each_once(cls, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        names: set[str] = set()
        for column in columns:
            if column.name in names:
                raise ValueError(f"the column {column.name!r} stands twice")
            names.add(column.name)
        return columns


def card_schema() -> dict[str, Any]:
    """Return the JSON Schema of a card (draft 2020-12); ``data/card.schema.json`` holds it."""
    schema = DataCard.model_json_schema()
    schema["properties"]["format"].pop("enum", None)  # older pydantic writes it beside const
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
