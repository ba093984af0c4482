"""What the members of a fold predict for some rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from stratus.training.device import device_here
from stratus.training.finetune.loop import raw_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from stratus.tasks.predictions import Prediction
    from stratus.training.finetune.network import PropertyNet
    from stratus.training.finetune.rows import Rows

    Indices = npt.NDArray[np.int64]


def predict_members(
    nets: Sequence[PropertyNet],
    rows: Rows,
    atoms: Mapping[str, Indices | None],
    batch_size: int,
) -> dict[str, list[Prediction]]:
    """Return what each member predicts, by task.

    Args:
        nets: the members.
        rows: n crystals.
        atoms: by task ``[n]``, the atoms that its values are of; 0 where unknown, and they are
            then NaN. None for a task whose values are of no number of atoms.
        batch_size: crystals that go through a net together.
    """
    found: dict[str, list[Prediction]] = {}
    for net in nets:
        raw = _raw(net, rows, batch_size)
        for name, head in net.by_name.items():
            predicted = head.predictions(raw[name], lambda task: atoms[task.name])
            for task, one in predicted.items():
                found.setdefault(task, []).append(one)
    return found


def _raw(net: PropertyNet, rows: Rows, batch_size: int) -> dict[str, torch.Tensor]:
    """Return what the heads give for each row, ``[n, outputs]`` by the name of the head."""
    if not len(rows):
        return {name: torch.empty(0, head.config.outputs) for name, head in net.by_name.items()}
    net.to(device_here())
    found = list(raw_of(net, net.raw, rows, batch_size))
    net.cpu()
    back = torch.from_numpy(np.argsort(np.concatenate([places for places, _, _ in found])))
    return {name: torch.cat([raw[name] for _, _, raw in found])[back] for name in net.by_name}
