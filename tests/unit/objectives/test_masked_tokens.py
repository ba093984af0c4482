"""Masks have the shares that were asked for, and are the token's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats
from torch.nn import functional as fn

from stratus import Scope
from stratus.errors import InputError
from stratus.objectives.masked_tokens import (
    PLACES,
    TARGETS,
    MaskingOptions,
    TokenMasker,
    mask_tokens,
    sums_of,
)
from stratus.scope.vocabulary import Role, Vocabulary, vocabulary
from stratus.views.keys import GROUPS, MASK, SITES, TOKENS, WHERE
from stratus.views.table import VIEWS
from stratus.views.token_view import token_view as view

V = vocabulary()
TOKEN_VIEWS = [name for name, kind in VIEWS.items() if getattr(kind, "fields", 0)]
MASK_ID = V.index["[MASK]"]
NEVER = {k for k, role in enumerate(V.roles) if role in {Role.SPECIAL, Role.SEPARATOR}}
SALT = str(Scope.from_orbits(225, [("Na", "a"), ("Cl", "b")]))
OTHERS = [
    str(Scope.from_orbits(62, [("Fe", "c"), ("O", "d"), ("Ca", "a")])),
    str(Scope.from_orbits(1, [("H", "a")] * 137)),
    str(Scope.from_orbits(194, [("Mg", "a"), ("Ti", "f"), ("O", "k"), ("O", "h")])),
    str(Scope.from_orbits(2, [("C", "i"), ("N", "i")])),
]


def samples(n):
    """Strings of several lengths, over and over."""
    ids = [np.array(V.ids(text), dtype=np.uint16) for text in (SALT, *OTHERS)]
    return [ids[k % len(ids)] for k in range(n)]


def random_samples(n, length=50, seed=0):
    """Rows of any tokens that can be masked."""
    words = np.array([k for k in range(len(V)) if k not in NEVER], dtype=np.uint16)
    return list(np.random.default_rng(seed).choice(words, (n, length)))


def masked(strings, rows=None, *, options=None, seed=0, epoch=0, name="sequence"):
    batch = view(name, V, 1000).collate(strings)
    rows = np.arange(len(strings)) if rows is None else np.array(rows)
    options = options or MaskingOptions()
    found = mask_tokens(batch, rows, vocabulary=V, options=options, seed=seed, epoch=epoch)
    return batch, found


def guessed(strings, **options):
    """A 0/1 array [rows, places] of what is to be guessed, for strings of one length."""
    found = masked(strings, **options)[1]
    where = found[WHERE].numpy()
    chosen = np.zeros((len(strings), len(strings[0])), dtype=bool)
    chosen[where[:, 0], where[:, 1] - 1] = True
    return chosen


def within(count, n, share, sigmas=4):
    return abs(count - n * share) <= sigmas * (n * share * (1 - share)) ** 0.5


@pytest.mark.parametrize(
    "options",
    [
        MaskingOptions(),
        MaskingOptions(ratio=0.4, replace=0.5, random=0.3),
        MaskingOptions(ratio=0.15, replace=1, random=0),
        MaskingOptions(ratio=0.02, replace=0, random=1),
        MaskingOptions(whole_orbits=True),
    ],
)
def test_the_shares_are_those_asked_for(options):
    strings = random_samples(5000)
    batch, found = masked(strings, options=options)
    n, m = 5000 * 50, len(found[TARGETS])
    # an orbit's two tokens share one fate, so the count spreads wider
    assert within(m, n, options.ratio, 4 * 2**0.5 if options.whole_orbits else 4)
    now = found[TOKENS][tuple(found[WHERE].T)]
    stays = 1 - options.replace - options.random
    random = options.random * (1 - 1 / (len(V) - len(NEVER)))  # it may be the one that stood there
    assert within(int((now == MASK_ID).sum()), m, options.replace)
    assert within(int(((now != MASK_ID) & (now != found[TARGETS])).sum()), m, random)
    assert within(int((now == found[TARGETS]).sum()), m, stays + options.random - random)
    assert torch.equal(batch[TOKENS][tuple(found[WHERE].T)], found[TARGETS])


def test_random_tokens_are_uniform_over_all_that_can_stand_there():
    found = masked(random_samples(6000), options=MaskingOptions(ratio=0.5, replace=0, random=1))[1]
    counts = np.bincount(found[TOKENS][tuple(found[WHERE].T)].numpy(), minlength=len(V))
    assert not counts[list(NEVER)].any()
    others = np.delete(counts, list(NEVER))
    assert others.sum() > 100_000
    assert stats.chisquare(others).pvalue > 1e-4


def test_every_place_and_every_token_is_chosen_alike():
    strings = random_samples(6000)
    chosen = guessed(strings)
    by_place = chosen.sum(axis=0)
    assert all(within(count, 6000, 0.15, 4.5) for count in by_place)
    ids = np.stack(strings)
    of, n = np.bincount(ids[chosen], minlength=len(V)), np.bincount(ids.ravel(), minlength=len(V))
    some = n > 0
    score = ((of - 0.15 * n) ** 2)[some] / (0.15 * 0.85 * n[some])
    assert stats.chi2.sf(score.sum(), some.sum()) > 1e-4


@pytest.mark.parametrize("name", TOKEN_VIEWS)
def test_special_tokens_and_separators_are_never_masked(name):
    batch, found = masked(samples(300), options=MaskingOptions(ratio=1), name=name)
    changed = batch[TOKENS] != found[TOKENS]
    assert not NEVER & set(batch[TOKENS][changed].tolist())
    assert not NEVER & set(found[TARGETS].tolist())
    every = sum(int((~np.isin(ids, list(NEVER))).sum()) for ids in samples(300))
    assert len(found[TARGETS]) == every
    new = set(found[TOKENS][changed].tolist()) - {MASK_ID}
    assert not NEVER & new


@pytest.mark.parametrize("name", TOKEN_VIEWS)
def test_nothing_but_the_chosen_places_changes(name):
    batch, found = masked(samples(100), name=name)
    before = batch[TOKENS].clone()
    restored = found[TOKENS].clone()
    restored[tuple(found[WHERE].T)] = found[TARGETS]
    assert torch.equal(restored, before)
    assert {WHERE, TARGETS, PLACES} == found.keys() - batch.keys()
    assert all(found[key] is batch[key] for key in batch if key not in {TOKENS, SITES})
    assert found[WHERE].dtype == found[TARGETS].dtype == found[TOKENS].dtype == torch.int64
    assert found[WHERE].shape == (len(found[TARGETS]), batch[TOKENS].ndim)
    rows, slots = found[WHERE][:, 0], found[WHERE][:, 1]
    assert batch[MASK][rows, slots].all()


def test_an_orbit_with_a_masked_word_does_not_tell_its_site_symmetry():
    batch, found = masked(samples(100), name="orbit-set")
    chosen = torch.zeros_like(batch[MASK])
    chosen[found[WHERE][:, 0], found[WHERE][:, 1]] = True
    assert (batch[SITES][chosen] > 0).any()
    assert torch.equal(found[SITES], batch[SITES] * ~chosen)


@pytest.mark.parametrize("whole_orbits", [False, True])
def test_both_views_mask_the_same_tokens_of_a_crystal(whole_orbits):
    options = MaskingOptions(ratio=0.3, whole_orbits=whole_orbits)
    one, other = (masked(samples(200), options=options, name=name)[1] for name in TOKEN_VIEWS)
    assert torch.equal(one[TARGETS], other[TARGETS])
    assert torch.equal(one[WHERE][:, 0], other[WHERE][:, 0])
    assert torch.equal(one[PLACES], other[PLACES])
    now = [found[TOKENS][tuple(found[WHERE].T)] for found in (one, other)]
    assert torch.equal(*now)


def fate(found, crystal):
    """Places in the string's own tensor, targets and new tokens of one crystal of a batch."""
    mine = found[WHERE][:, 0] == crystal
    new = found[TOKENS][tuple(found[WHERE][mine].T)]
    return found[WHERE][mine][:, 1:], found[TARGETS][mine], new


