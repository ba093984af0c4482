"""The words for the generators are what the matrices do."""

from __future__ import annotations

import re

import numpy as np
import pytest

from stratus.crystals.spacegroups import generator_operation, space_group
from stratus.scope.explain import WORDS, generator_in_words, generators_in_words

HEXAGONAL = np.array([[1, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, 1.6]])
CUBIC = np.eye(3)


def axis_of(rotation: np.ndarray) -> np.ndarray:
    """The direction that a proper rotation keeps."""
    values, vectors = np.linalg.eig(rotation)
    vector = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    vector /= np.abs(vector).max()
    return vector * np.sign(vector[np.flatnonzero(np.abs(vector) > 1e-6)[0]])


@pytest.mark.parametrize("letter", sorted(set(WORDS) - {"a", "h"}))
def test_fold_and_axis_are_those_of_the_matrix(letter: str) -> None:
    matrix, _ = generator_operation(f"{letter}OOO")
    words = WORDS[letter]
    proper = matrix * round(np.linalg.det(matrix))
    order = next(
        n for n in (1, 2, 3, 4, 6) if (np.linalg.matrix_power(proper, n) == np.eye(3)).all()
    )
    said = {"two-fold rotation": 2, "mirror": 2, "three-fold rotation": 3}
    said |= {"four-fold rotation": 4, "four-fold rotoinversion": 4}
    kind = re.match(r"[a-z-]+(?: rotation| rotoinversion)?", words).group()
    assert said[kind] == order
    improper = kind in {"mirror", "four-fold rotoinversion"}
    assert (np.linalg.det(matrix) < 0) == improper
    digits = re.search(r"\[(.*)\]", words).group(1)
    axis = np.array([int(d) for d in re.findall(r"-?\d", digits)], dtype=float)
    assert np.allclose(axis_of(proper), axis)


def test_identity_and_inversion_are_what_they_say() -> None:
    assert (generator_operation("aOOO")[0] == np.eye(3)).all()
    assert (generator_operation("hOOO")[0] == -np.eye(3)).all()


@pytest.mark.parametrize("number", range(1, 231))
def test_every_token_of_every_group_has_words(number: int) -> None:
    lines = generators_in_words(space_group(number))
    assert len(lines) == 1 + len(space_group(number).generators) + bool(space_group(number).origin)
    assert all(words for _, words in lines)


def test_translations_are_read_as_fractions_of_the_cell() -> None:
    assert generator_in_words("aODD") == "centring: every site again at +(0, 1/2, 1/2)"
    assert generator_in_words("bOOE").endswith("then a shift by (0, 0, 2/3)")
    assert dict(generators_in_words(space_group(227)))["oZZZ"].endswith("(7/8, 7/8, 7/8)")
