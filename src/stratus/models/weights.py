"""``weights.safetensors``: from nets to the file and back, and which tensors it holds.

Torch is imported only where tensors are: names and shapes alone are read without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from safetensors import SafetensorError, safe_open

from stratus.errors import InputError
from stratus.files.plain import require_plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from stratus.models.net import Net

WEIGHTS_FILE: Final = "weights.safetensors"

_MOST_HEADER: Final = 16 << 20
"""Bytes that tell names and shapes of tensors; a thousand members have a tenth of it."""

_DTYPES: Final = {"torch.float32": "F32", "torch.int64": "I64", "torch.bool": "BOOL"}

Layout: TypeAlias = "dict[str, tuple[tuple[int, ...], str]]"
"""Shape and dtype of each tensor, by name."""


def read_layout(path: Path) -> Layout:
    """Return shape and dtype of every tensor of a file; no tensor is read.

    Raises:
        stratus.errors.InputError: it is no safetensors file.
    """
    require_plain(path)
    try:
        with path.open("rb") as start:
            header = int.from_bytes(start.read(8), "little")
        if header > _MOST_HEADER:
            raise InputError(f"{path} is no safetensors file that can be read: header too large")
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {
                name: (tuple(part.get_shape()), str(part.get_dtype()))
                for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no safetensors file that can be read: {error}") from None


def layout_of(nets: Sequence[Net]) -> Layout:
    """Return shape and dtype of every tensor of some nets, by its name in the file."""
    return {
        name: (tuple(tensor.shape), _DTYPES.get(str(tensor.dtype), str(tensor.dtype)))
        for name, tensor in _tensors(nets).items()
    }


def check_layout(found: Layout, expected: Layout, where: object) -> None:
    """Compare the tensors there are with those there should be.

    Raises:
        stratus.errors.InputError: one is missing, too many, or of another shape or dtype; the
            message names it.
    """
    for name in expected.keys() - found.keys():
        raise InputError(f"{where}: the tensor {name} is missing")
    for name in found.keys() - expected.keys():
        raise InputError(f"{where}: the tensor {name} belongs to nothing in the model")
    for name, (shape, dtype) in expected.items():
        if found[name][0] != shape:
            raise InputError(
                f"{where}: the tensor {name} has shape {list(found[name][0])}, "
                f"where the model has {list(shape)}"
            )
        if found[name][1] != dtype:
            raise InputError(f"{where}: the tensor {name} is {found[name][1]}, not {dtype}")


def check_finite(tensors: Mapping[str, Tensor], where: str) -> None:
    """Refuse weights from which nothing can be worked out.

    Args:
        tensors: by name.
        where: stands before the name in the message.

    Raises:
        stratus.errors.InputError: one holds NaN or infinity; the message names it.
    """
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            count = int((~tensor.isfinite()).sum())
            raise InputError(
                f"{where}{name} holds {count:,} values that are no finite numbers, so nothing can "
                "be predicted with it; take a whole copy, or train again"
            )


def write_weights(folder: Path, nets: Sequence[Net]) -> None:
    """Write the tensors of some nets.

    Raises:
        stratus.errors.InputError: a weight is no finite number; the message names it.
    """
    from safetensors.torch import save_file

    tensors = {
        name: tensor.detach().to("cpu").contiguous() for name, tensor in _tensors(nets).items()
    }
    check_finite(tensors, f"{folder} cannot be saved: the tensor ")
    save_file(tensors, folder / WEIGHTS_FILE)


def fill(nets: Sequence[Net], path: Path) -> None:
    """Give nets on the meta device their memory, on the CPU, and their weights from a file.

    Raises:
        stratus.errors.InputError: the file is damaged, its tensors are not those of the nets, or a
            weight is no finite number; the message names the first.
    """
    check_layout(read_layout(path), layout_of(nets), path)
    with safe_open(path, framework="pt", device="cpu") as file:
        for number, net in enumerate(nets):
            prefix = _prefix(number)
            tensors: dict[str, Tensor] = {
                name: file.get_tensor(prefix + name).clone()  # else it stays in the file
                for name in net.state_dict()
            }
            check_finite(tensors, f"{path}: the tensor {prefix}")
            # what is no weight stays as it was built; a name may have dots, which strict is not for
            net.load_state_dict(tensors, assign=True, strict=False)


def _tensors(nets: Sequence[Net]) -> dict[str, Tensor]:
    return {
        _prefix(number) + name: tensor
        for number, net in enumerate(nets)
        for name, tensor in net.state_dict().items()
    }


def _prefix(number: int) -> str:
    return f"members.{number}."
