"""Forces and stress as tasks: a net of atoms gives an energy and the gradients of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from stratus.encoders.encoding import Encoding
from stratus.errors import InputError
from stratus.heads.energy import EnergyHead, EnergyHeadConfig
from stratus.heads.table import HEADS, kind_of, make_heads
from stratus.models.net import Net
from stratus.models.run_over import run_over
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.keys import CELLS, OWNER, POSITIONS

ENERGY = make_task({"column": "energy", "unit": "eV", "per": "cell"})
FORCES = make_task(
    {
        "column": "forces",
        "unit": "eV/Å",
        "of": "atom",
        "shape": (3,),
        "by": {"of": "energy", "to": "positions"},
    }
)
STRESS = make_task(
    {
        "column": "stress",
        "unit": "eV/Å^3",
        "shape": (3, 3),
        "by": {"of": "energy", "to": "strain"},
    }
)
NORMALISERS = {
    "energy": Normaliser(mean=-3.0, std=0.7, per_atom=True, rows=9),
    "forces": Normaliser(mean=0.0, std=0.4, rows=9),
    "stress": Normaliser(mean=0.0, std=0.05, rows=9),
}
HIDDEN = 8


class Toy(nn.Module):
    """Reads all pairs of atoms of each crystal, each through the nearest images along the cell."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(1, HIDDEN)

    def forward(self, batch):
        """Return the mean over the atoms of what is summed over their neighbours."""
        crystals = []
        for k, cell in enumerate(batch[CELLS]):
            at = batch[POSITIONS][batch[OWNER] == k]
            shifts = torch.cat([cell, -cell, torch.zeros_like(cell[:1])])
            apart = at[None, :, None] - at[:, None, None] + shifts
            distance = (apart.square().sum(-1) + 1e-9).sqrt().unsqueeze(-1)
            seen = torch.tanh(self.inner(distance)) * torch.exp(-distance / 2)
            crystals.append(seen.sum(dim=(1, 2)).mean(dim=0))
        return Encoding(torch.stack(crystals))


class Cells:
    """A view of crystals that are pairs of positions and cell."""

    padded = False

    def sizes(self, samples):
        return np.array([len(positions) for positions, _ in samples])

    def collate(self, samples):
        owner = torch.repeat_interleave(torch.tensor([len(at) for at, _ in samples]))
        return {
            POSITIONS: torch.cat([at for at, _ in samples]),
            CELLS: torch.stack([cell for _, cell in samples]),
            OWNER: owner,
        }


def samples() -> list:
    generator = torch.Generator().manual_seed(4)
    found = []
    for atoms in (3, 2, 4):
        cell = 4 * torch.eye(3, dtype=torch.float64)
        cell += 0.3 * torch.randn(3, 3, generator=generator, dtype=torch.float64)
        found.append((torch.rand(atoms, 3, generator=generator, dtype=torch.float64) @ cell, cell))
    return found


def make_net(*tasks) -> Net:
    torch.manual_seed(0)
    heads = make_heads(tasks or (ENERGY, FORCES, STRESS), NORMALISERS, HIDDEN)
    return Net(Toy(), heads).double().eval()


def energies(net, batch) -> torch.Tensor:
    """Return the energy of each cell, in eV, by the head of the energy alone."""
    raw = net.heads["energy"].raw(net.encoder(batch).crystal)[:, 0]
    return (raw * 0.7 - 3.0) * torch.bincount(batch[OWNER])


def test_one_head_has_the_energy_and_its_gradients():
    net = make_net()
    assert list(net.heads) == ["energy"]
    assert list(net.tasks) == ["energy", "forces", "stress"]
    assert kind_of(net.heads["energy"]) is HEADS["energy"]
    config = net.heads["energy"].config
    again = EnergyHead(EnergyHeadConfig.model_validate(config.model_dump(mode="json")))
    assert again.config == config
    assert again.state_dict().keys() == net.heads["energy"].state_dict().keys()


@torch.no_grad()
def test_numbers_are_gradients_of_the_energy_over_their_scale():
    net, batch = make_net(), Cells().collate(samples())
    found = net(batch)
    assert [list(numbers.shape) for numbers in found.values()] == [[3, 1], [9, 3], [3, 3, 3]]
    assert not any(numbers.requires_grad for numbers in found.values())

    def difference(changed, step=1e-4):
        near, far = (
            energies(net, batch | changed(k)) - energies(net, batch | changed(-k))
            for k in (step, 2 * step)
        )
        return (8 * near - far) / (12 * step)

    def pushed(step):
        moved = batch[POSITIONS].clone()
        moved[4, 1] += step
        return {POSITIONS: moved}

    assert abs(found["forces"][4, 1] * 0.4 + difference(pushed).sum()) <= 1e-8
    assert abs(found["forces"][4, 1]) > 1e-3

    def sheared(step):
        by = torch.eye(3, dtype=torch.float64)
        by[0, 2] = by[2, 0] = step / 2
        return {POSITIONS: batch[POSITIONS] @ by, CELLS: batch[CELLS] @ by}

    volume = torch.linalg.det(batch[CELLS]).abs()
    assert (found["stress"][:, 0, 2] * 0.05 - difference(sheared) / volume).abs().max() <= 1e-8
    assert found["stress"][:, 0, 2].abs().min() > 1e-4


def test_the_loop_runs_nets_that_take_gradients():
    net, crystals = make_net(), samples()
    whole = net.exact(Cells().collate(crystals))
    starts = np.cumsum([0, *Cells().sizes(crystals)])
    count = 0
    for rows, [numbers] in run_over([net], Cells(), crystals, batch_size=1, read=Net.exact):
        [row] = rows.tolist()
        atoms = slice(starts[row], starts[row + 1])
        count += 1
        assert (numbers["forces"] - whole["forces"][atoms]).abs().max() <= 1e-6
        assert (numbers["stress"][0] - whole["stress"][row]).abs().max() <= 1e-6
        assert not numbers["forces"].requires_grad
    assert count == 3
    assert all(weight.grad is None for weight in net.parameters())


def test_a_loss_of_forces_reaches_the_weights_in_training():
    net = make_net().train()
    numbers = net(Cells().collate(samples()))
    (numbers["forces"].square().sum() + numbers["stress"].square().sum()).backward()
    assert net.encoder.inner.weight.grad.abs().max() > 0
    assert net.heads["energy"].out.weight.grad.abs().max() > 0


def test_in_inference_mode_a_sentence_says_why_there_are_no_forces():
    net, batch = make_net(), Cells().collate(samples())
    with torch.inference_mode(), pytest.raises(RuntimeError, match="gradients are off here"):
        net(batch)


def test_a_gradient_needs_its_energy_and_a_scale():
    with pytest.raises(InputError, match="forces is a gradient of energy, which is no task here"):
        make_heads([FORCES], NORMALISERS, HIDDEN)
    shifted = NORMALISERS | {"forces": Normaliser(mean=1.0, std=1.0, rows=9)}
    with pytest.raises(ValueError, match="the normaliser of forces is a scale"):
        make_heads([ENERGY, FORCES], shifted, HIDDEN)
