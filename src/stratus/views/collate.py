"""Samples to a flat batch: parts and edges of all crystals end to end, and nothing is padded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from stratus.errors import InputError
from stratus.views.keys import OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stratus.views.keys import Batch, Key
    from stratus.views.view import Ints

FlatSample: TypeAlias = Mapping[str, npt.NDArray[np.generic]]
"""What a flat view makes of a crystal: its arrays, by the names of the keys of the view."""


def flat_batch(samples: Sequence[FlatSample], keys: Sequence[Key]) -> Batch:
    """Return the batch of some samples of a flat view.

    Args:
        samples: of each crystal its arrays, by the names of the keys: of a part ``[n, ...]``, of an
            edge ``[k, ...]``, of a crystal ``[...]``.
        keys: what each tensor is; at least one is of parts.

    Returns:
        the tensors of the keys: of parts ``[N, ...]``, of edges ``[K, ...]``, of crystals
        ``[B, ...]``; and ``owner``, int64 ``[N]``, the crystal of each part.

    Raises:
        stratus.errors.InputError: there is no sample.
    """
    sizes = part_sizes(samples, keys)
    starts = np.cumsum(sizes) - sizes
    batch: Batch = {}
    for key in keys:
        values = [sample[key.name] for sample in samples]
        if key.of == "crystal":
            joined = np.stack(values, dtype=key.dtype, casting="unsafe")
        else:
            joined = np.concatenate(values, dtype=key.dtype, casting="unsafe")
        if key.index:
            joined += np.repeat(starts, _lengths(values))
        batch[key.name] = torch.from_numpy(joined)
    batch[OWNER] = torch.from_numpy(np.repeat(np.arange(len(samples)), sizes))
    return batch


def part_sizes(samples: Sequence[FlatSample], keys: Sequence[Key]) -> Ints:
    """Return the parts of each sample, int64 ``[B]``; arguments as of :func:`flat_batch`.

    Raises:
        stratus.errors.InputError: there is no sample.
    """
    if not samples:
        raise InputError("a batch of no crystals has no tensors; give at least one crystal")
    name = next(key.name for key in keys if key.of == "part")
    return _lengths([sample[name] for sample in samples])


def _lengths(values: Sequence[npt.NDArray[np.generic]]) -> Ints:
    return np.fromiter(map(len, values), np.int64, len(values))