@pytest.mark.parametrize("name", TOKEN_VIEWS)
def test_a_crystal_is_masked_alike_in_any_company(name):
    strings = samples(40)
    expected = fate(masked(strings, name=name)[1], 7)
    assert len(expected[1])
    for company in ([7], [7, 3], [39, 7, 1, 2], [*range(39, -1, -1)]):
        part = masked([strings[k] for k in company], company, name=name)[1]
        assert all(map(torch.equal, expected, fate(part, company.index(7))))


def test_a_place_counts_the_tokens_before_that_can_be_masked():
    found = masked(samples(1), options=MaskingOptions(ratio=1))[1]
    assert found[PLACES].tolist() == list(range(len(found[TARGETS])))
    words = [word for word in SALT.split(" ") if word != "|"]
    found = masked(samples(300))[1]
    mine = found[WHERE][:, 0] % 5 == 0  # where the string is SALT
    places, targets = found[PLACES][mine].tolist(), found[TARGETS][mine].tolist()
    assert [words[place] for place in places] == [V.tokens[k] for k in targets]


@pytest.mark.parametrize("name", TOKEN_VIEWS)
@pytest.mark.parametrize("whole_orbits", [False, True])
def test_tokens_are_counted_without_a_batch(name, whole_orbits):
    options = MaskingOptions(whole_orbits=whole_orbits)
    masker = TokenMasker(V, options, seed=5)
    rows = np.arange(300) * 7
    batch = view(name, V, 1000).collate(samples(300))
    found = masker.mask(batch, rows, epoch=3)
    assert masker.count(samples(300), rows, epoch=3) == len(found[TARGETS]) > 0
    assert masker.count([], np.arange(0), epoch=3) == 0


