"""``model.json``: which architecture with which sizes, in names and numbers and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.documents import read_json, validated
from stratus.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

DESCRIPTION_FILE: Final = "model.json"
FORMAT: Final = 2
"""Version of the layout of a bundle."""

MOST_MEMBERS: Final = 1000


class HeadDescription(BaseModel):
    """One head: its kind, from the table of heads, and its config."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    config: dict[str, Any]


class MemberDescription(BaseModel):
    """One member: its group, and its heads by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    group: str = ""
    heads: dict[str, HeadDescription] = Field(default_factory=dict)


class Description(BaseModel):
    """What ``model.json`` holds.

    Attributes:
        format: version of the layout of a bundle.
        architecture: name in the table of architectures.
        numerics: version of what the architecture computes from the same weights.
        config: config of the architecture.
        view: name in the table of views.
        dialect: how SCOPE is written.
        max_length: most rows of the encoder that a crystal may have.
        vocabulary_sha256: of the vocabulary that the ids belong to.
        members: encoders with their heads, all of the one config.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    architecture: str
    numerics: int
    config: dict[str, Any]
    view: str
    dialect: Literal["orbit", "paper"]
    max_length: int = Field(ge=2)
    vocabulary_sha256: str
    members: list[MemberDescription] = Field(min_length=1, max_length=MOST_MEMBERS)

    @property
    def targets(self) -> dict[str, str]:
        """The unit of each property that is predicted, by its name."""
        found = {}
        for name, head in self.members[0].heads.items():
            several = head.config.get("tasks")
            for one in several if isinstance(several, list) else [head.config]:
                task = one.get("task") if isinstance(one, dict) else None
                if isinstance(task, dict):
                    found[str(task.get("name", name))] = str(task.get("unit", ""))
        return found


def read_description(folder: Path) -> Description:
    """Read ``model.json``.

    Raises:
        stratus.errors.InputError: it is missing, of another format, or a key is wrong.
    """
    path = folder / DESCRIPTION_FILE
    values = read_json(path)
    found = values.get("format") if isinstance(values, dict) else None
    if found is not None and found != FORMAT:
        raise InputError(f"{path} has format {found!r}; this version of stratus reads {FORMAT}")
    return validated(Description, values, path)
