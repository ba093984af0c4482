"""Every row once an epoch, little padding, and the same batches for any number of ranks."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
import torch

from stratus import Scope
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError
from stratus.heads.masked_tokens import MASKED_TOKENS
from stratus.objectives.masked_tokens import MaskedRows, MaskingOptions
from stratus.scope.vocabulary import vocabulary
from stratus.training.loader import Endless, Loader
from stratus.views.keys import MASK, TOKENS, WHERE
from stratus.views.table import VIEWS
from stratus.views.token_view import token_view as view

V = vocabulary()
TOKEN_VIEWS = [name for name, kind in VIEWS.items() if getattr(kind, "fields", 0)]
ELEMENTS = ("H", "Li", "O", "Na", "Cl", "Fe", "Sb", "Og", "C", "Zr", "Ti", "Ba")
GROUPS = (1, 2, 14, 15, 62, 139, 166, 194, 221, 225)


class Strings:
    """Stands in for a split of a token corpus."""

    def __init__(self, texts):
        self.rows = [np.array(V.ids(text), dtype=np.uint16) for text in texts]

    def __len__(self):
        return len(self.rows)

    def tokens(self, row):
        return self.rows[row]

    def take(self, rows, column):
        assert column == "tokens"
        return [self.rows[int(row)] for row in rows]


def crystal(random):
    """A random crystal: one of ten space groups, one to seven orbits."""
    group = int(random.choice(GROUPS))
    positions = wyckoff_positions(group)
    letters = random.choice(list(positions), size=int(random.integers(1, 8)))
    taken = [w for k, w in enumerate(letters) if w not in letters[:k] or not positions[w].is_fixed]
    return str(Scope.from_orbits(group, [(str(random.choice(ELEMENTS)), w) for w in taken]))


@pytest.fixture(scope="module")
def crystals():
    """2,000 different random crystals; each row can be told by its tokens."""
    random = np.random.default_rng(0)
    texts = {}
    while len(texts) < 2000:
        texts.setdefault(crystal(random))
    return Strings(texts)


def some(crystals, n):
    few = Strings([])
    few.rows = crystals.rows[:n]
    return few


def loader(corpus, batch_size=32, seed=0, name="sequence", masking=None, **options):
    return Loader(
        MaskedRows(corpus, view(name, V, 600), masking, seed), batch_size, seed, **options
    )


def targets(step):
    return step.targets[MASKED_TOKENS]


def originals(step):
    """The crystals of a step, as the tokens that stood there; those that count."""
    tokens = step.inputs[TOKENS].clone()
    tokens[tuple(step.inputs[WHERE].T)] = targets(step)
    special = [V.index[t] for t in ("[PAD]", "[CLS]", "[SEP]", "|")]
    rows = [tuple(k for k in row.flatten().tolist() if k not in special) for row in tokens]
    return rows[: len(step.sizes)]


def known(corpus):
    separator = V.index["|"]
    return [tuple(k for k in row.tolist() if k != separator) for row in corpus.rows]


def same(one, other):
    tensors = [{**step.inputs, **step.targets, "sizes": step.sizes} for step in (one, other)]
    return (one.amount, one.counts, one.crystals) == (
        other.amount, other.counts, other.crystals
    ) and all(torch.equal(tensors[0][key], tensors[1][key]) for key in tensors[0])  # fmt: skip


@pytest.mark.parametrize("name", TOKEN_VIEWS)
@pytest.mark.parametrize(("world", "n"), [(1, 2000), (2, 2000), (3, 1000), (4, 34), (4, 33)])
def test_each_row_comes_once_an_epoch_over_all_ranks(crystals, name, world, n):
    corpus = some(crystals, n)
    rows = []
    for rank in range(world):
        batches = list(loader(corpus, name=name, rank=rank, world=world))
        assert len(batches) == -(-n // 32)
        rows += [row for batch in batches for row in originals(batch)]
    assert sorted(rows) == sorted(known(corpus))


def test_the_order_depends_on_seed_and_epoch_alone(crystals):
    def order(seed, epoch, **options):
        steps = loader(crystals, seed=seed, **options).epoch(epoch)
        return [row for step in steps for row in originals(step)]

    first = order(0, 0)
    assert order(0, 0, prefetch=0) == first
    others = [order(0, 1), order(1, 0), order(1, 1), order(2**40, 0)]
    for k, other in enumerate(others):
        assert sorted(other) == sorted(first)
        assert all(
            np.mean([a == b for a, b in zip(other, before, strict=True)]) < 0.02
            for before in [first, *others[:k]]
        )


def test_without_shuffle_every_epoch_is_alike_but_for_its_masks(crystals):
    batches = loader(crystals, shuffle=False)
    first = list(batches)
    assert all(map(same, first, batches))
    second = list(batches.epoch(1))
    assert [originals(b) for b in first] == [originals(b) for b in second]
    assert not all(map(same, first, second))


def test_neighbouring_batches_are_not_of_neighbouring_lengths(crystals):
    widths = [batch.inputs[TOKENS].shape[1] for batch in loader(crystals, pool=1000)]
    rising = sum(b >= a for a, b in pairwise(widths))
    assert 0.2 < rising / len(widths) < 0.8


@pytest.mark.parametrize("name", TOKEN_VIEWS)
@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("whole_orbits", [False, True])
def test_ranks_together_have_the_batch_of_a_single_process(crystals, name, world, whole_orbits):
    corpus = some(crystals, 321)
    options = {"name": name, "masking": MaskingOptions(whole_orbits=whole_orbits)}
    alone = list(loader(corpus, **options))
    ranks = [list(loader(corpus, rank=r, world=world, **options)) for r in range(world)]
    for whole, *parts in zip(alone, *ranks, strict=True):
        expected = originals(whole)
        assert [originals(part) for part in parts] == [expected[r::world] for r in range(world)]
        masked = len(targets(whole))
        assert {step.counts[MASKED_TOKENS] for step in (whole, *parts)} == {masked}
        assert {step.crystals for step in (whole, *parts)} == {len(whole.sizes)}
        assert sum(len(targets(part)) for part in parts) == masked
        assert sum(part.amount for part in parts) == whole.amount
        for r, part in enumerate(parts):
            for row in range(len(part.sizes)):
                mine = targets(part)[part.inputs[WHERE][:, 0] == row]
                there = targets(whole)[whole.inputs[WHERE][:, 0] == row * world + r]
                assert torch.equal(mine, there)


def test_a_rank_without_a_row_stays_in_step_and_adds_nothing():
    corpus = Strings([])  # the long string is a batch of its own, one row for four ranks
    corpus.rows = [np.full(n, V.index["H"], dtype=np.uint16) for n in [8] * 32 + [300]]
    for rank in range(4):
        batches = list(loader(corpus, rank=rank, world=4))
        small = max(batches, key=lambda batch: batch.inputs[TOKENS].shape[1])
        assert len(batches) == 2
        assert len(small.inputs[TOKENS]) == 1
        counts = (len(targets(small)), small.amount, len(small.sizes))
        assert (counts == (0, 0, 0)) is (rank > 0)
        assert small.counts[MASKED_TOKENS] > 0
        assert small.inputs[WHERE].shape[1] == 2


@pytest.mark.parametrize("name", TOKEN_VIEWS)
def test_padding_is_less_than_five_per_cent(crystals, name):
    for world in (1, 2):
        batches = loader(crystals, 128, name=name, world=world)
        measured = [batch.inputs[MASK] for batch in batches]
        share = 1 - sum(int(m.sum()) for m in measured) / sum(m.numel() for m in measured)
        assert batches.padding_share() == pytest.approx(share)
        assert share < 0.05
    assert loader(crystals, 128, name=name, pool=1).padding_share() > 0.15  # it can fail


def test_padding_is_less_than_five_per_cent_for_lengths_like_those_of_scope():
    random = np.random.default_rng(0)
    lengths = np.clip(np.rint(random.normal(25, 8, 20_000)), 8, 60).astype(int)
    corpus = Strings([])
    corpus.rows = [np.full(n, V.index["H"], dtype=np.uint16) for n in lengths]
    assert loader(corpus, 128).padding_share() < 0.05


@pytest.mark.parametrize("name", TOKEN_VIEWS)
def test_counts_are_those_of_the_batch(crystals, name):
    for batch in loader(some(crystals, 100), name=name):
        assert batch.sizes.tolist() == batch.inputs[MASK].sum(dim=1).tolist()
        assert batch.amount == int((batch.inputs[TOKENS] != V.index["[PAD]"]).sum())
        assert batch.counts == {MASKED_TOKENS: len(targets(batch))}


@pytest.mark.parametrize("prefetch", [0, 3])
def test_going_on_at_any_batch_is_as_going_straight(crystals, prefetch):
    batches = loader(some(crystals, 300), prefetch=prefetch)
    whole = list(batches.epoch(4))
    assert len(whole) == 10
    for first in range(11):
        rest = list(batches.epoch(4, first))
        assert len(rest) == 10 - first
        assert all(map(same, rest, whole[first:]))


@pytest.mark.parametrize("first", [0, 7, 10, 23])
def test_endless_steps_are_those_of_one_epoch_after_another(crystals, first):
    batches = loader(some(crystals, 300))
    straight = [step for epoch in range(4) for step in batches.epoch(epoch)]
    stream = iter(Endless(batches, first))
    assert all(same(next(stream), step) for step in straight[first:])


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("stratus-batches")]


def test_the_thread_ends_with_the_iteration(crystals):
    assert not threads()
    list(loader(crystals))
    assert not threads()
    stream = iter(loader(crystals))
    next(stream)
    assert threads()
    stream.close()
    assert not threads()


def test_the_thread_is_not_far_ahead(crystals):
    asked = []

    class Watched(Strings):
        def take(self, rows, column):
            asked.append(len(rows))
            return super().take(rows, column)

    corpus = Watched([])
    corpus.rows = crystals.rows
    batches = loader(corpus, prefetch=2)
    asked.clear()
    stream = iter(batches)
    next(stream)
    time.sleep(0.2)
    assert len(asked) == 3
    stream.close()


@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_error_while_a_batch_is_made_arrives(crystals, prefetch):
    batches = loader(some(crystals, 300), prefetch=prefetch)
    made = []

    def take(rows, column):
        made.append(rows)
        if len(made) > 6:
            raise OSError("the disk is gone")
        return crystals.take(rows, column)

    batches.source._corpus.take = take
    given = []
    with pytest.raises(OSError, match="the disk is gone"):
        given.extend(batches)
    assert not threads()


def test_a_string_too_long_for_the_view_is_refused_at_the_start(crystals):
    with pytest.raises(InputError, match="more than the limit of 20"):
        MaskedRows(crystals, view("sequence", V, 20))


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"pool": 0}, {"rank": 2, "world": 2}, {"rank": -1}, {"prefetch": -1}],
)
def test_options_that_can_not_be_used_are_refused(crystals, options):
    with pytest.raises(InputError, match="cannot be used"):
        loader(some(crystals, 3), **options)


def test_an_empty_corpus_has_no_batches():
    batches = loader(Strings([]))
    assert len(batches) == 0
    assert list(batches) == []
    assert batches.padding_share() == 0