def correlation(a, b):
    return np.corrcoef(a.ravel(), b.ravel())[0, 1] * a.size**0.5  # a standard normal if independent


def test_rows_places_epochs_and_seeds_are_independent():
    strings = random_samples(6000)
    chosen = guessed(strings)
    assert abs(correlation(chosen[1:], chosen[:-1])) < 4
    assert abs(correlation(chosen[:, 1:], chosen[:, :-1])) < 4
    assert abs(correlation(chosen[1:, 1:], chosen[:-1, :-1])) < 4
    assert abs(correlation(chosen[:-1, 1:], chosen[1:, :-1])) < 4
    for other in (
        guessed(strings, epoch=1),
        guessed(strings, epoch=10**6),
        guessed(strings, seed=1),
        guessed(strings, seed=2**63),
        guessed(strings, rows=np.arange(6000) + 10**7),
    ):
        assert abs(correlation(chosen, other)) < 4


def test_seed_and_epoch_do_not_stand_for_each_other():
    strings = random_samples(100)
    assert not np.array_equal(guessed(strings, seed=1, epoch=2), guessed(strings, seed=2, epoch=1))


@pytest.mark.parametrize("name", TOKEN_VIEWS)
def test_whole_orbits_are_masked_together(name):
    strings = samples(2000)
    batch, found = masked(strings, options=MaskingOptions(whole_orbits=True), name=name)
    chosen = torch.zeros_like(batch[TOKENS], dtype=torch.bool)
    chosen[tuple(found[WHERE].T)] = True
    groups, row = batch[GROUPS], torch.arange(len(strings)).view(-1, *[1] * (chosen.ndim - 1))
    group = (groups + 1000 * row)[groups > 0]
    of = torch.bincount(group[chosen[groups > 0]], minlength=1000 * len(strings))
    every = torch.bincount(group, minlength=1000 * len(strings))
    assert set(every.tolist()) == {0, 2}
    assert set(of.tolist()) == {0, 2}
    orbits = int((every == 2).sum())
    assert within(int((of == 2).sum()), orbits, 0.15)


def test_without_whole_orbits_their_tokens_are_apart():
    batch, found = masked(samples(500))
    chosen = torch.zeros_like(batch[TOKENS], dtype=torch.bool)
    chosen[tuple(found[WHERE].T)] = True
    groups = batch[GROUPS] + 1000 * torch.arange(500).view(-1, 1)
    assert 1 in torch.bincount(groups[chosen & (batch[GROUPS] > 0)]).tolist()


def test_a_crystal_without_a_masked_token_is_fine():
    found = masked([samples(1)[0]], options=MaskingOptions(ratio=1e-9))[1]
    assert found[WHERE].shape == (0, 2)
    assert found[TARGETS].shape == (0,)


@pytest.mark.parametrize(
    "values", [{"ratio": 0}, {"ratio": 1.1}, {"replace": 0.95}, {"random": -0.1}, {"rate": 0.1}]
)
def test_shares_that_are_none_are_refused(values):
    with pytest.raises(ValidationError):
        MaskingOptions(**values)


def test_whole_orbits_need_wyckoff_symbols():
    shared = tuple(Role.SHARED if r is Role.WYCKOFF else r for r in V.roles)
    with pytest.raises(InputError, match="no Wyckoff symbols"):
        TokenMasker(replace(V, roles=shared), MaskingOptions(whole_orbits=True), 0)


def test_a_vocabulary_without_mask_is_refused():
    with pytest.raises(InputError, match=r"\[MASK\]"):
        TokenMasker(Vocabulary(("a",), (Role.SHARED,), 1), MaskingOptions(), 0)


def test_sums_are_cross_entropy_in_nats_hits_and_places():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    targets = torch.tensor([0, 1])
    loss, hits, places = sums_of(logits, targets).tolist()
    assert torch.isclose(torch.tensor(loss), fn.cross_entropy(logits, targets, reduction="sum"))
    assert (hits, places) == (1, 2)
    assert sums_of(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).tolist() == [0, 0, 0]
