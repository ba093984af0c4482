"""``weights.safetensors``: from modules to the file and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from stratus.errors import InputError
from stratus.models.layout import WEIGHTS_FILE, check_layout, read_layout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from stratus.models.layout import Layout

_DTYPES: Final = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL"}


def layout(modules: Mapping[str, nn.Module]) -> Layout:
    """Return shape and dtype of every tensor of some modules, by prefix and name."""
    return {
        f"{prefix}.{name}": (tuple(tensor.shape), _DTYPES.get(tensor.dtype, str(tensor.dtype)))
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }


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


def write_weights(folder: Path, modules: Mapping[str, nn.Module]) -> None:
    """Write the tensors of some modules, by prefix and name.

    Raises:
        stratus.errors.InputError: a weight is no finite number; the message names it.
    """
    tensors = {
        f"{prefix}.{name}": tensor.detach().to("cpu").contiguous()
        for prefix, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
    check_finite(tensors, f"{folder} cannot be saved: the tensor ")
    save_file(tensors, folder / WEIGHTS_FILE)


def fill(modules: Mapping[str, nn.Module], path: Path) -> None:
    """Give modules on the meta device their memory, on the CPU, and their weights from a file.

    Raises:
        stratus.errors.InputError: the file is damaged, its tensors are not those of the modules,
            or a weight is no finite number; the message names the first.
    """
    check_layout(read_layout(path), layout(modules), path)
    with safe_open(path, framework="pt", device="cpu") as file:
        for prefix, module in modules.items():
            tensors: dict[str, Tensor] = {
                name: file.get_tensor(f"{prefix}.{name}").clone()  # else it stays in the file
                for name in module.state_dict()
            }
            check_finite(tensors, f"{path}: the tensor {prefix}.")
            module.load_state_dict(tensors, assign=True)  # what is no weight stays as it was built
