"""The view of graphs: its edges are those of the crystal, and wrong input is said."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.crystals.facets import AtomArrays, Crystal, Facet
from stratus.crystals.neighbours import SHELL_A
from stratus.encoders.cgcnn import CgcnnConfig
from stratus.encoders.edges import edge_lengths
from stratus.errors import InputError
from stratus.views.graph import GraphConfig, GraphView

HALF = [[0, 0, 0], [0.5, 0.5, 0.5]]
VACUUM = 60 * np.eye(3)
seeds = st.integers(0, 2**32 - 1)


def crystal(lattice, numbers, frac) -> Crystal:
    atoms = AtomArrays(
        np.asarray(lattice, dtype=np.float64),
        np.asarray(numbers, dtype=np.int64),
        np.asarray(frac, dtype=np.float64).reshape(-1, 3),
    )
    return Crystal({}, atoms=atoms)


def random_crystal(rng, atoms: int) -> Crystal:
    lattice = np.diag(rng.uniform(3, 5, 3)) + rng.normal(0, 0.3, (3, 3))
    return crystal(lattice, rng.integers(1, 119, atoms), rng.normal(0, 2, (atoms, 3)))


def lengths_by_atom(one: Crystal, cutoff_a: float) -> list[np.ndarray]:
    """Distances from each atom, by trying images."""
    frac = one.atoms.frac - np.floor(one.atoms.frac)
    shifts = np.array(list(itertools.product(range(-4, 5), repeat=3)))
    found = []
    for place in frac:
        vectors = (frac[None] + shifts[:, None] - place).reshape(-1, 3) @ one.atoms.lattice
        lengths = np.linalg.norm(vectors, axis=1)
        found.append(np.sort(lengths[(lengths > 1e-6) & (lengths <= cutoff_a + SHELL_A)]))
    return found


@settings(deadline=None, max_examples=25)
@given(seeds, st.integers(1, 6))
def test_a_batch_has_the_edges_of_each_crystal(seed, atoms):
    rng = np.random.default_rng(seed)
    crystals = [random_crystal(rng, atoms), random_crystal(rng, 2)]
    seen = GraphView(GraphConfig(cutoff_a=5, max_neighbours=None))
    batch = seen.collate([seen.sample(one) for one in crystals])
    lengths = edge_lengths(batch).numpy()
    expected = [row for one in crystals for row in lengths_by_atom(one, 5)]
    for atom, row in enumerate(expected):
        found = np.sort(lengths[batch["centres"].numpy() == atom])
        assert found.shape == row.shape
        assert np.abs(found - row).max(initial=0) <= 2e-5
    assert torch.equal(batch["owner"][batch["centres"]], batch["owner"][batch["neighbours"]])
    assert batch["numbers"].tolist() == [z for one in crystals for z in one.atoms.numbers]


@settings(deadline=None, max_examples=25)
@given(seeds)
def test_the_nearest_are_the_shortest_and_a_shell_is_whole(seed):
    rng = np.random.default_rng(seed)
    one = random_crystal(rng, 3)
    seen = GraphView(GraphConfig(cutoff_a=9, max_neighbours=7))
    sample = seen.sample(one)
    lengths = edge_lengths(seen.collate([sample])).numpy()
    for atom, row in enumerate(lengths_by_atom(one, 9)):
        found = np.sort(lengths[sample["centres"] == atom])
        assert len(found) >= 7
        assert np.abs(found - row[: len(found)]).max() <= 2e-5
        assert len(found) == 7 or row[len(found) - 1] - row[6] <= 2e-4


def test_rock_salt_has_whole_shells():
    a = 5.6
    primitive = crystal(np.array([[0, a, a], [a, 0, a], [a, a, 0]]) / 2, [11, 17], HALF)
    counts = {k: GraphView(GraphConfig(max_neighbours=k)) for k in (1, 6, 7, 12)}
    degrees = {k: np.bincount(v.sample(primitive)["centres"]).tolist() for k, v in counts.items()}
    assert degrees == {1: [6, 6], 6: [6, 6], 7: [18, 18], 12: [18, 18]}


def test_coordinates_far_outside_the_cell_lose_no_precision():
    lattice = 4.1 * np.eye(3)
    near, far = (crystal(lattice, [11, 17], np.add(HALF, shift)) for shift in (0.125, 1e6 + 0.125))
    seen = GraphView()
    batches = [seen.collate([seen.sample(one)]) for one in (near, far)]
    for key, tensor in batches[0].items():
        assert (tensor - batches[1][key]).abs().max() <= 1e-5, key


def test_samples_are_small():
    rng = np.random.default_rng(0)
    samples = [GraphView().sample(random_crystal(rng, 30)) for _ in range(5)]
    assert sum(array.nbytes for sample in samples for array in sample.values()) < 5 * 5_000


def test_shifts_beyond_a_byte_are_kept():
    skewed = crystal([[3, 0, 0], [600, 3, 0], [0, 0, 3]], [2], [[0, 0, 0]])
    seen = GraphView(GraphConfig(cutoff_a=3.1, max_neighbours=None))
    sample = seen.sample(skewed)
    assert sample["shifts"].max() == 200
    assert edge_lengths(seen.collate([sample])).tolist() == [3.0] * 6


def test_sizes_are_edges_but_at_least_atoms():
    seen = GraphView(GraphConfig(cutoff_a=4.5))
    samples = [
        seen.sample(one)
        for one in (
            crystal(VACUUM, [2, 2, 2], np.eye(3) / 2),
            crystal(4 * np.eye(3), [84], [0, 0, 0]),
        )
    ]
    assert seen.sizes(samples).tolist() == [3, 6]
    assert seen.sizes(samples).dtype == np.int64


def test_an_atom_in_a_vacuum_has_no_edge_and_a_note():
    seen = GraphView()
    sample = seen.sample(crystal(VACUUM, [18], [0, 0, 0]))
    assert seen.notes(sample) == ("its one atom has no neighbour within 8 Å",)
    batch = seen.collate([sample])
    assert {key: len(batch[key]) for key in ("numbers", "centres", "neighbours", "shifts")} == {
        "numbers": 1, "centres": 0, "neighbours": 0, "shifts": 0,
    }  # fmt: skip
    pair = crystal(VACUUM, [1, 1, 18], [[0, 0, 0], [0.01, 0, 0], [0.5, 0.5, 0.5]])
    assert seen.notes(seen.sample(pair)) == ("1 of 3 atoms have no neighbour within 8 Å",)
    assert seen.notes(seen.sample(crystal(4 * np.eye(3), [84], [0, 0, 0]))) == ()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (Crystal({"Na": 1}, scope="i0 | Na 1a | Na 1 | 1"), "reads the atoms of a crystal"),
        (crystal(np.eye(3), [], []), "without any atom"),
        (crystal(4 * np.eye(3), [11, 17], [[0, 0, 0], [0, np.nan, 0]]), "of atom 1 .*no place"),
        (crystal(4 * np.eye(3), [11, 17], [[np.inf, 0, 0], [0, 0, 0]]), "of atom 0 .*no place"),
        (crystal(np.full((3, 3), np.nan), [11], [0, 0, 0]), "lattice"),
        (crystal(np.ones((3, 3)), [11], [0, 0, 0]), "lattice"),
        (crystal(4 * np.eye(3), [11, 0], HALF), "0 is the atomic number of no element"),
        (crystal(4 * np.eye(3), [300, 11], HALF), "300 is the atomic number of no element"),
    ],
)
def test_what_is_no_crystal_of_atoms_is_refused_in_a_sentence(wrong, sentence):
    with pytest.raises(InputError, match=sentence):
        GraphView().sample(wrong)


def test_a_stored_view_is_the_view():
    seen = GraphView(GraphConfig(cutoff_a=6, max_neighbours=None))
    again = GraphView.stored(seen.config.model_dump(mode="json"), seen.files())
    assert again.config == seen.config
    assert again.facet is Facet.ATOMS
    assert again.reads == (Facet.ATOMS, None)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"cutoff_a": -1}, r"view\.config\.cutoff_a: .* greater than 0, not -1"),
        ({"cutoff_a": "8"}, r"view\.config\.cutoff_a: .* valid number, not '8'"),
        ({"max_neighbours": 0}, r"view\.config\.max_neighbours: .*, not 0"),
        ({"k": 3}, r"the key 'view\.config\.k' is unknown; remove it"),
    ],
)
def test_a_stored_view_with_a_wrong_value_names_it(values, sentence):
    with pytest.raises(InputError, match=sentence):
        GraphView.stored(values, {})


def test_an_encoder_gets_the_neighbours_that_its_config_asks_for_and_no_others():
    sizes = {"hidden": 4, "element_embedding": 4, "atom_hidden": 4, "layers": 1, "trunk": ()}
    config = CgcnnConfig(**sizes, cutoff_a=5, max_neighbours=None)
    seen = GraphView.of_encoder(config, "orbit")
    assert seen.config == GraphConfig(cutoff_a=5, max_neighbours=None)
    seen.check_encoder(config)
    with pytest.raises(InputError, match=r"cutoff_a 5\.0, but the encoder 8\.0"):
        seen.check_encoder(CgcnnConfig(**sizes, max_neighbours=None))
