"""Forces and stress of an energy that is a function of atoms: its gradients, by automatic means.

All positions and cells are made to depend on displacements of the atoms and on a symmetric strain
of each crystal, both zero; an energy of them is then differentiated. Source: Knuth et al. 2015
(arXiv:1404.7012) for the stress as a derivative by strain; nequip computes both in this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor


class Strained(NamedTuple):
    """Atoms of some crystals, end to end, as functions of what an energy is differentiated by.

    Attributes:
        positions: ``[N, 3]``, in Å; what an energy is to be worked out from.
        cells: ``[B, 3, 3]``, rows are lattice vectors, in Å; likewise.
        displaced: ``[N, 3]``, the positions before the strain; leaves of the graph.
        strain: ``[B, 3, 3]``, zero; leaves of the graph. Its antisymmetric part is left out, so
            nothing is turned.
    """

    positions: Tensor
    cells: Tensor
    displaced: Tensor
    strain: Tensor


def strained(positions: Tensor, cells: Tensor, owner: Tensor) -> Strained:
    """Make positions and cells depend on displacements and on a symmetric strain.

    Args:
        positions: ``[N, 3]``, Cartesian, in Å.
        cells: ``[B, 3, 3]``, rows are lattice vectors, in Å.
        owner: int64 ``[N]``, the crystal of each atom.

    Returns:
        the same numbers, exactly.

    Raises:
        RuntimeError: gradients are off here, or torch is in its inference mode.
    """
    if torch.is_inference_mode_enabled() or not torch.is_grad_enabled():
        raise RuntimeError(
            "forces and stress are gradients, and gradients are off here; work them out under "
            "torch.enable_grad(), and not in torch.inference_mode()"
        )
    displaced = positions.detach().clone().requires_grad_()
    strain = torch.zeros_like(cells, requires_grad=True)
    symmetric = (strain + strain.mT) / 2
    moved = displaced + (displaced.unsqueeze(1) @ symmetric[owner]).squeeze(1)
    return Strained(moved, cells.detach() + cells.detach() @ symmetric, displaced, strain)


def gradients(energy: Tensor, of: Strained, *, create_graph: bool) -> tuple[Tensor, Tensor]:
    """Return forces and stress; both are zero where an energy depends on no atom's place.

    Args:
        energy: of each crystal, ``[B]`` or ``[B, 1]``, or their sum, in eV: of whole cells, worked
            out from the positions and cells of ``of``.
        of: as :func:`strained` made it.
        create_graph: whether both can be differentiated again, as a loss of them needs.

    Returns:
        forces ``[N, 3]``, in eV/Å, the negative gradient by positions; stress ``[B, 3, 3]``, in
        eV/Å^3, the derivative by the strain over the volume: symmetric, and positive under tension.
    """
    volume = torch.linalg.det(of.cells.detach()).abs()[:, None, None]
    if not energy.requires_grad:  # of atoms too far from each other, say
        return torch.zeros_like(of.displaced), torch.zeros_like(of.strain)
    by_position, by_strain = torch.autograd.grad(
        energy.sum(),
        (of.displaced, of.strain),
        create_graph=create_graph,
        materialize_grads=True,
    )
    return -by_position, by_strain / volume
