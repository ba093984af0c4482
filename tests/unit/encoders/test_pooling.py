"""Sums, means and softmaxes of rows that belong together."""

from __future__ import annotations

import pytest
import torch

from stratus.encoders.pooling import counts, means, softmax, sums

ROWS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], dtype=torch.float64)
OWNER = torch.tensor([2, 0, 2, 0])


def test_rows_of_one_owner_are_added_up() -> None:
    assert sums(ROWS, OWNER, 3).tolist() == [[10.0, 12.0], [0.0, 0.0], [6.0, 8.0]]


def test_an_owner_without_rows_has_the_mean_0() -> None:
    assert means(ROWS, OWNER, 3).tolist() == [[5.0, 6.0], [0.0, 0.0], [3.0, 4.0]]


def test_shares_of_one_owner_are_its_softmax() -> None:
    shares = softmax(ROWS, OWNER, 3)
    for rows in ([1, 3], [0, 2]):
        assert torch.allclose(shares[rows], ROWS[rows].softmax(dim=0), atol=1e-15)


def test_large_scores_do_not_overflow() -> None:
    shares = softmax(ROWS * 1e4, OWNER, 3)
    assert shares[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("rest", [0.0, 0.5])
def test_a_row_whose_weight_fades_is_as_if_it_were_not_there(rest: float) -> None:
    weights = torch.tensor([[1.0], [0.0], [0.5], [1.0]], dtype=torch.float64)
    shares = softmax(ROWS, OWNER, 3, weights, rest)
    assert shares[1].tolist() == [0.0, 0.0]
    rest_of = rest + ROWS[3].exp()
    assert torch.allclose(shares[3], ROWS[3].exp() / rest_of)


def test_with_a_rest_shares_go_to_0_as_all_weights_fade() -> None:
    scores = torch.full((2, 1), -3.0, dtype=torch.float64)
    owner = torch.zeros(2, dtype=torch.int64)
    faded = softmax(scores, owner, 1, torch.full((2, 1), 1e-9, dtype=torch.float64), 1.0)
    assert float(faded.sum()) < 1e-9
    assert float(softmax(scores, owner, 1, torch.zeros(2, 1, dtype=torch.float64)).sum()) == 0


def test_the_rows_of_each_owner_are_counted() -> None:
    found = counts(OWNER, 4)
    assert (found.tolist(), found.dtype) == ([2, 0, 2, 0], torch.int64)
