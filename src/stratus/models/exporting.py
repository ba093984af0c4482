"""A model as an ONNX file, for programs without torch: checked against torch before it is kept."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stratus.errors import InputError, MissingExtraError, StratusError
from stratus.files.whole import whole_file
from stratus.heads.law import LawHead
from stratus.models.exporting_check import check, differences, expected, feed
from stratus.models.exporting_crystals import as_examples, make_crystals
from stratus.models.exporting_graph import PropertyGraph, trace
from stratus.models.exporting_inputs import (
    CRYSTAL,
    describe_inputs,
    describe_view,
    dynamic_shapes,
    inputs_of,
    property_heads,
)
from stratus.tasks.identities import IMPOSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stratus.heads.head import Head
    from stratus.models.exporting_crystals import Made
    from stratus.models.exporting_inputs import Inputs
    from stratus.models.model import Model
    from stratus.models.net import Net

METADATA_KEY: Final = "stratus"
"""Under this name a file holds a JSON text that says what goes in and what comes out."""

METADATA_FORMAT: Final = 1
OPSETS: Final = range(18, 23)
DEFAULT_OPSET: Final = OPSETS[0]
_LARGEST_FILE: Final = 2**31 - 2**20


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file.
        size: in bytes.
        opset: version of the operators of ONNX.
        members: how many members were averaged.
        inputs: names of the inputs.
        differences: by output, the largest difference from torch in shares of the spread.
        left_out: what the model has and the file has not, in words.
    """

    path: Path
    size: int
    opset: int
    members: int
    inputs: tuple[str, ...]
    differences: Mapping[str, float]
    left_out: tuple[str, ...]


def export_onnx(
    model: Model, path: str | Path, *, member: int | None = None, opset: int = DEFAULT_OPSET
) -> Exported:
    """Write encoder and property heads as one ONNX graph.

    Its inputs are the tensors of the model's view that the encoder reads, of any number of
    crystals and any length, or any number of atoms and edges; its outputs ``crystal``, the vectors,
    and one tensor for each target: values in its unit (float64 ``[batch]``), the probability of
    class 1, or the probabilities of the classes (``[batch, classes]``). What they are stands in the
    file, as the JSON text ``stratus`` of its metadata, with how a crystal becomes tokens or edges.

    Args:
        model: what to write; it is not changed.
        path: the file, new.
        member: a member of an ensemble, counted from 0; None writes the mean over all of them.
        opset: version of the operators of ONNX.

    Raises:
        stratus.errors.MissingExtraError: the extra ``onnx`` is not installed.
        stratus.errors.InputError: the file is there already, or there is no such member.
        stratus.errors.StratusError: the encoder cannot be exported (the message names the operator
            that forbids it), or the graph differs from torch by more than 1e-4 of the spread of a
            target; then there is no file.
    """
    path = Path(path)
    check_ready(path)
    if opset not in OPSETS:
        raise InputError(
            f"opset is {OPSETS[0]} to {OPSETS[-1]}, not {opset}: torch writes no older ones, and "
            "onnxruntime does not compute attention with masks of the newer ones"
        )
    members = _members(model, member)
    made = make_crystals(model)
    inputs = inputs_of(members, model.view.collate([one.sample for one in made]))
    graph = PropertyGraph(members, inputs).eval()
    example = feed(model, inputs, made[-3:] + made[:3])
    traced = trace(graph, example, dynamic_shapes(model.view, example), opset)
    left_out = _left_out(model)
    document = _document(model, members, inputs, made) | {"left_out": left_out}
    entry = traced.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(document, allow_nan=False)
    found = _write(traced, path, lambda session: differences(model, members, inputs, session, made))
    return Exported(
        path=path,
        size=path.stat().st_size,
        opset=opset,
        members=len(members),
        inputs=inputs.names,
        differences=found,
        left_out=left_out,
    )


