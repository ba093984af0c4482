"""``model.json``: which architecture with which sizes, in names and numbers and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.documents import read_json, validated
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DESCRIPTION_FILE: Final = "model.json"
FORMAT: Final = 3
"""Version of the layout of a bundle."""

_BEFORE_VIEWS: Final = 2
"""The format in which what belongs to the view stood beside its name."""

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


class ViewDescription(BaseModel):
    """How an encoder sees a crystal: a name in the table of views, and the config of the view."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    config: dict[str, Any]


class Description(BaseModel):
    """What ``model.json`` holds.

    Attributes:
        format: version of the layout of a bundle.
        architecture: name in the table of architectures.
        numerics: version of what the architecture computes from the same weights.
        config: config of the architecture.
        view: how the encoder sees a crystal.
        members: encoders with their heads, all of the one config.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    architecture: str
    numerics: int
    config: dict[str, Any]
    view: ViewDescription
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
    if found is not None and found not in (FORMAT, _BEFORE_VIEWS):
        raise InputError(
            f"{path} has format {found!r}; this version of stratus reads {_BEFORE_VIEWS} and "
            f"{FORMAT}"
        )
    return validated(Description, _of_format_2(values) if found == _BEFORE_VIEWS else values, path)


def _of_format_2(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description of format 2 as one of this format.

    What is no key of this format is of the view.
    """
    known = {name: value for name, value in values.items() if name in Description.model_fields}
    of_view = {name: value for name, value in values.items() if name not in known}
    return known | {"format": FORMAT, "view": {"name": values.get("view"), "config": of_view}}
