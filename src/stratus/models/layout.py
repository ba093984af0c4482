"""Which tensors a file holds and which it should hold: names, shapes and dtypes, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from safetensors import SafetensorError, safe_open

from stratus.errors import InputError
from stratus.files.plain import require_plain

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS_FILE: Final = "weights.safetensors"

_MOST_HEADER: Final = 16 << 20
"""Bytes that tell names and shapes of tensors; a thousand members have a tenth of it."""

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
