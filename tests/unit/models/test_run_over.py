"""Batches of crystals of like length: all of them, once, and as cheap as can be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

from stratus.models.net import Net
from stratus.models.run_over import batches_by_sum, cheapest_cuts, run_over


def cost(lengths: np.ndarray, cuts: list[tuple[int, int]], overhead: int) -> int:
    return sum(int(lengths[end - 1]) * (end - start) + overhead for start, end in cuts)


def all_cuts(n: int) -> list[list[tuple[int, int]]]:
    chosen = (places for k in range(n) for places in combinations(range(1, n), k))
    return [list(zip((0, *places), (*places, n), strict=True)) for places in chosen]


@pytest.mark.parametrize("overhead", [0, 3, 20, 1000])
def test_no_other_cuts_cost_less(overhead):
    rng = np.random.default_rng(overhead)
    for _ in range(20):
        lengths = np.sort(rng.integers(2, 40, 9))
        least = min(cost(lengths, cuts, overhead) for cuts in all_cuts(9))
        assert cost(lengths, cheapest_cuts(lengths, 9, overhead), overhead) == least


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_each_crystal_is_in_one_batch_and_no_batch_is_too_large(batch_size):
    lengths = np.sort(np.random.default_rng(0).integers(5, 60, 300))
    cuts = cheapest_cuts(lengths, batch_size)
    assert [start for start, _ in cuts] == [0, *(end for _, end in cuts[:-1])]
    assert cuts[-1][1] == 300
    assert all(0 < end - start <= batch_size for start, end in cuts)


def test_a_long_crystal_does_not_make_the_short_ones_long():
    lengths = np.array([8] * 63 + [150])
    assert cheapest_cuts(lengths, 64) == [(0, 63), (63, 64)]
    assert cheapest_cuts(lengths, 64, overhead=10**6) == [(0, 64)]


class Sizes:
    """A view of crystals that are numbers: each is as large as it says."""

    padded = True

    def sizes(self, samples):
        return np.array(samples)

    def collate(self, samples):
        return {"sizes": torch.tensor(samples)}


def a_net() -> Net:
    encoder = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.5))
    encoder[0].requires_grad_()
    return Net(encoder)


def test_each_net_is_read_for_each_crystal_once_in_batches_of_like_size():
    nets, sizes = [a_net(), a_net()], [7, 3, 9, 3, 7, 3]
    found = np.zeros((2, 6))
    for rows, read in run_over(
        nets,
        Sizes(),
        sizes,
        batch_size=2,
        read=lambda net, batch: (nets.index(net) + 1) * batch["sizes"],
    ):
        assert len(rows) <= 2
        assert len(read) == 2
        found[:, rows] += np.stack([one.numpy() for one in read])
    assert found.tolist() == [sizes, [2 * size for size in sizes]]


def test_batches_may_be_given():
    given = [np.array([2, 0]), np.array([1])]
    seen = [
        (rows.tolist(), read)
        for rows, read in run_over(
            [a_net()],
            Sizes(),
            [5, 6, 7],
            batch_size=9,
            read=lambda _, batch: batch["sizes"].tolist(),
            batches=given,
        )
    ]
    assert seen == [([2, 0], [[7, 5]]), ([1], [[6]])]


def test_dropout_and_gradients_are_off_for_what_is_read_alone():
    net = a_net()
    net.encoder[1].eval()
    before = [part.training for part in net.modules()]

    def read(one, batch):
        assert torch.is_inference_mode_enabled()
        assert not any(part.training for part in one.modules())
        return one.encoder(batch["sizes"].float()[:, None])

    for _, [out] in run_over([net], Sizes(), [1, 2, 2], batch_size=1, read=read):
        assert not out.requires_grad
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()
    assert [part.training for part in net.modules()] == before
    with pytest.raises(RuntimeError, match="read fails"):
        list(run_over([net], Sizes(), [1], batch_size=1, read=failing))
    assert [part.training for part in net.modules()] == before


def failing(_net, _batch):
    raise RuntimeError("read fails")


def test_of_no_crystal_nothing_is_read():
    assert list(run_over([a_net()], Sizes(), [], batch_size=4, read=failing)) == []


def test_batches_of_graphs_hold_a_bounded_number_of_edges():
    edges = np.array([10, 10, 95, 3, 3, 3, 200, 1])
    found = [rows.tolist() for rows in batches_by_sum(edges, 3, most=100)]
    assert found == [[0, 1], [2, 3], [4, 5], [6], [7]]
    assert [len(rows) for rows in batches_by_sum(np.ones(7, np.int64), 3)] == [3, 3, 1]