def check_ready(path: Path) -> None:
    """Refuse what cannot be written, before any work.

    Raises:
        stratus.errors.MissingExtraError: the extra ``onnx`` is not installed.
        stratus.errors.InputError: the file is there already, or its folder is not.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "onnx")
    if path.exists():
        raise InputError(f"{path} is there already; name a new file")
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} is not there; make it first")


def _members(model: Model, member: int | None) -> tuple[Net, ...]:
    """Return copies of the members that are asked for: on the CPU and in evaluation mode."""
    count = len(model.members)
    if member is not None and not 0 <= member < count:
        raise InputError(f"there is no member {member}; the model has {count}, counted from 0")
    chosen = model.members if member is None else (model.members[member],)
    return tuple(deepcopy(one).cpu().eval() for one in chosen)


def _left_out(model: Model) -> tuple[str, ...]:
    """Return what a graph does not hold: some heads, deviations, intervals, identities."""
    heads = property_heads(model.heads)
    others = {name: head for name, head in model.heads.items() if name not in heads}
    found = [f"the head {name}, which {_reason(head)}" for name, head in others.items()]
    gaussian = [name for name, head in heads.items() if head.task.loss == "gaussian"]
    if gaussian:
        found.append(f"the standard deviations that the heads {', '.join(gaussian)} give")
    if len(model.members) > 1:
        found.append("the standard deviations over the members")
    if model.calibration is not None:
        found.append("the calibration of the intervals")
    if model.domain is not None:
        found.append("what the heads learned from, and so no prediction says that it is out of it")
    imposed = [name for name in heads if name in IMPOSED]
    if imposed:
        found.append(f"the identities that stratus imposes on {', '.join(imposed)}")
    return tuple(sorted(found))


def _reason(head: Head) -> str:
    """Return why a graph does not hold a head."""
    if head.differentiates:
        return "takes gradients"
    if isinstance(head, LawHead):
        return "predicts by a law; Model.thermo gives its curves"
    return "predicts per formula unit" if head.tasks else "predicts no property"


def _document(
    model: Model, members: Sequence[Net], inputs: Inputs, made: Sequence[Made]
) -> dict[str, Any]:
    """Return what another program must know to feed the graph and to read its outputs."""
    heads = property_heads(members[0].heads)
    example = [made[0], made[-1]]
    fed, values = feed(model, inputs, example), expected(model, members, example)
    return {
        "format": METADATA_FORMAT,
        "stratus": version("stratus-crystals"),
        "architecture": model.architecture,
        "members": len(members),
        **describe_view(model.view),
        "inputs": describe_inputs(model.view, fed),
        "outputs": {CRYSTAL: {"kind": "vector"}}
        | {
            name: {"kind": head.task.kind, "unit": head.task.unit, "per": head.task.per}
            | {"classes": list(head.task.classes), "column": head.task.column}
            for name, head in heads.items()
        },
        "card": model.card.model_dump(mode="json"),
        "example": {
            **as_examples(example),
            "inputs": {name: tensor.tolist() for name, tensor in fed.items()},
            "outputs": {name: right.tolist() for name, (right, _) in values.items()},
        },
    }


def _write(
    traced: Any, path: Path, measure: Callable[[Any], Mapping[str, float]]
) -> Mapping[str, float]:
    """Write under a temporary name, check, and rename; return the differences from torch."""
    onnx: Any = import_module("onnx")  # both may be missing, so mypy is told nothing of them
    onnxruntime: Any = import_module("onnxruntime")
    if traced.ByteSize() > _LARGEST_FILE:
        raise StratusError(
            f"the graph has {traced.ByteSize():,} bytes, more than the 2 GB that one ONNX file can "
            "hold; export one member"
        )
    try:
        with whole_file(path) as draft:
            draft.write_bytes(traced.SerializeToString())
            onnx.checker.check_model(str(draft))
            options = onnxruntime.SessionOptions()
            options.log_severity_level = 4  # what goes wrong comes as an exception as well
            session = onnxruntime.InferenceSession(
                str(draft), options, providers=["CPUExecutionProvider"]
            )
            found = measure(session)
            check(found)
    except OSError as error:
        raise StratusError(f"{path} could not be written ({error}); make room and repeat") from None
    except StratusError:
        raise
    except Exception as error:  # of any kind: ONNX and its runtime have no common root
        reason = " ".join(str(error).split())[:300]
        raise StratusError(
            f"onnxruntime cannot compute the exported graph, so nothing was written ({reason})"
        ) from error
    return found
