"""Checkpoints: sealed folders of tensors and JSON, of which the newest whole one is taken.

``checkpoints/step-000123/`` holds ``tensors.safetensors``, ``state.json`` and ``MANIFEST.json``.
It appears whole or not at all, so a run that is killed while it writes one goes on from the one
before.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lightning.pytorch.plugins import CheckpointIO
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from stratus.errors import ResumeError, StratusError
from stratus.files.plain import read_plain_text
from stratus.files.sealed import SealError, remove, sealing, verify
from stratus.training.state_json import join, split

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import torch

TENSORS: Final = "tensors.safetensors"
STATE: Final = "state.json"
FORMAT: Final = 2
_MOST_STATE: Final = 256 << 20
_NAME: Final = re.compile(r"step-(\d{6,})")
_log = logging.getLogger(__name__)


class CheckpointWriteError(StratusError):
    """A checkpoint could not be written; those before it are unharmed."""


def step_folder(folder: Path, step: int) -> Path:
    """Return where the checkpoint after a step lies."""
    return folder / f"step-{step:06d}"


def steps_in(folder: Path) -> list[int]:
    """Return the steps of which there is a checkpoint, whole or not, in order."""
    names = (_NAME.fullmatch(path.name) for path in folder.glob("step-*"))
    return sorted(int(name[1]) for name in names if name)


def write_checkpoint(state: dict[str, Any], folder: Path) -> None:
    """Write a state into a sealed folder; one of that name is replaced.

    Raises:
        CheckpointWriteError: the disk is full or may not be written.
        stratus.errors.InputError: the state holds what neither tensors nor JSON can hold.
    """
    rest, tensors = split(state)
    try:
        with sealing(folder, replace=True) as draft:
            copies = {name: _copy(tensor) for name, tensor in tensors.items()}
            save_file(copies, draft / TENSORS)
            text = json.dumps({"format": FORMAT, "state": rest})
            (draft / STATE).write_text(text, encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise CheckpointWriteError(
            f"the checkpoint {folder} could not be written ({error}); earlier ones are unharmed: "
            "make room, then go on with --resume"
        ) from error


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Read a checkpoint after checking every byte of it.

    Raises:
        ResumeError: it is not whole, or of another format.
    """
    try:
        verify(folder)
        table = json.loads(read_plain_text(folder / STATE, _MOST_STATE))
        if table["format"] != FORMAT:
            raise ResumeError(
                f"{folder} has format {table['format']!r}; this version of stratus reads {FORMAT}"
            )
        tensors = load_file(folder / TENSORS)
        state: dict[str, Any] = join(table["state"], tensors)
    except SealError as error:
        raise ResumeError(str(error)) from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        if isinstance(error, ResumeError):
            raise
        raise ResumeError(f"the checkpoint {folder} cannot be read ({error})") from None
    return state


def net_weights(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the weights of the net of a checkpoint; averaged ones where the run averages."""
    tensors, prefix = state["state_dict"], "net."
    if "averaged" in state:
        tensors, prefix = state["averaged"], "module."
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def newest(folder: Path) -> tuple[int, dict[str, Any]] | None:
    """Return the newest whole checkpoint of a folder, and its step.

    Those that are not whole are passed over with a warning that names them.
    """
    for step in reversed(steps_in(folder)):
        path = step_folder(folder, step)
        try:
            state = read_checkpoint(path)
        except ResumeError as error:
            _log.warning("passing over a damaged checkpoint: %s", error)
            continue
        return step, state
    return None


def prune(folder: Path, *, keep: int) -> None:
    """Remove all checkpoints but the last ``keep``."""
    for step in steps_in(folder)[:-keep]:
        remove(step_folder(folder, step))


def sweep(folder: Path) -> None:
    """Remove what a killed process left half written."""
    for end in ("part-*", "old-*"):
        for stale in folder.glob(f".step-*.{end}"):
            shutil.rmtree(stale, ignore_errors=True)


class SealedCheckpoints(CheckpointIO):
    """Lets Lightning write and read sealed folders instead of pickles.

    Args:
        required: whether a checkpoint that cannot be written ends the run; otherwise it goes on
            with a warning.
    """

    def __init__(self, *, required: bool = True) -> None:
        self._required = required

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | os.PathLike[str],
        storage_options: object = None,  # noqa: ARG002 - Lightning's interface
    ) -> None:
        """Write a state; see :func:`write_checkpoint`."""
        try:
            write_checkpoint(checkpoint, Path(path))
        except CheckpointWriteError as error:
            if self._required:
                raise
            _log.warning("%s", error)

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: object = None,  # noqa: ARG002 - tensors are read to the CPU, then moved
        weights_only: bool | None = None,  # noqa: ARG002, FBT001 - nothing is ever unpickled
    ) -> dict[str, Any]:
        """Read a state; see :func:`read_checkpoint`."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Remove a checkpoint."""
        remove(Path(path))


def _copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a copy on the CPU that shares no memory with another, as safetensors wants it."""
    return tensor.detach().to("cpu", copy=True).contiguous()
