"""A vocabulary survives its file, and one that is not sound is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from stratus.errors import InputError, ScopeSyntaxError
from stratus.scope import Role, Vocabulary, vocabulary

DIGEST = "1321f5061aa0a7bbdb5ba82c42c9f73845c96701ea5c694dcee71692a24abf07"
SMALL = Vocabulary(("[PAD]", "O", "4a", "0.5"), (Role.SPECIAL, *[Role.SHARED] * 3), 1)


@pytest.mark.parametrize("words", [vocabulary(), SMALL])
def test_a_vocabulary_survives_its_file(words):
    again = Vocabulary.from_json(words.to_json())
    assert again == words
    assert again.sha256 == words.sha256


def test_the_ids_of_the_orbit_dialect_never_change():
    """Models hold them: a change is a new schema version, and this digest with it."""
    assert vocabulary().sha256 == DIGEST


def test_the_digest_tells_every_difference():
    others = [
        replace(SMALL, tokens=("[PAD]", "4a", "O", "0.5")),
        replace(SMALL, roles=(Role.SPECIAL, Role.ELEMENT, Role.SHARED, Role.SHARED)),
        replace(SMALL, schema_version=2),
        Vocabulary(SMALL.tokens[:-1], SMALL.roles[:-1], 1),
    ]
    assert len({SMALL.sha256, *(other.sha256 for other in others)}) == 5


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (("a", "b", "a"), "'a' stands 2 times"),
        (("a", "", "b"), "'' cannot be a token"),
        (("a", "b c", "d"), "'b c' cannot be a token"),
        (("a", "b\n", "d"), "cannot be a token"),
        (("a", "b"), "2 tokens and 3 roles"),
    ],
)
def test_tokens_that_can_not_be_told_apart_are_refused(tokens, message):
    with pytest.raises(InputError, match=message):
        Vocabulary(tokens, (Role.SHARED,) * 3, 1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([], "the keys schema_version and tokens"),
        ({"schema_version": 1}, "the keys schema_version and tokens"),
        ({"schema_version": 1, "tokens": [], "x": 1}, "no others"),
        ({"schema_version": 2, "tokens": []}, "schema version 2"),
        ({"schema_version": True, "tokens": []}, "schema version True"),
        ({"schema_version": 1, "tokens": {}}, "list of"),
        ({"schema_version": 1, "tokens": [["shared", "abc"]]}, "list of"),
        ({"schema_version": 1, "tokens": [["royal", ["a"]]]}, "role 'royal'"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(table, message):
    with pytest.raises(InputError, match=message):
        Vocabulary.from_json(json.dumps(table))


def test_text_that_is_no_json_is_refused():
    with pytest.raises(InputError, match="is JSON, and this is not"):
        Vocabulary.from_json("{")


def test_a_word_outside_is_named_with_its_place():
    with pytest.raises(ScopeSyntaxError, match="'At' is no token of the vocabulary, at token 1"):
        SMALL.ids("O At 4a")
