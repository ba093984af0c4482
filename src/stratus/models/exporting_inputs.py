"""What an exported graph is fed with: the tensors of a view that the encoder reads.

What a batch holds is not spelled here; what its axes are, a view says by its keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import torch

from stratus.errors import InputError
from stratus.heads.property import PropertyHead
from stratus.views.keys import MASK, OWNER, PADDING
from stratus.views.token_view import TokenView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from stratus.heads.head import Head
    from stratus.models.net import Net
    from stratus.views.view import View

CRYSTAL: Final = "crystal"
"""The output with the vector of each crystal."""

N_ATOMS: Final = "n_atoms"
"""int64 ``[batch]``: atoms of the primitive cells (of a model of atoms, of the cells as they are
given), an input where a target is per cell."""

AXES: Final = ("batch", "rows", "fields")
"""What the axes of the tensors of a padded view are called: crystals, rows of the encoder, and
tokens of a row."""

_FLAT: Final = MappingProxyType({"crystal": AXES[0], "part": "atoms", "edge": "edges"})
_OWNER_IS: Final = "the crystal of each atom"


@dataclass(frozen=True)
class Inputs:
    """What a graph is fed with.

    Attributes:
        keys: of the batch, those that the encoder reads.
        atoms: whether the atoms of the primitive cells are asked for too.
    """

    keys: tuple[str, ...]
    atoms: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return (*self.keys, N_ATOMS) if self.atoms else self.keys

    def of(self, batch: Mapping[str, Tensor], atoms: Tensor) -> dict[str, Tensor]:
        """Return the inputs for a batch of the view and its atoms."""
        return {name: atoms if name == N_ATOMS else batch[name] for name in self.names}


def property_heads(heads: Mapping[str, Head]) -> dict[str, PropertyHead]:
    """Return the heads that a graph can hold, by name: of one task, and not per formula unit.

    The head of a law gives curves, that of an energy takes gradients, and a formula unit is nothing
    that a graph is told of.
    """
    return {
        name: head
        for name, head in heads.items()
        if type(head) is PropertyHead and head.task.per != "formula"
    }


def inputs_of(members: Sequence[Net], batch: Mapping[str, Tensor]) -> Inputs:
    """Return what a graph must be fed with: the tensors that the encoder reads.

    The key ``padding`` is never among them, because its shape says whether attention needs a mask,
    and the shapes of a trace stay for ever; without it the mask is always used.

    Raises:
        stratus.errors.InputError: two inputs or outputs would have one name.
    """
    watched = _Watched({key: value for key, value in batch.items() if key != PADDING})
    with torch.inference_mode():
        members[0].encoder(watched)
    heads = property_heads(members[0].heads)
    atoms = any(head.normaliser.per_atom for head in heads.values())
    inputs = Inputs(tuple(key for key in batch if key in watched.read), atoms)
    for name in heads:
        if name in {CRYSTAL, *inputs.names}:
            raise InputError(
                f"the target {name!r} cannot be exported: an input or output of every graph has "
                "that name; train it under another"
            )
    return inputs


class _Watched(dict[str, "torch.Tensor"]):
    """A batch that remembers which of its tensors were read."""

    def __init__(self, batch: Mapping[str, Tensor]) -> None:
        super().__init__(batch)
        self.read: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self else default  # noqa: SIM401 - it would ask itself


def axes_of(view: View, name: str, tensor: Tensor) -> tuple[str | int, ...]:
    """Return what the axes of an input are: a name where it may be of any length, else the length.

    Args:
        view: of the model.
        name: of the input.
        tensor: some value of it.
    """
    if not view.keys or name in {MASK, N_ATOMS}:
        return AXES[: tensor.ndim]
    of = {key.name: key.of for key in view.keys} | {OWNER: "part"}
    return (_FLAT[of[name]], *tensor.shape[1:])


def dynamic_shapes(view: View, fed: Mapping[str, Tensor]) -> list[dict[int, Any]]:
    """Return which axes of the inputs may be of any length, as ``torch.export`` takes it.

    Args:
        view: of the model.
        fed: some values of the inputs.
    """
    longest = {AXES[1]: view.max_length} if isinstance(view, TokenView) else {}
    least = {_FLAT["edge"]: 0}  # atoms may have no neighbour
    named = {name: axes_of(view, name, tensor) for name, tensor in fed.items()}
    dims = {
        axis: torch.export.Dim(axis, min=least.get(axis, 1), max=longest.get(axis))
        for axes in named.values()
        for axis in axes
        if isinstance(axis, str)
    }
    return [
        {place: dims[axis] for place, axis in enumerate(axes) if isinstance(axis, str)}
        for axes in named.values()
    ]


def describe_inputs(view: View, fed: Mapping[str, Tensor]) -> dict[str, dict[str, Any]]:
    """Return type, axes and, where a view says it, meaning and unit of each input."""
    about = {key.name: key.about for key in view.keys}
    if view.keys:
        about[OWNER] = _OWNER_IS
    return {
        name: {
            "type": str(tensor.numpy().dtype),
            "axes": list(axes_of(view, name, tensor)),
            **({"about": about[name]} if about.get(name) else {}),
        }
        for name, tensor in fed.items()
    }


def describe_view(view: View) -> dict[str, Any]:
    """Return what another program must know to make the inputs: tokens, or how to cut."""
    if isinstance(view, TokenView):
        return view.document()
    fields = type(view.config).model_fields
    return {
        "view": view.name,
        "facet": view.facet.value,
        "view_config": {
            name: {"value": value, "about": fields[name].description or ""}
            for name, value in view.config.model_dump(mode="json").items()
        },
    }
