"""A model as one graph: from the tensors of a view to values in the units of the targets."""

from __future__ import annotations

import logging
import math
import re
import warnings
from contextlib import contextmanager, redirect_stderr
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from stratus.errors import StratusError
from stratus.models.exporting_inputs import CRYSTAL, N_ATOMS, property_heads
from stratus.models.net import Net

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from stratus.encoders.encoding import Encoding
    from stratus.heads.head import Head
    from stratus.models.exporting_inputs import Inputs

_EXPORTERS: Final = (
    "torch.onnx._internal.exporter._registration",
    "torch.fx.experimental.symbolic_shapes",
    "torch.export",
    "torch.export._trace",
    "onnxscript",
    "onnx_ir",
)
_UNKNOWN: Final = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")
_BY_VALUES: Final = (torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape)


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


def trace(
    graph: PropertyGraph,
    example: Mapping[str, Tensor],
    shapes: Sequence[Mapping[int, Any]],
    opset: int,
) -> Any:
    """Return the ONNX model of a graph.

    Args:
        graph: in evaluation mode.
        example: some inputs, several crystals of several sizes.
        shapes: which of their axes may be of any length; of
            :func:`stratus.models.exporting_inputs.dynamic_shapes`.
        opset: version of the operators of ONNX.

    Returns:
        an ``onnx.ModelProto`` without anything of this machine in it.

    Raises:
        stratus.errors.StratusError: torch cannot export the encoder, or not to this opset.
    """
    tensors = tuple(example.values())
    encoder = type(cast("Net", graph.nets[0]).encoder).__name__
    refusal = f"torch could not export {encoder} to ONNX with opset {opset}"
    try:
        with _quiet():
            program = torch.onnx.export(
                graph,
                tensors,
                input_names=list(example),
                output_names=list(graph.outputs),
                dynamic_shapes=(tuple(shapes),),
                opset_version=opset,
                custom_translation_table={torch.ops.aten.index_add.default: _index_add},
                dynamo=True,
                verbose=False,
            )
        model: Any = program.model_proto if program is not None else None
    except Exception as error:  # of any kind: torch's exporters and ONNX have no common root
        reason = _obstacle(graph, tensors, str(error))
        raise StratusError(f"{refusal}: {reason}") from error
    if fixed := _fixed_axis(model, shapes):
        raise StratusError(
            f"{refusal}: {_obstacle(graph, tensors, f'{fixed} is a number in the graph')}"
        )
    _clean(model)
    found = {one.domain: one.version for one in model.opset_import}.get("")
    if found != opset:
        raise StratusError(f"torch exported to opset {found} instead of {opset}; ask for {found}")
    return model


def _index_add(into: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    """Return ``index_add`` as ONNX; its arguments are values of a graph.

    Torch takes ScatterND for it, which the threads of onnxruntime do at once, so that now and then
    a row is lost where two go to one place (microsoft/onnxruntime issues 18048 and 23396).
    """
    if alpha != 1:
        raise StratusError(f"index_add with alpha {alpha} has no translation to ONNX")
    op: Any = import_module("onnxscript").opset18
    shape = [-1 if axis == dim else 1 for axis in range(len(source.shape))]
    places = op.Expand(op.Reshape(index, op.Constant(value_ints=shape)), op.Shape(source))
    return op.ScatterElements(into, places, source, axis=dim, reduction="add")


def _obstacle(graph: PropertyGraph, tensors: Sequence[Tensor], said: str) -> str:
    """Return which operators forbid an export; what torch said where none is known to."""
    reasons = [f"ONNX has no operator for {name}" for name in _UNKNOWN.findall(said)]
    with torch.inference_mode(), _ByValues() as watched:
        graph(*tensors)
    if watched.names:
        names = " and ".join(sorted(watched.names))
        reasons.append(
            f"the size of what {names} gives depends on numbers and not on sizes, so the graph "
            "would hold for this batch alone"
        )
    return ", and ".join(dict.fromkeys(reasons)) or f"({' '.join(said.split())[:300]})"


def _fixed_axis(model: Any, shapes: Sequence[Mapping[int, Any]]) -> str | None:
    """Return an axis that may have any length, but has become a number; None where there is none.

    Torch traces numbers where it cannot trace sizes, and then the graph is one of the example.
    """
    for tensor, free in zip(model.graph.input, shapes, strict=True):
        lengths = tensor.type.tensor_type.shape.dim
        for axis, dim in free.items():
            if lengths[axis].HasField("dim_value"):
                return f"the length of {dim.__name__}"
    return None


class _ByValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the operators whose output has a size, or is a number, that depends on values."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Note the operator and let it work."""
        places = func.overloadpacket is torch.ops.aten.index and all(
            one is None or one.dtype != torch.bool for one in args[1]
        )
        if not places and any(tag in func.tags for tag in _BY_VALUES):
            self.names.add(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


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
    """Let torch's exporter say nothing inside the block; then everything is as before."""
    loggers = [logging.getLogger(name) for name in _EXPORTERS]
    before = [one.level for one in loggers]
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        try:
            for one in loggers:
                one.setLevel(logging.CRITICAL)
            yield
        finally:
            for one, level in zip(loggers, before, strict=True):
                one.setLevel(level)
