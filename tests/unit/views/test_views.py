"""The views against slow and obvious ones, written word by word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import stratus
from stratus.crystals.facets import Detail
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.crystals.wyckoff import POINT_GROUPS
from stratus.errors import InputError, ScopeSyntaxError
from stratus.scope import Scope, vocabulary
from stratus.scope.partial import hide
from stratus.scope.vocabulary import Role, Vocabulary
from stratus.views import keys
from stratus.views.table import VIEWS
from stratus.views.token_view import TokenView
from stratus.views.token_view import token_view as view

ROCK_SALT = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"
LARGE = "i0 | H 1a Na 1a H 1a | H 1_ 2_ 37 Na 1 | 1_ 2_ 38"  # grammar counts, not crystals
V = vocabulary()
STRINGS = [name for name, kind in VIEWS.items() if issubclass(kind, TokenView)]


def scopes(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    numbers = rng.integers(1, 231, n)
    return [
        str(Scope.from_orbits(int(k), random_orbits(int(k), rng, max_orbits=9))) for k in numbers
    ]


def encoded_crystals(n: int) -> list[str]:
    rng = np.random.default_rng(5)
    found = []
    for number in rng.integers(1, 231, n):
        entry = random_crystal(int(number), random_orbits(int(number), rng), rng)
        found.append(str(stratus.encode(entry)))
    return found


TEXTS = [*scopes(60), *encoded_crystals(10), ROCK_SALT, LARGE]


def slow_sequence(texts: list[str]) -> tuple[list[list[str]], list[list[int]]]:
    """Words and orbit numbers, with [PAD] and 0 where there is nothing."""
    lines, groups = [], []
    for text in texts:
        group, orbits, composition, atoms = (part.split() for part in text.split(" | "))
        line = ["[CLS]", *group, "|"]
        number = [0] * len(line)
        for k in range(0, len(orbits), 2):
            line += orbits[k : k + 2]
            number += [k // 2 + 1] * 2
        rest = ["|", *composition, "|", *atoms, "[SEP]"]
        lines.append(line + rest)
        groups.append(number + [0] * len(rest))
    longest = max(map(len, lines))
    return (
        [line + ["[PAD]"] * (longest - len(line)) for line in lines],
        [line + [0] * (longest - len(line)) for line in groups],
    )


def slow_slots(text: str) -> list[tuple[int, int, list[str]]]:
    """(segment, orbit number, words) of each slot."""
    group, orbits, composition, atoms = (part.split() for part in text.split(" | "))
    slots = [(0, 0, ["[CLS]"]), (1, 0, group)]
    slots += [(2, k // 2 + 1, orbits[k : k + 2]) for k in range(0, len(orbits), 2)]
    for word in composition:
        if V.role(word) is Role.ELEMENT:
            slots.append((3, 0, []))
        slots[-1][2].append(word)
    return [*slots, (4, 0, atoms)]


def collated(name: str, texts: list[str], limit: int = 512):
    seen = view(name, V, limit)
    return seen.collate([seen.tokens(text) for text in texts])


def test_sequence_is_what_the_words_say():
    batch = collated("sequence", TEXTS)
    words, groups = slow_sequence(TEXTS)
    assert [[V.tokens[k] for k in row] for row in batch[keys.TOKENS].tolist()] == words
    assert batch[keys.GROUPS].tolist() == groups
    assert batch[keys.MASK].tolist() == [[word != "[PAD]" for word in line] for line in words]


def test_orbit_set_is_what_the_words_say():
    batch = collated("orbit-set", TEXTS)
    tokens, groups = batch[keys.TOKENS].tolist(), batch[keys.GROUPS].tolist()
    segments, mask = batch[keys.SEGMENTS].tolist(), batch[keys.MASK].tolist()
    expected = [slow_slots(text) for text in TEXTS]
    assert len(tokens[0]) == max(map(len, expected))
    width = len(tokens[0][0])
    assert width == max(len(words) for slots in expected for _, _, words in slots)
    for b, slots in enumerate(expected):
        for s in range(len(tokens[0])):
            segment, orbit, words = slots[s] if s < len(slots) else (0, 0, [])
            empty = width - len(words)
            assert [V.tokens[k] for k in tokens[b][s]] == words + ["[PAD]"] * empty
            assert groups[b][s] == [orbit] * len(words) + [0] * empty
            assert segments[b][s] == segment
            assert mask[b][s] == (s < len(slots))


def test_a_slot_is_as_wide_as_the_widest_of_the_batch():
    assert collated("orbit-set", [ROCK_SALT])[keys.TOKENS].shape == (1, 7, 7)
    assert collated("orbit-set", ["i0 | H 1a | H 1 | 1"])[keys.TOKENS].shape == (1, 5, 2)


def test_no_slot_has_more_words_than_the_view_says():
    groups = [str(Scope.from_orbits(number, [("H", "a")])) for number in range(1, 231)]
    batch = collated("orbit-set", [*groups, LARGE])
    assert batch[keys.TOKENS].shape[2] == VIEWS["orbit-set"].fields


def test_an_orbit_has_the_point_group_of_its_site():
    batch = collated(
        "orbit-set", [ROCK_SALT, "i0 | H 1a | H 1 | 1", hide(ROCK_SALT, Detail.FORMULA)]
    )
    names = [[POINT_GROUPS[k - 1] if k else "" for k in row] for row in batch[keys.SITES].tolist()]
    assert names[0] == ["", "", "m-3m", "m-3m", "", "", ""]
    assert names[1] == ["", "", "1", "", "", "", ""]
    assert names[2] == [""] * 7


def test_what_is_unknown_is_one_slot_with_mask():
    batch = collated("orbit-set", [hide(ROCK_SALT, Detail.FORMULA)])
    words = [[V.tokens[k] for k in slot] for slot in batch[keys.TOKENS].tolist()[0]]
    assert words == [
        ["[CLS]", "[PAD]"],
        ["[MASK]", "[PAD]"],
        ["[MASK]", "[PAD]"],
        ["Na", "1"],
        ["Cl", "1"],
        ["[MASK]", "[PAD]"],
    ]
    assert batch[keys.SEGMENTS].tolist() == [[0, 1, 2, 3, 3, 4]]


@pytest.mark.parametrize(
    "name", [name for name, kind in VIEWS.items() if getattr(kind, "fields", 0)]
)
def test_dtypes_and_shapes_are_those_of_the_registry(name):
    batch = collated(name, TEXTS)
    known = {keys.TOKENS, keys.MASK, keys.PADDING, keys.SEGMENTS, keys.GROUPS, keys.SITES}
    assert set(batch) <= known
    assert batch[keys.MASK].dtype is torch.bool
    assert all(batch[key].dtype is torch.int64 for key in set(batch) - {keys.MASK})
    assert batch[keys.GROUPS].shape == batch[keys.TOKENS].shape
    assert batch[keys.MASK].shape == batch[keys.TOKENS].shape[:2]


@pytest.mark.parametrize("name", STRINGS)
def test_padding_tells_by_its_shape_whether_there_is_any(name):
    full = collated(name, [ROCK_SALT, ROCK_SALT])
    assert full[keys.MASK].all()
    assert full[keys.PADDING].shape == (0,)
    ragged = collated(name, [ROCK_SALT, "i0 | H 1a | H 1 | 1"])
    assert ragged[keys.PADDING].tolist() == [int((~ragged[keys.MASK]).sum())] != [0]


@pytest.mark.parametrize("name", STRINGS)
def test_lengths_are_those_of_the_batch_and_under_the_bound(name):
    seen = view(name, V, 512)
    samples = [seen.tokens(text) for text in TEXTS]
    lengths = seen.sizes(samples)
    assert lengths.tolist() == seen.collate(samples)[keys.MASK].sum(1).tolist()
    n_tokens = np.array([len(sample) for sample in samples])
    assert (lengths <= seen.length(n_tokens)).all()
    assert [seen.length(int(n)) for n in n_tokens] == seen.length(n_tokens).tolist()


def test_the_bound_of_the_orbit_set_is_reached():
    seen = view("orbit-set", V, 512)
    smallest = seen.tokens(hide("i0 | H 1a | H 1 | 1", Detail.FORMULA))
    assert seen.sizes([smallest])[0] == seen.length(len(smallest))


@pytest.mark.parametrize("name", STRINGS)
def test_samples_are_small_and_without_special_tokens(name):
    sample = view(name, V, 512).tokens(ROCK_SALT)
    assert sample.dtype == np.uint16
    assert V.text(sample.tolist()) == ROCK_SALT


@pytest.mark.parametrize(("name", "rows"), [("sequence", 21), ("orbit-set", 7)])
def test_a_crystal_that_is_too_long_is_refused_with_its_numbers_and_string(name, rows):
    short = "i0 | H 1a | H 1 | 1"
    assert collated(name, [short, ROCK_SALT], rows)[keys.TOKENS].shape[1] == rows
    with pytest.raises(InputError) as caught:
        collated(name, [short, ROCK_SALT], rows - 1)
    for part in (f"{rows} parts", f"limit of {rows - 1}", ROCK_SALT):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", STRINGS)
def test_a_word_that_is_no_token_is_refused(name):
    with pytest.raises(ScopeSyntaxError, match="Xx"):
        view(name, V, 512).tokens("i0 | Xx 1a | H 1 | 1")


@pytest.mark.parametrize("name", STRINGS)
def test_a_batch_of_nothing_is_refused(name):
    with pytest.raises(InputError, match="at least one crystal"):
        view(name, V, 512).collate([])


@pytest.mark.parametrize(
    "text",
    [
        "i0 | H 1a | H 1",
        "i0 | H 1a | H 1 | 1 | 1",
        "i0 | | H 1 | 1",
        "i0 | H 1a | H 1 |",
        "H 1a | i0 | H 1 | 1",
        "i0 | 1a H | H 1 | 1",
        "i0 | H 1a | 1 H | 1",
        "i0 | H 1a | H 1 | H",
        "i0",
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_the_orbit_set_refuses_what_is_no_string_of_its_dialect(text, last):
    texts = [ROCK_SALT, text] if last else [text, ROCK_SALT]
    seen = view("orbit-set", V, 512)
    samples = [np.array([V.index[word] for word in t.split()], dtype=np.uint16) for t in texts]
    with pytest.raises(InputError, match="four parts") as caught:
        seen.collate(samples)
    assert repr(text) in str(caught.value)


def shared_vocabulary() -> Vocabulary:
    """Words of a published tokenizer, whose special ids stand elsewhere."""
    special = ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]")
    words = ("|", "0", "1", "O", "1a", "H")
    roles = (Role.SPECIAL,) * len(special) + (Role.SHARED,) * len(words)
    return Vocabulary((*special, *words), roles, 1)


def test_the_sequence_serves_a_published_vocabulary():
    seen = view("sequence", shared_vocabulary(), 64)
    batch = seen.collate([seen.tokens("0 0 | 1a | H 1"), seen.tokens("0 | O")])
    assert batch[keys.TOKENS].tolist() == [
        [0, 6, 6, 5, 9, 5, 10, 7, 2],
        [0, 6, 5, 8, 2, 1, 1, 1, 1],
    ]
    assert not batch[keys.GROUPS].any()


def test_the_orbit_set_refuses_a_published_vocabulary():
    with pytest.raises(InputError, match=r"orbit dialect.*take the encoder cloud"):
        view("orbit-set", shared_vocabulary(), 64)


def test_a_vocabulary_without_a_special_token_is_refused():
    with pytest.raises(InputError, match=r"\[PAD\]"):
        view("sequence", Vocabulary(("a",), (Role.SHARED,), 1), 64)


def test_an_unknown_view_gets_the_close_names():
    with pytest.raises(InputError, match="did you mean orbit-set"):
        view("orbit_set", V, 64)
    with pytest.raises(InputError, match="choose sequence, orbit-set"):
        view("pictures", V, 64)
