"""What is hidden of a crystal reaches nothing: not the string, not what an encoder sees."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from stratus.crystals.composition import reduced_formula
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.facets import Detail
from stratus.crystals.formula import read_formula
from stratus.crystals.synthesis import random_orbits
from stratus.errors import InputError
from stratus.scope import Scope, vocabulary
from stratus.scope.partial import check_partial, hide, known, partial_scope, write_partial
from stratus.views.token_view import token_view as view

V = vocabulary()
HIDDEN = (Detail.SPACE_GROUP, Detail.FORMULA)

like_formulas = st.from_regex(r"([A-Z][a-z]?[0-9.()\[\]+ ]{0,4}){1,6}", fullmatch=True)
symbols = st.sampled_from(SYMBOLS[1:])
amounts = st.dictionaries(symbols, st.integers(1, 2000), min_size=1, max_size=8)


@st.composite
def crystals(draw: st.DrawFn) -> Scope:
    number = draw(st.integers(1, 230))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Scope.from_orbits(number, random_orbits(number, rng, max_orbits=8))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@given(crystals())
def test_a_hidden_string_is_that_of_what_is_left(crystal: Scope) -> None:
    own = dict(crystal.composition)
    assert hide(str(crystal), Detail.FORMULA) == write_partial(own)
    assert hide(str(crystal), Detail.SPACE_GROUP) == write_partial(own, crystal.space_group)
    for kind in HIDDEN:
        text = hide(str(crystal), kind)
        assert known(text) is check_partial(text) is kind


@given(crystals())
def test_a_formula_of_a_crystal_gives_its_hidden_string(crystal: Scope) -> None:
    formula = "".join(f"{symbol}{amount}" for symbol, amount in crystal.composition)
    assert partial_scope(formula) == hide(str(crystal), Detail.FORMULA)
    reduced = partial_scope(reduced_formula(crystal.composition), crystal.space_group)
    assert reduced == hide(str(crystal), Detail.SPACE_GROUP)


@given(amounts, st.integers(1, 7), st.randoms())
def test_order_and_multiples_of_a_formula_make_no_difference(own, factor, random) -> None:
    items = list(own.items())
    random.shuffle(items)
    text = " ".join(f"{symbol}{amount * factor}" for symbol, amount in items)
    assert partial_scope(text) == write_partial(own)


@given(amounts)
def test_shares_of_elements_are_the_formula(own) -> None:
    total = sum(own.values())
    shares = {symbol: Fraction(round(10**6 * n / total), 10**6) for symbol, n in own.items()}
    text = "".join(f"{symbol}{float(share):.6f}" for symbol, share in shares.items())
    if total <= 12:  # 1/3 is written with so many digits
        assert partial_scope(text) == write_partial(own)
    else:
        found = read_formula(text)
        whole = sum(found.values())
        for symbol, share in shares.items():
            assert abs(Fraction(found.get(symbol, 0), whole) - share) < 1e-5


@given(st.text(max_size=30) | like_formulas)
def test_any_text_is_a_formula_or_a_refusal(text: str) -> None:
    try:
        found = read_formula(text)
    except InputError:
        return
    assert found
    assert all(symbol in SYMBOLS and amount > 0 for symbol, amount in found.items())
    assert partial_scope(text) == write_partial(found)


@given(crystals(), crystals())
def test_views_see_no_hidden_part(one: Scope, other: Scope) -> None:
    seen = view("sequence", V, 512)
    for kind in HIDDEN:
        text = hide(str(one), kind)
        batch = seen.collate([seen.tokens(text)])
        # the other crystal with the parts of this one that are left: nothing of it remains
        parts, left = str(other).split(" | "), str(one).split(" | ")
        parts[2] = left[2]
        if kind is Detail.SPACE_GROUP:
            parts[0] = left[0]
        assert same(batch, seen.collate([seen.tokens(hide(" | ".join(parts), kind))]))


@given(crystals())
def test_a_composition_looks_the_same_in_a_whole_and_in_a_partial_string(crystal: Scope) -> None:
    seen = view("composition", V, 512)
    whole = seen.collate([seen.tokens(str(crystal))])
    for kind in HIDDEN:
        sample = seen.tokens(hide(str(crystal), kind))
        assert same(whole, seen.collate([sample]))
        assert seen.sizes([sample]).tolist() == [len(crystal.composition)]
        assert seen.length(len(sample)) >= len(crystal.composition)


@given(st.lists(crystals(), min_size=1, max_size=5))
def test_whole_and_partial_strings_stand_in_one_batch(several: list[Scope]) -> None:
    texts = [t for c in several for t in (str(c), *(hide(str(c), kind) for kind in HIDDEN))]
    for name in ("sequence", "composition"):
        seen = view(name, V, 512)
        samples = [seen.tokens(text) for text in texts]
        together = seen.collate(samples)["mask"].sum(1)
        assert together.tolist() == seen.sizes(samples).tolist()
