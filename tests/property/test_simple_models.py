"""Simple models on generated problems: an exact solver, statistics without order and scale."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.kernel_ridge import KernelRidge

from stratus.corpora.tables.folds import Fold
from stratus.corpora.tables.table import Kind, Table
from stratus.crystals.element_properties import (
    STATISTICS,
    element_statistics,
    property_names,
    property_table,
)
from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.scope.dialects import Dialect
from stratus.training import kernel_ridge
from stratus.training.kernel_ridge import kernel_values, kernel_weights
from stratus.training.simple_models import BOOSTING, learned_from, predict_simple

SEEDS = st.integers(0, 2**32 - 1)
AMOUNTS = st.dictionaries(st.sampled_from(SYMBOLS[1:]), st.integers(1, 24), min_size=1, max_size=7)


@settings(max_examples=250, deadline=None)
@given(
    seed=SEEDS,
    rows=st.integers(1, 40),
    block=st.integers(1, 50),
    targets=st.integers(1, 3),
    gamma=st.sampled_from(kernel_ridge.KERNEL_GAMMAS),
    alpha=st.sampled_from(kernel_ridge.KERNEL_LAMBDAS),
)
def test_the_blocked_solver_is_kernel_ridge_of_scikit_learn(
    seed, rows, block, targets, gamma, alpha
):
    rng = np.random.default_rng(seed)
    x, others = rng.dirichlet(np.full(5, 0.5), rows), rng.dirichlet(np.full(5, 0.5), 7)
    x[rng.integers(rows)] = x[0]  # two crystals of one composition
    y = rng.normal(size=(rows, targets))
    with patch.object(kernel_ridge, "_BLOCK", block):
        weights = kernel_weights(x, y, gamma, alpha)
        found = kernel_values(others, x, weights, gamma)
    expected = KernelRidge(kernel="laplacian", gamma=gamma, alpha=alpha).fit(x, y)
    np.testing.assert_allclose(found, expected.predict(others), rtol=1e-6, atol=1e-8)


def statistics_by_hand(amounts: dict[str, int]) -> np.ndarray:
    """Compute all statistics of one composition one property after the other."""
    found = np.full((len(STATISTICS), len(property_names())), np.nan)
    for place in range(found.shape[1]):
        known = [
            (value, count)
            for symbol, count in amounts.items()
            if np.isfinite(value := property_table()[NUMBERS[symbol] - 1, place])
        ]
        if known:
            values, counts = map(np.array, zip(*known, strict=True))
            mean = np.average(values, weights=counts)
            spread = np.sqrt(np.average((values - mean) ** 2, weights=counts))
            least, most = values.min(), values.max()
            found[:, place] = mean, spread, least, most, most - least
    return found.ravel()


def shares_of(amounts: dict[str, int], scale: int = 1) -> np.ndarray:
    shares = np.zeros(len(SYMBOLS) - 1)
    total = sum(scale * count for count in amounts.values())
    for symbol, count in amounts.items():
        shares[NUMBERS[symbol] - 1] = scale * count / total
    return shares


@settings(max_examples=300, deadline=None)
@given(amounts=AMOUNTS, scale=st.integers(2, 9), data=st.data())
def test_statistics_of_elements_know_neither_order_nor_scale(amounts, scale, data):
    again = dict(data.draw(st.permutations(list(amounts.items()))))
    together = np.stack([shares_of(amounts), shares_of(again, scale), shares_of({"O": 1})])
    first, other, _ = element_statistics(together)
    np.testing.assert_allclose(first, statistics_by_hand(amounts), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(other, first, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(element_statistics(together[:1])[0], first)


def test_of_one_element_the_statistics_are_its_properties():
    table = property_table()
    mean, spread, least, most, width = np.split(element_statistics(np.eye(len(table))), 5, axis=1)
    for found in (mean, least, most):
        np.testing.assert_array_equal(found, table)
    known = np.isfinite(table)
    assert not spread[known].any()
    assert not width[known].any()
    assert np.isnan(spread[~known]).all()


@settings(max_examples=200, deadline=None)
@given(rows=st.integers(1, 10**6), most=st.integers(1, 10**6), memory=st.integers(13, 40))
def test_a_cap_is_said_exactly_where_it_binds(rows, most, memory):
    pages = {"SC_PAGE_SIZE": 1, "SC_PHYS_PAGES": 2**memory}
    with (
        patch.object(kernel_ridge, "KERNEL_ROWS", most),
        patch.object(kernel_ridge.os, "sysconf", pages.__getitem__),
    ):
        limit = kernel_ridge.most_rows()
        found = learned_from("regression", rows)
    assert limit == most or 8 * limit**2 <= 2**memory / 2 < 8 * (limit + 1) ** 2
    assert [(each.of, each.most) for each in found.values()] == (
        [(rows, limit)] if rows > limit else []
    )


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_boosting_learns_from_what_elements_are_and_not_from_their_names(kind, monkeypatch):
    monkeypatch.setattr("stratus.training.boosting.BOOSTED_TREES", (25, 50))
    # a test element that no training row has: only its properties can tell what it is
    metals = [s for s in SYMBOLS[1:96] if s not in {"O", "Rb"}]
    radius = property_table()[:, property_names().index("atomic_radius_angstrom")]
    metals = [s for s in metals if np.isfinite(radius[NUMBERS[s] - 1])]
    texts = [f"{m} {n} O 1" for m in metals for n in (1, 2, 3)] + ["Rb 1 O 1"]
    labels = np.array([radius[NUMBERS[text.split()[0]] - 1] for text in texts])
    if kind == "binary":
        labels = (labels > 1.5).astype(np.float64)
    table = Table(
        ids=tuple(texts),
        crystals=Dialect.ORBIT.crystals(
            tuple(f"i0 | {t.split()[0]} 1a O 1a | {t} | 2" for t in texts), np.full(len(texts), 2)
        ),
        targets=("y",),
        kinds=(Kind.REGRESSION,),
        labels=labels[:, np.newaxis],
    )
    order = np.random.default_rng(0).permutation(len(texts) - 1)
    fold = Fold("0", np.sort(order[30:]), np.sort(order[:30]), np.array([len(texts) - 1]))
    found = predict_simple(table, labels, fold, kind)[BOOSTING]
    said = found[0] if kind == "regression" else found[0, 1]
    assert said == pytest.approx(labels[-1], abs=0.25)
