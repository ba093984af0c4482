"""Flat batches: parts and edges end to end, with the crystal and the place of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stratus.errors import InputError
from stratus.views.collate import flat_batch, part_sizes
from stratus.views.keys import Key

KEYS = (
    Key("kinds", "part", "int64"),
    Key("box", "crystal", "float32"),
    Key("ends", "edge", "int64", index=True),
    Key("lengths", "edge", "float32"),
)
crystals = st.lists(st.tuples(st.integers(1, 6), st.integers(0, 9)), min_size=1, max_size=8)


def sample(parts: int, edges: int, rng) -> dict[str, np.ndarray]:
    return {
        "kinds": rng.integers(1, 119, parts).astype(np.uint8),
        "box": rng.normal(size=(3, 3)),
        "ends": rng.integers(0, parts, edges).astype(np.int16),
        "lengths": rng.normal(size=(edges, 2)),
    }


@given(crystals, st.integers(0, 2**32 - 1))
def test_what_a_batch_holds_of_a_crystal_is_its_sample(shapes, seed):
    rng = np.random.default_rng(seed)
    samples = [sample(parts, edges, rng) for parts, edges in shapes]
    batch = flat_batch(samples, KEYS)
    assert {name: str(tensor.dtype) for name, tensor in batch.items()} == {
        **{key.name: f"torch.{key.dtype}" for key in KEYS},
        "owner": "torch.int64",
    }
    edges_before = 0
    for k, one in enumerate(samples):
        mine = (batch["owner"] == k).nonzero().flatten()
        assert torch.equal(batch["kinds"][mine], torch.from_numpy(one["kinds"]).long())
        assert torch.equal(batch["box"][k], torch.from_numpy(one["box"]).float())
        edges = slice(edges_before, edges_before + len(one["ends"]))
        assert torch.equal(batch["lengths"][edges], torch.from_numpy(one["lengths"]).float())
        assert torch.equal(batch["ends"][edges], mine[one["ends"].astype(np.int64)])
        edges_before = edges.stop
    assert len(batch["ends"]) == edges_before
    assert part_sizes(samples, KEYS).tolist() == [parts for parts, _ in shapes]


def test_places_beyond_small_integers_are_not_cut_off():
    rng = np.random.default_rng(0)
    samples = [sample(30_000, 1, rng) for _ in range(4)]
    ends = flat_batch(samples, KEYS)["ends"]
    assert ends.max() > 2**16
    assert ends.tolist() == [30_000 * k + int(one["ends"][0]) for k, one in enumerate(samples)]


def test_a_batch_does_not_change_its_samples():
    one = sample(3, 4, np.random.default_rng(0))
    before = {name: array.copy() for name, array in one.items()}
    batch = flat_batch([one, one], KEYS)
    for tensor in batch.values():
        tensor.zero_()
    assert all(np.array_equal(one[name], before[name]) for name in one)


def test_no_crystals_are_no_batch():
    with pytest.raises(InputError, match="a batch of no crystals"):
        flat_batch([], KEYS)
