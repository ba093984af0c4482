"""What the members of a fold predict for some rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from stratus.tasks.predictions import Prediction
from stratus.training.device import device_here
from stratus.training.finetune.loop import raw_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from stratus.training.finetune.network import PropertyNet
    from stratus.training.finetune.rows import Rows

    Indices = npt.NDArray[np.int64]


def predict_members(
    nets: Sequence[PropertyNet], rows: Rows, atoms: Indices, batch_size: int
) -> dict[str, list[Prediction]]:
    """Return what each member predicts, by task.

    Args:
        nets: the members.
        rows: n crystals.
        atoms: ``[n]``, atoms of their primitive cells; 0 where unknown, and what is per cell is
            then NaN.
        batch_size: crystals that go through a net together.
    """
    found: dict[str, list[Prediction]] = {}
    for net in nets:
        raw = _raw(net, rows, batch_size)
        for name, head in net.by_task.items():
            one = head.values(raw[name], np.maximum(atoms, 1))
            if head.task.per == "cell":
                unknown = atoms < 1
                std = None if one.std is None else np.where(unknown, np.nan, one.std)
                one = Prediction(np.where(unknown, np.nan, one.values), std)
            found.setdefault(name, []).append(one)
    return found


def _raw(net: PropertyNet, rows: Rows, batch_size: int) -> dict[str, torch.Tensor]:
    """Return what the heads give for each row, ``[n, outputs]`` by task."""
    if not len(rows):
        return {name: torch.empty(0, head.task.outputs) for name, head in net.by_task.items()}
    net.to(device_here())
    found = list(raw_of(net, rows, batch_size))
    net.cpu()
    back = torch.from_numpy(np.argsort(np.concatenate([places for places, _, _ in found])))
    return {name: torch.cat([raw[name] for _, _, raw in found])[back] for name in net.by_task}
