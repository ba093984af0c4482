"""The properties of the elements as a table of numbers, by atomic number.

An encoder that knows an element only as a number has to learn from its labels that Na is next to K;
this table tells it. It is on the CPU, also where modules are built on the meta device.
"""

from __future__ import annotations

import numpy as np
import torch

from stratus.crystals.element_properties import scaled_properties


def properties_by_number() -> torch.Tensor:
    """Return the properties of each element, float32 ``[Z + 1, P]``, row by atomic number."""
    values = scaled_properties()
    nothing = np.zeros((1, values.shape[1]))
    return torch.tensor(np.concatenate([nothing, values]), dtype=torch.float32, device="cpu")
