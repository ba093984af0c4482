"""Elements as vectors: learned ones, and the properties as a table of numbers.

An encoder that knows an element only as a number has to learn from its labels that Na is next to K;
this table tells it. It is on the CPU, also where modules are built on the meta device.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from stratus.crystals.element_properties import property_names, scaled_properties
from stratus.crystals.elements import SYMBOLS

_BESIDE_PROPERTIES: Final = 0.02  # elements that are alike begin alike


class ElementEncoder(nn.Module):
    """What encoders have in common that see elements: a learned vector of each, and properties."""

    element_embedding: nn.Embedding
    property_projection: nn.Linear | None
    property_table: Tensor

    def add_elements(self, width: int, *, properties: bool) -> None:
        """Make the parts, on the meta device: nothing is drawn.

        Args:
            width: of the vector of an element.
            properties: whether the properties of an element add to it.
        """
        self.element_embedding = nn.Embedding(len(SYMBOLS), width)
        self.property_projection = None
        if properties:
            self.property_projection = nn.Linear(len(property_names()), width, bias=False)

    def add_table(self) -> None:
        """Add the table of properties, when weights are drawn; a skeleton gets it on the CPU."""
        self.register_buffer("property_table", properties_by_number(), persistent=False)
        if not self.element_embedding.weight.is_meta:
            self.to(self.element_embedding.weight.device)

    def element_vectors(self) -> Tensor:
        """Return the vector of each element, ``[Z + 1, width]``, row by atomic number."""
        elements: Tensor = self.element_embedding.weight
        if self.property_projection is not None:
            elements = elements + self.property_projection(self.property_table)
        return elements

    def draw_elements(self, generator: torch.Generator | None) -> None:
        """Fill the learned vectors afresh."""
        spread = 1.0 if self.property_projection is None else _BESIDE_PROPERTIES
        nn.init.normal_(self.element_embedding.weight, std=spread, generator=generator)


def draw_evenly(weight: Tensor, inputs: int, generator: torch.Generator | None) -> None:
    """Fill a weight or bias of so many inputs afresh, as torch does by default."""
    bound = 1 / math.sqrt(inputs)
    nn.init.uniform_(weight, -bound, bound, generator=generator)


def properties_by_number() -> torch.Tensor:
    """Return the properties of each element, float32 ``[Z + 1, P]``, row by atomic number."""
    values = scaled_properties()
    nothing = np.zeros((1, values.shape[1]))
    return torch.tensor(np.concatenate([nothing, values]), dtype=torch.float32, device="cpu")
