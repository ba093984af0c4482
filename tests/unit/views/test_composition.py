"""The view of compositions against exact fractions, and what must not reach it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from stratus.crystals.elements import NUMBERS
from stratus.crystals.synthesis import random_orbits
from stratus.errors import InputError, ScopeSyntaxError
from stratus.scope import Scope, vocabulary
from stratus.scope.vocabulary import Role, Vocabulary
from stratus.views import keys
from stratus.views.token_view import token_view as view

V = vocabulary()
ROCK_SALT = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"
LARGE = "i0 | H 1a Na 1a H 1a | H 1_ 2_ 37 Na 1 | 1_ 2_ 38"  # grammar counts, not crystals
ONE = "i0 | H 1a | H 1 | 1"


def scopes(n: int, seed: int = 0) -> list[Scope]:
    rng = np.random.default_rng(seed)
    numbers = [int(k) for k in rng.integers(1, 231, n)]
    return [Scope.from_orbits(k, random_orbits(k, rng, max_orbits=9)) for k in numbers]


def collated(texts: list[str], limit: int = 20):
    seen = view("composition", V, limit)
    return seen.collate([seen.tokens(text) for text in texts])


def test_the_batch_holds_the_exact_fractions():
    crystals = scopes(300)
    batch = collated([str(scope) for scope in crystals])
    elements, fractions = batch[keys.ELEMENTS], batch[keys.FRACTIONS]
    longest = max(len(scope.composition) for scope in crystals)
    assert elements.shape == fractions.shape == batch[keys.MASK].shape == (300, longest)
    for row, scope in enumerate(crystals):
        total = sum(amount for _, amount in scope.composition)
        n = len(scope.composition)
        exact = [float(Fraction(amount, total)) for _, amount in scope.composition]
        numbers = [NUMBERS[symbol] for symbol, _ in scope.composition]
        assert elements[row].tolist() == numbers + [0] * (longest - n)
        assert fractions[row].tolist() == np.float32(exact).tolist() + [0.0] * (longest - n)
        assert batch[keys.MASK][row].tolist() == [True] * n + [False] * (longest - n)


def test_amounts_of_several_words_are_read():
    batch = collated([LARGE, ROCK_SALT, "i0 | H 1a | Og 10_ 0_ 5 H 99_ 99 U 7 | 1"])
    assert batch[keys.ELEMENTS].tolist() == [[1, 11, 0], [11, 17, 0], [118, 1, 92]]
    exact = [[10237 / 10238, 1 / 10238, 0], [0.5, 0.5, 0], [100005, 9999, 7]]
    exact[2] = [amount / 110011 for amount in exact[2]]
    assert torch.equal(batch[keys.FRACTIONS], torch.tensor(exact, dtype=torch.float32))


def test_dtypes_and_padding():
    batch = collated([LARGE, ONE])
    assert {key: value.dtype for key, value in batch.items()} == {
        keys.ELEMENTS: torch.int64,
        keys.FRACTIONS: torch.float32,
        keys.MASK: torch.bool,
        keys.PADDING: torch.int64,
    }
    assert batch[keys.PADDING].tolist() == [1]
    assert collated([LARGE, ROCK_SALT])[keys.PADDING].shape == (0,)


def test_nothing_but_the_composition_reaches_the_batch():
    one = "i0 | C 1a C 1b | C 2 | 2"
    crystals = (
        [ROCK_SALT, one],
        [
            "i1 aODD | Na 1a Cl 3b Na 3c Cl 1d | Na 1 Cl 1 | 8",
            "i1 aODD bOOO | C 8a | C 2 | 4",
        ],
    )
    first, second = (collated(texts) for texts in crystals)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_lengths_are_those_of_the_batch_and_under_the_bound():
    seen = view("composition", V, 20)
    samples = [seen.tokens(str(scope)) for scope in scopes(100)] + [seen.tokens(LARGE)]
    lengths = seen.sizes(samples)
    assert lengths.tolist() == seen.collate(samples)[keys.MASK].sum(1).tolist()
    n_tokens = np.array([len(sample) for sample in samples])
    assert (lengths <= seen.length(n_tokens)).all()
    assert [seen.length(int(n)) for n in n_tokens] == seen.length(n_tokens).tolist()


def test_the_bound_is_reached_where_nothing_else_is_known():
    seen = view("composition", V, 20)
    sample = seen.tokens("| | Na 1 Cl 1 |")
    assert seen.sizes([sample])[0] == seen.length(len(sample)) == 2
    assert torch.equal(seen.collate([sample])[keys.ELEMENTS], torch.tensor([[11, 17]]))


@pytest.mark.parametrize(
    "text",
    [
        "i0 | H 1a | H 1",
        "i0 | H 1a | H 1 | 1 | 1",
        "i0 | H 1a | | 1",
        "i0 | H 1a | 1 H | 1",
        "i0 | H 1a | H | 1",
        "i0 | H 1a | H Na 1 | 1",
        "i0 | H 1a | H 1 2 | 1",
        "i0 | H 1a | H 1_ | 1",
        "i0 | H 1a | H 1_ Na 1 | 1",
        "i0 | H 1a | H 0 | 1",
        "i0 | H 1a | H 1 Na 0_ 0 | 1",
        "i0 | H 1a | H 1a | 1",
        "i0 | H 1a | [MASK] | 1",
        "i0 | H 1a | H [MASK] | 1",
        "H 1 Na 1",
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_a_string_without_a_right_composition_is_refused(text, last):
    texts = [ROCK_SALT, text] if last else [text, ROCK_SALT]
    seen = view("composition", V, 20)
    samples = [np.array([V.index[word] for word in t.split()], dtype=np.uint16) for t in texts]
    with pytest.raises(InputError, match="third part") as caught:
        seen.collate(samples)
    assert repr(text) in str(caught.value)


def test_more_elements_than_the_limit_are_refused_with_their_string():
    text = f"i0 | H 1a | {' '.join(f'{symbol} 1' for symbol in list(NUMBERS)[:21])} | 21"
    assert collated([text, ONE], 21)[keys.ELEMENTS].shape == (2, 21)
    with pytest.raises(InputError) as caught:
        collated([ONE, text], 20)
    for part in ("21 parts", "limit of 20", text):
        assert part in str(caught.value)


def test_a_batch_of_nothing_and_a_word_that_is_no_token_are_refused():
    with pytest.raises(InputError, match="at least one crystal"):
        collated([])
    with pytest.raises(ScopeSyntaxError, match="Xx"):
        collated(["i0 | Xx 1a | H 1 | 1"])


def test_a_published_vocabulary_is_refused():
    published = Vocabulary(("[PAD]", "|", "O", "1"), (Role.SPECIAL, *(Role.SHARED,) * 3), 1)
    with pytest.raises(InputError, match=r"orbit dialect.*take the encoder cloud"):
        view("composition", published, 20)


def test_samples_are_those_of_every_view():
    sample = view("composition", V, 20).tokens(ROCK_SALT)
    assert sample.dtype == np.uint16
    assert V.text(sample.tolist()) == ROCK_SALT
