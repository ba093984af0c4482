"""Constant matrices of a module, kept in double precision whatever its weights are.

A buffer would follow ``module.float().double()`` and keep what single precision left of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


class Constant:
    """Numbers that do not change; a tensor of them is made once for each dtype and device.

    Args:
        values: of any shape; integers stay int64.
    """

    def __init__(self, values: NDArray) -> None:  # type: ignore[type-arg]  # of either kind
        self._values = values
        self._made: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, x: Tensor) -> Tensor:
        """Return the numbers in the dtype of a floating tensor and on its device."""
        key = (x.device, x.dtype)
        found = self._made.get(key)
        if found is None:
            with torch.inference_mode(mode=False):  # it may be needed for gradients later
                dtype = torch.int64 if self._values.dtype.kind == "i" else x.dtype
                found = torch.tensor(self._values, dtype=dtype, device=x.device)
            if type(found) is torch.Tensor:  # and no stand-in of an export
                self._made[key] = found
        return found
