"""What must hold for every crystal, tried on crystals that hypothesis makes up."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import stratus
from stratus.crystals.composition import number_words
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.entry import Entry
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import ScopeSyntaxError
from stratus.scope import PaperScope, Scope, vocabulary

numbers = st.integers(1, 230)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def scopes(draw: st.DrawFn) -> Scope:
    number = draw(numbers)
    positions = wyckoff_positions(number)
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(SYMBOLS[1:]), st.sampled_from(list(positions))),
            min_size=1,
            max_size=12,
        )
    )
    fixed: set[str] = set()
    kept = []
    for element, letter in pairs:
        if letter in fixed:
            continue
        if positions[letter].is_fixed:
            fixed.add(letter)
        kept.append((element, letter))
    return Scope.from_orbits(number, kept)


@given(scopes())
def test_parse_undoes_str(scope: Scope) -> None:
    assert Scope.parse(str(scope)) == scope


@given(scopes())
def test_the_vocabulary_is_closed(scope: Scope) -> None:
    words = vocabulary()
    text = str(scope)
    ids = words.ids(text)
    assert words.text(ids) == text
    assert len(ids) == len(text.split(" "))


@given(st.integers(1, 10**9))
def test_any_whole_number_is_written_with_tokens(number: int) -> None:
    words = number_words(number)
    assert all(word in vocabulary().index for word in words)
    value = 0
    for word in words:
        value = value * 100 + int(word.rstrip("_"))
    assert value == number


@given(scopes(), st.data())
def test_a_damaged_string_is_refused_or_is_another_crystal(
    scope: Scope, data: st.DataObject
) -> None:
    words = str(scope).split(" ")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] = data.draw(st.sampled_from(vocabulary().tokens))
    text = " ".join(words)
    position = 0
    try:
        text = str(Scope.parse(text))
    except ScopeSyntaxError as error:
        position = error.position
    assert text == " ".join(words)
    assert 0 <= position <= len(words)


def rewritten(entry: Entry, rng: np.random.Generator) -> Entry:
    """The same crystal: other cell, origin, orientation, order; doubled once in a while."""
    change = np.eye(3)
    for _ in range(3):
        axis, other = rng.permutation(3)[:2]
        step = np.eye(3)
        step[axis, other] = rng.choice([-1, 1])
        change = step @ change
    frac_coords = entry.frac_coords @ np.linalg.inv(change) + rng.random(3)
    lattice, kinds = change @ entry.lattice, entry.numbers
    if rng.random() < 0.5:
        axis = int(rng.integers(3))
        lattice[axis] *= 2
        frac_coords[:, axis] /= 2
        moved = frac_coords.copy()
        moved[:, axis] += 0.5
        frac_coords, kinds = np.concatenate([frac_coords, moved]), np.concatenate([kinds, kinds])
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    lattice = lattice @ (turn * np.sign(np.linalg.det(turn)))
    order = rng.permutation(len(kinds))
    return Entry(entry.id, lattice, kinds[order], frac_coords[order] % 1)


@settings(deadline=None, max_examples=300)
@given(numbers, seeds)
def test_the_string_does_not_depend_on_how_the_crystal_is_written(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    entry = random_crystal(number, random_orbits(number, rng), rng)
    # tight: a made-up crystal may lie near a higher symmetry, on the edge of a looser tolerance
    before = stratus.encode(entry, symprec=1e-5)
    assert stratus.encode(rewritten(entry, rng), symprec=1e-5) == before


@settings(deadline=None, max_examples=100)
@given(numbers, seeds)
def test_paper_strings_survive_the_round_trip(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    entry = random_crystal(number, random_orbits(number, rng), rng)
    scope = stratus.encode(entry, dialect="paper")
    assert PaperScope.parse(str(scope)) == scope


@settings(deadline=None, max_examples=100)
@given(numbers, seeds)
def test_composition_and_atoms_are_exact(number: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    entry = random_crystal(number, random_orbits(number, rng), rng)
    scope = stratus.encode(entry)
    counts = {SYMBOLS[z]: int((entry.numbers == z).sum()) for z in set(entry.numbers.tolist())}
    per_cell = dict(scope.composition)
    assert counts.keys() == per_cell.keys()
    ratios = {counts[symbol] / per_cell[symbol] for symbol in counts}
    assert len(ratios) == 1
    assert len(entry) % scope.n_atoms == 0
