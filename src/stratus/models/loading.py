"""A model by its name: the one that comes with the package, or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError
from stratus.models.bundle import load_bundle
from stratus.models.description import DESCRIPTION_FILE

if TYPE_CHECKING:
    import os

    from stratus.models.model import Model

BUNDLED: Final = "bundled"
"""The name of the model that comes with the package; a folder of that name is ``./bundled``."""

_FOLDER: Final = Path(__file__).parent / "bundled"


def folder_of(where: str | os.PathLike[str]) -> Path:
    """Return the folder of a model.

    Args:
        where: ``"bundled"`` for the model that comes with the package, or the folder of a bundle.

    Raises:
        stratus.errors.InputError: no model comes with this installation.
    """
    if where != BUNDLED:
        return Path(where)
    if not (_FOLDER / DESCRIPTION_FILE).is_file():
        raise InputError(
            "no model comes with this installation of stratus; name the folder of one, such as "
            "stratus finetune makes"
        )
    return _FOLDER


def load_model(where: str | os.PathLike[str]) -> Model:
    """Load a model, after checking every byte of it; the network is never asked.

    Args:
        where: ``"bundled"`` for the model that comes with the package, or the folder of a bundle.

    Raises:
        stratus.errors.InputError: there is none, or it is damaged; the message says what is wrong.
    """
    return load_bundle(folder_of(where))
