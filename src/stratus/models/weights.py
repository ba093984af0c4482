"""``weights.safetensors``: the tensors of a bundle, checked by name, shape and dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

WEIGHTS_FILE: Final = "weights.safetensors"

Layout: TypeAlias = "dict[str, tuple[tuple[int, ...], str]]"
"""Shape and dtype of each tensor, by name."""

_DTYPES: Final = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}


def layout(modules: Mapping[str, nn.Module]) -> Layout:
    """Return shape and dtype of every tensor of some modules, by prefix and name."""
    return {
        f"{prefix}.{name}": (tuple(tensor.shape), _DTYPES.get(tensor.dtype, str(tensor.dtype)))
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }


def write_weights(folder: Path, modules: Mapping[str, nn.Module]) -> None:
    """Write the tensors of some modules, by prefix and name."""
    tensors = {
        f"{prefix}.{name}": tensor.detach().to("cpu").contiguous()
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
    save_file(tensors, folder / WEIGHTS_FILE)


def read_layout(path: Path) -> Layout:
    """Return shape and dtype of every tensor of a file; no tensor is read.

    Raises:
        stratus.errors.InputError: it is no safetensors file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            return {
                name: (tuple(part.get_shape()), str(part.get_dtype()))
                for name, part in slices.items()
            }
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no safetensors file that can be read: {error}") from None


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


def fill(modules: Mapping[str, nn.Module], path: Path) -> None:
    """Give modules on the meta device their memory, on the CPU, and their weights from a file.

    Raises:
        stratus.errors.InputError: as :func:`read_layout` and :func:`check_layout`.
    """
    check_layout(read_layout(path), layout(modules), path)
    with safe_open(path, framework="pt", device="cpu") as file:
        for prefix, module in modules.items():
            module.to_empty(device="cpu")
            tensors: dict[str, Tensor] = {
                name: file.get_tensor(f"{prefix}.{name}") for name in module.state_dict()
            }
            module.load_state_dict(tensors)
