"""A model as one graph: from the tensors of a view to values in the units of the targets.

What a batch holds is not spelled here: the inputs are the tensors that the encoder reads.
"""

from __future__ import annotations

import logging
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch import nn

from stratus.errors import InputError, StratusError
from stratus.heads.property import PropertyHead
from stratus.models.net import Net
from stratus.views.keys import PADDING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from stratus.encoders.encoding import Encoding
    from stratus.heads.head import Head

CRYSTAL: Final = "crystal"
"""The output with the vector of each crystal."""

N_ATOMS: Final = "n_atoms"
"""int64 ``[batch]``: atoms of the primitive cells, an input where a target is per cell."""

AXES: Final = ("batch", "rows", "fields")
"""What the axes of the tensors of a view are called: crystals, rows of the encoder, and tokens of
a row."""

_EXPORTER: Final = "torch.onnx._internal.exporter._registration"


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


class PropertyGraph(nn.Module):
    """Members with their heads; values are means over the members.

    Args:
        members: at least one.
        inputs: what is fed.
    """

    def __init__(self, members: Sequence[Net], inputs: Inputs) -> None:
        super().__init__()
        self.inputs = inputs
        self.nets = nn.ModuleList(Net(one.encoder, property_heads(one.heads)) for one in members)
        self.names = tuple(property_heads(members[0].heads))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return (CRYSTAL, *self.names)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Return the vectors of the first member, then the values by target."""
        batch = dict(zip(self.inputs.names, tensors, strict=True))
        atoms = batch.pop(N_ATOMS, None)
        nets = cast("Sequence[Net]", self.nets)
        encodings = [net.encoder(batch) for net in nets]
        values = [
            torch.stack(
                [
                    _values(net.heads[name], batch, encoding, atoms)
                    for net, encoding in zip(nets, encodings, strict=True)
                ]
            ).mean(dim=0)
            for name in self.names
        ]
        return (encodings[0].crystal, *values)


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


def trace(graph: PropertyGraph, example: Mapping[str, Tensor], longest: int, opset: int) -> Any:
    """Return the ONNX model of a graph, whose axes may be of any length.

    Args:
        graph: in evaluation mode.
        example: some inputs, several crystals of several lengths.
        longest: most rows of the encoder.
        opset: version of the operators of ONNX.

    Returns:
        an ``onnx.ModelProto`` without anything of this machine in it.

    Raises:
        stratus.errors.StratusError: torch cannot export the encoder, or not to this opset.
    """
    tensors = tuple(example.values())
    rows = torch.export.Dim(AXES[1], min=1, max=longest)
    dims = {0: torch.export.Dim(AXES[0], min=1), 1: rows, 2: torch.export.Dim(AXES[2], min=1)}
    shapes = tuple({axis: dims[axis] for axis in range(tensor.ndim)} for tensor in tensors)
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                tensors,
                input_names=list(example),
                output_names=list(graph.outputs),
                dynamic_shapes=(shapes,),
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
        model: Any = program.model_proto if program is not None else None
    except Exception as error:  # of any kind: torch's exporters and ONNX have no common root
        reason = " ".join(str(error).split())[:300]
        encoder = type(cast("Net", graph.nets[0]).encoder).__name__
        raise StratusError(
            f"torch could not export {encoder} to ONNX with opset {opset} ({reason})"
        ) from error
    _clean(model)
    found = {one.domain: one.version for one in model.opset_import}.get("")
    if found != opset:
        raise StratusError(f"torch exported to opset {found} instead of {opset}; ask for {found}")
    return model


def _values(
    head: Head, batch: Mapping[str, Tensor], encoding: Encoding, atoms: Tensor | None
) -> Tensor:
    """Return values in the unit of the target; as :func:`stratus.tasks.predictions.predict`."""
    [(name, task)] = head.tasks.items()
    given = head(batch, encoding)[name].double()
    if task.kind == "multiclass":
        return torch.softmax(given, dim=1)
    first: Tensor = given[:, 0]
    if task.kind == "binary":
        return torch.sigmoid(first)
    normaliser = head.normalisers[name]
    values = first * normaliser.std + normaliser.mean
    per_cell = atoms if normaliser.per_atom else None
    if per_cell is not None:
        values = values * per_cell
    if task.minimum is not None:
        values = values.clamp(min=task.minimum)
    return values if per_cell is None else torch.where(per_cell >= 1, values, math.nan)


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


def _clean(model: Any) -> None:
    """Remove what the exporter notes of its own way: source lines, paths, shapes in between."""
    del model.graph.value_info[:]
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for tensor in model.graph.initializer:
        tensor.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """Let torch's exporter say errors only inside the block; then everything is as before."""
    logger = logging.getLogger(_EXPORTER)
    before = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(before)
