"""From a description to modules: built on torch's meta device, so without memory or weights.

Names are looked up in explicit tables, so no file can name code; and what a file says about sizes
is compared with its tensors before memory is taken for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from stratus.corpora.documents import validated
from stratus.encoders.table import architecture
from stratus.errors import InputError
from stratus.heads.table import HEADS
from stratus.models.net import Net, check_alike
from stratus.models.weights import WEIGHTS_FILE
from stratus.names import pick
from stratus.tasks.stored import current_config
from stratus.views.table import view_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from stratus.encoders.architecture import Architecture
    from stratus.heads.head import Head
    from stratus.models.description import Description, HeadDescription
    from stratus.views.view import View


_MOST_LAYERS: Final = 1000
_LARGEST_SIZE: Final = 2**24
_LARGEST_SHOWN: Final = 10**30


@dataclass(frozen=True)
class Skeleton:
    """Members without weights, and the view they read.

    Attributes:
        members: on the meta device.
        view: how their encoders see a crystal.
    """

    members: tuple[Net, ...]
    view: View


def build_skeleton(
    description: Description,
    files: Mapping[str, str],
    where: object,
    tensors: int | None = None,
) -> Skeleton:
    """Build the modules that a description means, without weights.

    Args:
        description: what to build.
        files: text of the files of its view, by name.
        where: named in errors; the file.
        tensors: how many there are to fill it with, if that is known; each layer has one at least.

    Raises:
        stratus.errors.InputError: a name is unknown, a config cannot be, another numerics
            version, or parts that do not fit each other; the message names them.
    """
    try:
        return _build(description, files, where, tensors)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(str(where)) else f"{where}: {text}") from None
    except (RuntimeError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{where}: no module of these sizes can be built ({reason})") from None


def _build(
    description: Description, files: Mapping[str, str], where: object, tensors: int | None
) -> Skeleton:
    kind = architecture(description.architecture)
    if description.numerics != kind.numerics:
        raise InputError(
            f"it was trained with version {description.numerics} of what {kind.name} computes, "
            f"and this version of stratus computes version {kind.numerics}: the numbers would not "
            "be the same; use the stratus it was made with"
        )
    of_view = view_class(description.view.name)
    if description.view.name != kind.view:
        raise InputError(f"{kind.name} reads the view {kind.view!r}, not {of_view.name!r}")
    view = of_view.stored(description.view.config, files)
    for name in sorted(files.keys() - view.files().keys()):
        raise InputError(f"{name} is no file of the view {view.name!r}; remove it")
    config = validated(kind.config, description.config, f"{where}: config")
    check_bounds(config, f"{where}: config")
    view.check_encoder(config)
    members = []
    left = _Left(tensors, where)
    with torch.device("meta"):
        for number, member in enumerate(description.members):
            left.take(config)
            heads = {
                name: _build_head(
                    head, kind, config, left, f"{where}: members.{number}.heads.{name}"
                )
                for name, head in member.heads.items()
            }
            members.append(Net(kind.build(config), heads, member.group).eval())
    check_alike(members, where)
    return Skeleton(tuple(members), view)


class _Left:
    """Tensors that no layer was built for yet, so that none is built that cannot be filled."""

    def __init__(self, tensors: int | None, where: object) -> None:
        self.tensors, self.left, self.where = tensors, tensors, where

    def take(self, config: BaseModel) -> None:
        if self.left is None:
            return
        self.left -= 1 + int(getattr(config, "layers", 0))
        if self.left < 0:
            raise InputError(
                f"{self.where}: the layers of its members are more than the {self.tensors:,} "
                f"tensors that {WEIGHTS_FILE} holds"
            )


def check_bounds(config: BaseModel, where: object) -> None:
    """Refuse sizes that no model has, before building modules of them takes for ever.

    Raises:
        stratus.errors.InputError: a size is beyond the bound; the message names it.
    """
    for name, value in config:
        most = _MOST_LAYERS if name == "layers" else _LARGEST_SIZE
        if isinstance(value, int) and value > most:
            shown = str(value) if value < _LARGEST_SHOWN else f"more than {_LARGEST_SHOWN:.0e}"
            raise InputError(f"{where}: {name} is {shown}; {most} is the most that can be loaded")


def _build_head(
    head: HeadDescription, of: Architecture, encoder: BaseModel, left: _Left, where: str
) -> Head:
    kind = pick(HEADS, head.kind, "kind of head")
    if lacking := kind.module.needs - of.gives:
        reads = ", ".join(sorted(lacking))
        raise InputError(f"{where} reads {reads}, which {of.name} does not give")
    config = validated(kind.config, current_config(head.config), f"{where}: config")
    check_bounds(config, f"{where}: config")
    left.take(config)
    for name in kind.module.alike:
        ours, theirs = getattr(config, name, None), getattr(encoder, name, None)
        if ours is not None and ours != theirs:
            raise InputError(f"{where} has {name} {ours}, but the encoder has {theirs}")
    return kind.build(config)
