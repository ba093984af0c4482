"""A SCOPE string in words, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from stratus.crystals.spacegroups import SpaceGroup, generator_operation

if TYPE_CHECKING:
    from fractions import Fraction

WORDS: Final = {
    "a": "identity",
    "b": "two-fold rotation about [001]",
    "c": "two-fold rotation about [010]",
    "d": "three-fold rotation about [111]",
    "e": "two-fold rotation about [110]",
    "f": "two-fold rotation about [1-10]",
    "g": "four-fold rotation about [001]",
    "h": "inversion",
    "i": "mirror across [001]",
    "j": "mirror across [010]",
    "k": "mirror across [110]",
    "l": "mirror across [1-10]",
    "m": "four-fold rotoinversion about [001]",
    "n": "three-fold rotation about [001]",
}
"""What each matrix letter does; ``tests/unit/scope/test_explain.py`` holds it to the matrices."""


def _vector(translation: tuple[Fraction, Fraction, Fraction]) -> str:
    return f"({', '.join(str(t % 1) for t in translation)})"


def generator_in_words(generator: str) -> str:
    """Say what a generator such as ``bODO`` does: rotate, mirror, shift.

    Args:
        generator: matrix letter and three translation letters.
    """
    _, translation = generator_operation(generator)
    shifted = any(t % 1 for t in translation)
    if generator[0] == "a":
        return f"centring: every site again at +{_vector(translation)}"
    return WORDS[generator[0]] + (f", then a shift by {_vector(translation)}" if shifted else "")


def generators_in_words(group: SpaceGroup) -> list[tuple[str, str]]:
    """Return (token of the orbit dialect, what it means) for each token of the space group."""
    lines = [
        (
            f"i{int(group.inversion)}",
            "inversion at the origin" if group.inversion else "no inversion at the origin",
        )
    ]
    lines += [(generator, generator_in_words(generator)) for generator in group.generators]
    if group.origin:
        _, shift = generator_operation(f"a{group.origin}")
        lines.append((f"o{group.origin}", f"a second origin lies at {_vector(shift)}"))
    return lines
