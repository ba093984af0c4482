"""MEGNet: copies, edges that fade, atoms alone, gradients, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.crystals.facets import AtomArrays, Crystal
from stratus.encoders.megnet import MEGNET, Dense, Megnet, MegnetConfig
from stratus.encoders.table import configure
from stratus.errors import InputError
from stratus.physics.strain import gradients, strained
from stratus.views.graph import GraphConfig, GraphView

TINY = {"hidden": 12, "element_embedding": 8, "width": 6, "layers": 2, "dense": (7,)}
TINY |= {"update": (9,), "cutoff_a": 4.0, "max_neighbours": None, "gaussians": 12}
KINDS = ["silu", "shifted-softplus"]
ALONE = (50 * np.eye(3), [18], np.zeros((1, 3)))


def random_crystal(seed: int, atoms: int):
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(3, 4, 3)) + rng.normal(0, 0.2, (3, 3))
    return lattice, rng.integers(1, 100, atoms), rng.random((atoms, 3))


CRYSTALS = [random_crystal(k, n) for k, n in enumerate((1, 2, 4, 3))]


def batch_of(crystals, cutoff_a: float = 4.0) -> dict[str, torch.Tensor]:
    view = GraphView(GraphConfig(cutoff_a=cutoff_a, max_neighbours=None))
    arrays = [AtomArrays(a, np.asarray(b), np.asarray(c)) for a, b, c in crystals]
    samples = [view.sample(Crystal({}, atoms=a, n_atoms=len(a.numbers))) for a in arrays]
    batch = view.collate(samples)
    return {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}


def build(seed: int = 0, **others) -> Megnet:
    """An encoder in float64 with weights that are large enough to be seen."""
    encoder = Megnet(MegnetConfig(**{**TINY, **others})).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in encoder.parameters():
            spread = weight.shape[-1] ** -0.5 if weight.ndim > 1 else 0.3
            weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
    return encoder


@pytest.mark.parametrize("preset", sorted(MEGNET.presets))
def test_presets_give_vectors_of_their_length(preset):
    config = configure("megnet", preset)
    encoder = Megnet(config, torch.Generator().manual_seed(0)).double()
    found = encoder(batch_of([*CRYSTALS, ALONE]))
    assert found.crystal.shape == (5, config.hidden)
    assert found.parts.shape == (11, config.width)
    assert found.owner.tolist() == [0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_the_shift_of_softplus_in_the_bias_of_the_next_layer_is_the_shift_behind_the_last(kind):
    net, generator = Dense([3, 5, 4, 2], kind).double(), torch.Generator().manual_seed(0)
    net.draw(generator)
    rows = torch.linspace(-60, 60, 33, dtype=torch.float64).view(11, 3)
    expected = rows
    for weight, bias in zip(net.weights, net.biases, strict=True):
        torch.nn.init.normal_(bias, generator=generator)
        inner = expected @ weight.T + bias
        shifted = torch.logaddexp(inner, torch.zeros_like(inner)) - np.log(2)
        expected = inner * inner.sigmoid() if kind == "silu" else shifted
    assert (net(rows) - expected).abs().max() <= 1e-13


@pytest.mark.parametrize("fading", [True, False])
def test_copies_of_a_crystal_in_one_cell_are_the_crystal(fading):
    lattice, numbers, frac = random_crystal(3, 3)
    tripled = np.concatenate([(frac + np.array([k, 0, 0])) / [3, 1, 1] for k in range(3)])
    copies = (lattice * [[3], [1], [1]], np.tile(numbers, 3), tripled)
    with torch.no_grad():
        found = build(fading=fading)(batch_of([(lattice, numbers, frac), copies]))
    assert (found.crystal[1] - found.crystal[0]).abs().max() <= 1e-5  # positions are float32
    assert (found.parts[3:] - found.parts[:3].repeat(3, 1)).abs().max() <= 1e-5
    assert found.crystal[0].std() > 0.1


@pytest.mark.parametrize("fading", [True, False])
def test_the_order_of_edges_is_not_seen(fading):
    batch = batch_of(CRYSTALS)
    mixed = torch.randperm(len(batch["centres"]), generator=torch.Generator().manual_seed(0))
    other = batch | {key: batch[key][mixed] for key in ("centres", "neighbours", "shifts")}
    encoder = build(fading=fading)
    with torch.no_grad():
        assert (encoder(batch).crystal - encoder(other).crystal).abs().max() <= 1e-12


def test_an_edge_that_fades_is_gone_at_the_cutoff_and_counts_until_then():
    encoder = build(fading=True, cutoff_a=3.0)
    near = {}
    for length in (1.8, 2.9999, 3.0001):
        one = (np.diag([length, 50, 50]), [18], np.zeros((1, 3)))
        batch = batch_of([one], cutoff_a=3.5)
        assert len(batch["centres"]) == 2
        near[length] = encoder(batch).crystal[0]
    alone = encoder(batch_of([ALONE])).crystal[0]
    assert (near[2.9999] - alone).abs().max() < 1e-9
    assert (near[3.0001] - alone).abs().max() < 1e-15
    assert (near[1.8] - alone).abs().max() > 1e-3


def test_the_last_edge_of_a_published_one_does_not_fade():
    encoder = build(fading=False, cutoff_a=3.0)
    one = (np.diag([2.9999, 50, 50]), [18], np.zeros((1, 3)))
    alone = encoder(batch_of([ALONE])).crystal
    assert (encoder(batch_of([one], 3.0)).crystal - alone).abs().max() > 1e-3


@pytest.mark.parametrize("fading", [True, False])
@pytest.mark.parametrize("crystals", [[ALONE], [ALONE, ALONE], [*CRYSTALS, ALONE]])
def test_atoms_alone_have_finite_vectors_and_gradients(crystals, fading):
    encoder = build(fading=fading)
    batch = batch_of(crystals)
    places = batch["positions"].requires_grad_()
    encoder(batch).crystal.square().sum().backward()
    assert places.grad.isfinite().all()
    for key, weight in encoder.named_parameters():
        assert weight.grad is None or weight.grad.isfinite().all(), key


@pytest.mark.parametrize("kind", KINDS)
def test_forces_are_those_of_differences_and_their_loss_reaches_the_weights(kind):
    encoder = build(fading=True, activation=kind)
    batch = batch_of([*CRYSTALS, ALONE])
    chosen = torch.randn(12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def energies(**changed) -> torch.Tensor:
        return encoder(batch | changed).crystal @ chosen

    def forces() -> torch.Tensor:
        of = strained(batch["positions"], batch["cells"], batch["owner"])
        energy = energies(positions=of.positions, cells=of.cells)
        return gradients(energy, of, create_graph=True)[0]

    found, step = forces(), 1e-5
    assert found[:-1].abs().max() > 1e-3
    assert not found[-1].any()  # an atom alone
    for atom, axis in [(1, 0), (4, 2), (8, 1)]:
        moved = torch.zeros_like(batch["positions"])
        moved[atom, axis] = step
        sides = [energies(positions=batch["positions"] + sign * moved).sum() for sign in (1, -1)]
        assert abs(found[atom, axis] + (sides[0] - sides[1]) / (2 * step)) <= 1e-8
    loss = found.square().sum()
    weights = encoder.blocks[1].edge_update.weights[1], encoder.edges_read.kept[0].weight
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        losses = []
        for sign in (1, -1):
            with torch.no_grad():
                weight[3, 2] += sign * step
            losses.append(forces().square().sum().detach())
            with torch.no_grad():
                weight[3, 2] -= sign * step
        assert abs(slope[3, 2] - (losses[0] - losses[1]) / (2 * step)) <= 1e-6 * max(1, loss)


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = (
        Megnet(MegnetConfig(**TINY), torch.Generator().manual_seed(k)) for k in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[key])
        assert tensor.isfinite().all()
    assert not torch.equal(one.state.vector, other.state.vector)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"set2set_iterations": 1}, "set2set_iterations = 1"),
        ({"activation": "softplus"}, "shifted-softplus"),
        ({"gaussian_width_a": 0.0}, "gaussian_width_a = 0.0"),
        ({"update": (0,)}, "update.0 = 0"),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(values, said):
    with pytest.raises(InputError, match=said):
        configure("megnet", "nano", **values)
