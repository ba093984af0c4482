"""The copying rule on generated strings, against the rule read from words and by hand."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.objectives.masked_tokens import PLACES, TARGETS, MaskingOptions, mask_tokens
from stratus.objectives.token_baselines import (
    CopyingRule,
    Tally,
    copied_elements,
    fit_baselines,
    fit_copying,
)
from stratus.scope.vocabulary import Role, vocabulary
from stratus.views.token_view import token_view as view

WORDS = vocabulary()
HEAD = "i1 aODD aDOD bOOO cOOO dOOO eOOO"
SITES = "abcdefgh"


@st.composite
def strings(draw):
    """A string of the orbit dialect's form: elements on one orbit or more, and a composition."""
    known = st.sampled_from(["Na", "K", "Cl", "O", "Ti", "Fe", "S", "H"])
    elements = draw(st.lists(known, min_size=1, max_size=5, unique=True))
    more = draw(st.lists(st.sampled_from(elements), max_size=3))
    orbits = " ".join(
        f"{element} {(1, 2, 4, 8)[k % 4]}{SITES[k % 2]}"
        for k, element in enumerate([*elements, *more])
    )
    composition = " ".join(
        f"{e} {draw(st.integers(1, 12))}" for e in draw(st.permutations(elements))
    )
    return f"{HEAD} | {orbits} | {composition} | {draw(st.integers(1, 99))}"


def by_hand(text: str, masked: set[int], place: int) -> str | None:
    """Copy by the words of a string; places count all words but the separators."""
    part, count, elements = 0, 0, []
    for word in text.split(" "):
        if word == "|":
            part += 1
            continue
        if WORDS.role(word) is Role.ELEMENT:
            elements.append((count, part, word))
        count += 1
    mine = next((p for at, p, _ in elements if at == place), None)
    if mine is None:
        return None
    shown = [(p, word) for at, p, word in elements if at not in masked]
    own = [word for p, word in shown if p == mine]
    others = [word for p, word in shown if p != mine]
    fresh = [word for word in others if word not in own]
    return (fresh or others or [None])[0]


def masked_batch(texts, kind, ratio, seed):
    seen = view(kind, WORDS, 200)
    batch = seen.collate([seen.tokens(text) for text in texts])
    options = MaskingOptions(ratio=ratio)
    return mask_tokens(
        batch, np.arange(len(texts)), vocabulary=WORDS, options=options, seed=seed, epoch=0
    )


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(strings(), min_size=1, max_size=4),
    ratio=st.sampled_from([0.15, 0.4, 0.8, 1.0]),
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["sequence", "orbit-set"]),
)
def test_the_rule_copies_what_it_does_by_hand(texts, ratio, seed, kind):
    batch = masked_batch(texts, kind, ratio, seed)
    rows = batch["where"][:, 0].tolist()
    places = batch[PLACES].tolist()
    masked = {row: {p for r, p in zip(rows, places, strict=True) if r == row} for row in set(rows)}
    expected = [
        by_hand(texts[row], masked[row], place) for row, place in zip(rows, places, strict=True)
    ]
    found = copied_elements(batch, WORDS)
    assert [None if k < 0 else WORDS.tokens[k] for k in found.tolist()] == expected


class Rows:
    """Stands in for a split of a token corpus."""

    def __init__(self, texts):
        self.rows = [np.array(WORDS.ids(text), np.uint16) for text in texts]

    def __len__(self):
        return len(self.rows)

    def sizes(self, column):
        assert column == "tokens"
        return np.array([len(row) for row in self.rows])

    def take(self, rows, column):
        assert column == "tokens"
        return [self.rows[int(row)] for row in rows]


def test_copying_scores_as_the_place_does_where_it_copies_nothing():
    texts = [f"{HEAD} | Na 4a Cl 4b | Na 1 Cl 1 | 2", f"{HEAD} | K 4a F 4b | K 1 F 1 | 2"] * 40
    batch = masked_batch(texts, "sequence", 0.15, 0)
    _, place = fit_baselines(Rows(texts), WORDS)
    rule = fit_copying([batch], place, WORDS)
    copies = copied_elements(batch, WORDS)
    hits = (copies == batch[TARGETS].numpy()).sum()
    assert rule.trust == (hits + 1) / ((copies >= 0).sum() + 2)
    scores = []
    for guesser in (rule, place, CopyingRule(place, WORDS, 0.0)):
        tally = Tally(WORDS)
        guesser.add_to(tally, batch)
        scores.append(tally.score())
    copying, alone, distrusted = scores
    assert copying.roles["element"].accuracy > 0.8 > alone.roles["element"].accuracy
    for role in set(alone.roles) - {"element"}:
        assert copying.roles[role] == alone.roles[role]
    assert np.isclose(distrusted.loss, alone.loss)
    assert copying.roles["element"].loss < alone.roles["element"].loss
