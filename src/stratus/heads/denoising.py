"""The head of denoising: where the atoms of a crystal were before they were displaced.

Its numbers are the negative gradient by positions of one number of each crystal, times its atoms.
So they turn with the crystal where the encoder does not see that it is turned, and their sum over a
crystal is zero where it does not see a shift of all atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import torch

from stratus.heads.head import CrystalHead, CrystalHeadConfig
from stratus.physics.strain import Strained, gradients
from stratus.views.keys import CELLS, DISPLACED, OWNER, POSITIONS, STRAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stratus.encoders.encoding import Encoding

DENOISING: Final = "denoising"
"""The name of its numbers, and of the head among those of a net that was pre-trained."""


class DenoisingHead(CrystalHead):
    """Displacements of atoms back to where they were, over the spread of the noise.

    Source: Zaidi et al. 2023, arXiv:2206.00133, where a net gives vectors; here they are a
    gradient, so that every encoder of atoms can learn them, and what is learned is a force field.

    Args:
        config: sizes; ``outputs`` is 1.
        generator: where fresh weights come from; torch's own generator if None.
    """

    differentiates: ClassVar[bool] = True

    def __init__(self, config: CrystalHeadConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config, generator)
        self.config = config

    def forward(self, batch: Mapping[str, Tensor], encoding: Encoding) -> dict[str, Tensor]:
        """Return the displacements.

        Args:
            batch: of atoms, with the leaves that :meth:`stratus.models.net.Net.forward` adds.
            encoding: what the encoder gave for it.

        Returns:
            ``[N, 3]`` under ``denoising``; they can be differentiated again in training.
        """
        atoms = torch.bincount(batch[OWNER], minlength=len(encoding.crystal))
        energy = self.raw(encoding.crystal)[:, 0] * atoms
        of = Strained(batch[POSITIONS], batch[CELLS], batch[DISPLACED], batch[STRAIN])
        return {DENOISING: gradients(energy, of, create_graph=self.training)[0]}
