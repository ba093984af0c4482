"""Which bundles lie in a folder, told from their small files; no weight is read.

This is for a list; whether a bundle is whole and unchanged is what loading it finds out.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stratus.errors import InputError
from stratus.files.sealed import is_sealed
from stratus.models.card import read_card
from stratus.models.description import DESCRIPTION_FILE, read_description
from stratus.models.weights import WEIGHTS_FILE, read_layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_DEEPEST: Final = 100


@dataclass(frozen=True)
class Listed:
    """A bundle as a list shows it.

    Attributes:
        path: where it is.
        name: of its card.
        architecture: name of the design.
        parameters: of one encoder.
        members: how many encoders there are, each with its heads.
        targets: units of the properties it predicts, by name.
        view: name of the view that its encoders read.
        view_config: config of that view, as plain values.
        rows: crystals it learned from; None where nobody knows.
        licence: of the weights.
        problem: why it cannot be read, else empty; then the other values are empty.
    """

    path: Path
    name: str = ""
    architecture: str = ""
    parameters: int = 0
    members: int = 0
    targets: Mapping[str, str] = field(default_factory=dict)
    view: str = ""
    view_config: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    licence: str = ""
    problem: str = ""


def list_bundles(folder: str | Path) -> list[Listed]:
    """Find the bundles in a folder and below it, by path.

    Args:
        folder: where to look; folders whose name begins with a dot are passed over.

    Raises:
        stratus.errors.InputError: it is no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; name one that holds bundles")
    return list(_bundles(folder))


def _bundles(folder: Path) -> Iterator[Listed]:
    for name, folders, files in os.walk(folder):
        path = Path(name)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        if DESCRIPTION_FILE in files and is_sealed(path):
            folders.clear()  # a bundle holds no bundles
            yield _look_at(path)
        elif folders and len(path.relative_to(folder).parts) >= _DEEPEST:
            folders.clear()
            yield Listed(path, problem=f"{path} is {_DEEPEST} folders deep; name one further down")


def _look_at(path: Path) -> Listed:
    try:
        description, card = read_description(path), read_card(path)
        tensors = read_layout(path / WEIGHTS_FILE)
    except InputError as error:
        return Listed(path, problem=str(error))
    first = "members.0.encoder."
    sizes = [math.prod(shape) for n, (shape, _) in tensors.items() if n.startswith(first)]
    return Listed(
        path=path,
        name=card.name,
        architecture=description.architecture,
        parameters=sum(sizes),
        members=len(description.members),
        targets=description.targets,
        view=description.view.name,
        view_config=description.view.config,
        rows=card.rows,
        licence=card.licence_weights,
    )
