"""Baselines are what a hand calculation gives, and see the places that the model sees."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from stratus.errors import InputError
from stratus.objectives.masked_tokens import (
    PLACES,
    TARGETS,
    MaskedRows,
    MaskingOptions,
    masked_batch,
)
from stratus.objectives.token_baselines import (
    SAME_POSITION,
    UNIGRAM,
    Tally,
    fit_baselines,
    score_baselines,
)
from stratus.scope.vocabulary import Role, Vocabulary, vocabulary
from stratus.training.loader import Loader
from stratus.views.table import VIEWS
from stratus.views.token_view import token_view as view

TOKEN_VIEWS = [name for name, kind in VIEWS.items() if getattr(kind, "fields", 0)]
SMALL = Vocabulary(
    ("[PAD]", "[MASK]", "|", "a", "b", "c", "d"),
    (Role.SPECIAL, Role.SPECIAL, Role.SEPARATOR, *[Role.ELEMENT] * 2, *[Role.NUMBER] * 2),
    1,
)
A, B, C, D = (SMALL.index[token] for token in "abcd")


class Strings:
    """Stands in for a split of a token corpus."""

    def __init__(self, texts, words=SMALL):
        self.rows = [np.array(words.ids(text), dtype=np.uint16) for text in texts]

    def __len__(self):
        return len(self.rows)

    def sizes(self, column):
        assert column == "tokens"
        return np.array([len(row) for row in self.rows])

    def take(self, rows, column):
        assert column == "tokens"
        return [self.rows[int(row)] for row in rows]


CORPUS = Strings(["a | b", "a | c", "b"])  # 5 tokens count: a a b at place 0, b c at place 1
UNIGRAMS = {A: 3 / 9, B: 3 / 9, C: 2 / 9, D: 1 / 9}  # (count + 1) / (5 + 4)


def batch(places, targets):
    return {PLACES: torch.tensor(places), TARGETS: torch.tensor(targets)}


def scores(places, targets, corpus=CORPUS, **options):
    fitted = fit_baselines(corpus, SMALL, **options)
    return score_baselines(fitted, [batch(places, targets)], SMALL)


def test_the_unigram_is_that_of_a_hand_calculation():
    found = scores([0, 1, 0, 5], [A, B, C, D])[UNIGRAM]
    assert found.places == 4
    assert found.accuracy == 1 / 4  # it says a, always
    assert found.loss == pytest.approx(-sum(map(log, UNIGRAMS.values())) / 4)


def test_the_place_counts_in_the_other_one():
    found = scores([0, 1, 1, 2, 9], [A, B, C, D, D])[SAME_POSITION]
    chances = [
        (2 + UNIGRAMS[A]) / (3 + 1),
        (1 + UNIGRAMS[B]) / (2 + 1),
        (1 + UNIGRAMS[C]) / (2 + 1),
        UNIGRAMS[D],  # nothing was ever there
        UNIGRAMS[D],
    ]
    assert found.loss == pytest.approx(-sum(map(log, chances)) / 5)
    assert found.accuracy == 2 / 5  # a at place 0, b at place 1


def test_the_pseudo_count_smooths():
    found = scores([0], [D], pseudo_count=2.0)
    unigram = 2 / (5 + 8)
    assert found[UNIGRAM].loss == pytest.approx(-log(unigram))
    assert found[SAME_POSITION].loss == pytest.approx(-log(2 * unigram / (3 + 2)))


def test_probabilities_add_up_to_one_over_what_can_be_masked():
    for baseline in fit_baselines(CORPUS, SMALL):
        chances = np.exp(baseline.log_probabilities)
        assert chances.sum(axis=1) == pytest.approx(1)
        assert not chances[:, :3].any()
        assert (chances[:, 3:] > 0).all()


def test_scores_are_kept_by_role():
    found = scores([0, 0, 1], [A, B, C])[UNIGRAM]
    assert found.roles.keys() == {"element", "number"}
    assert (found.roles["element"].places, found.roles["number"].places) == (2, 1)
    assert (found.roles["element"].accuracy, found.roles["number"].accuracy) == (0.5, 0)
    assert found.roles["number"].loss == pytest.approx(-log(UNIGRAMS[C]))
    places = sum(role.places for role in found.roles.values())
    loss = sum(role.places * role.loss for role in found.roles.values())
    assert (places, loss / places) == (found.places, pytest.approx(found.loss))


def test_a_tally_adds_up_over_batches():
    whole, parts = Tally(SMALL), Tally(SMALL)
    targets, guesses = np.array([A, B, C, D, A]), np.array([A, A, C, C, B])
    losses = np.array([0.5, 1, 2, 4, 8])
    whole.add(targets, guesses, losses)
    for k in range(5):
        parts.add(targets[k : k + 1], guesses[k : k + 1], losses[k : k + 1])
    assert whole.score() == parts.score()
    assert whole.score().loss == pytest.approx(3.1)
    assert whole.score().accuracy == pytest.approx(0.4)


def test_nothing_masked_is_a_score_of_no_places():
    empty = torch.empty(0, dtype=torch.int64)
    found = score_baselines(fit_baselines(CORPUS, SMALL), [{PLACES: empty, TARGETS: empty}], SMALL)
    assert found[UNIGRAM].places == 0
    assert found[UNIGRAM].roles == {}


def test_counting_in_stretches_changes_nothing(monkeypatch):
    whole = fit_baselines(CORPUS, SMALL)
    monkeypatch.setattr("stratus.objectives.token_baselines._STRETCH", 1)
    for one, other in zip(whole, fit_baselines(CORPUS, SMALL), strict=True):
        assert np.array_equal(one.log_probabilities, other.log_probabilities)


def test_what_can_not_be_fitted_is_refused():
    with pytest.raises(InputError, match="is empty"):
        fit_baselines(Strings([]), SMALL)
    with pytest.raises(InputError, match="above 0"):
        fit_baselines(CORPUS, SMALL, pseudo_count=0)


def test_the_places_are_those_of_the_model_and_the_same_in_every_view():
    v = vocabulary()
    head, tail = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a ", " | Na 1 Cl 1 | 2"
    corpus = Strings([f"{head}Cl 4b{tail}", f"{head}K 8c{tail}"] * 200, v)
    fitted, found = fit_baselines(corpus, v), []
    for name in TOKEN_VIEWS:
        loader = Loader(MaskedRows(corpus, view(name, v, 64), MaskingOptions(ratio=0.3)), 32)
        batches = [masked_batch(step) for step in loader]
        found.append(score_baselines(fitted, batches, v))
        assert found[-1][UNIGRAM].places == sum(len(b[TARGETS]) for b in batches)
    assert found[0] == found[1]
    # only two of sixteen places vary, with two words each: a place says nearly all there is
    expected = (14 + 2 * 0.5) / 16
    assert found[0][SAME_POSITION].accuracy == pytest.approx(expected, abs=0.03)
    assert found[0][UNIGRAM].accuracy < 0.3
    assert found[0][SAME_POSITION].loss < found[0][UNIGRAM].loss
