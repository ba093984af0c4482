"""The elements of a POSCAR of VASP 4, which has no line for them.

They stand in a label behind the coordinates of each atom, or in the first line, which may hold
anything. Whatever else stands in these places, flags of selective dynamics and words of remarks
among them, is no element; where it is in doubt which one an atom is, the file is refused.
"""

from __future__ import annotations

import re
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

from stratus.crystals.elements import NUMBERS
from stratus.crystals.entry import Code
from stratus.crystals.reading.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABEL = re.compile(r"([A-Z][a-z]?)\d*", re.ASCII)
_FLAG = re.compile(r"\.?[TtFf](?:rue|RUE|alse|ALSE)?\.?", re.ASCII)
_FLAGS: Final = 3  # of an atom, one for each direction
_NO_CRYSTAL: Final = frozenset({85, 87, *range(100, 119)})  # nobody has seen one of At, Fr, Fm, ...
_REMEDY: Final = "write the elements above the counts, as VASP 5 does"


def label_of(words: Sequence[str], remark: str, *, selective: bool) -> str:
    """Return the label of an atom, empty where it has none.

    A label stands alone: behind the coordinates, behind the three flags where the file has
    selective dynamics, or in the remark where there is nothing else.

    Args:
        words: what follows the coordinates.
        remark: what follows a ``#`` or ``!``.
        selective: whether flags stand before a label.
    """
    flags = words[:_FLAGS] if selective else ()
    if selective and not (len(flags) == _FLAGS and all(map(_FLAG.fullmatch, flags))):
        return ""
    rest = list(words[len(flags) :]) or remark.split()
    found = _LABEL.fullmatch(rest[0]) if len(rest) == 1 else None
    return rest[0] if found is not None and _is_element(found[1]) else ""


def old_elements(title: str, counts: Sequence[int], labels: Sequence[str]) -> tuple[list[str], str]:
    """Return the symbol of each count, and a note that says where it was taken from.

    Args:
        title: the first line.
        counts: the number of atoms of each kind.
        labels: that of each atom, from :func:`label_of`.

    Raises:
        Refusal: no place names the elements, or two of them name different ones.
    """
    if "F" in labels and {*labels} <= {"F", ""}:
        labels = [""] * len(labels)  # fluorine, or a flag whose head is missing: nobody can tell
    told = _by_labels(counts, labels)
    words = title.split()
    if len(words) == len(counts) and all(map(_is_element, words)):
        for kind, (word, label) in enumerate(zip(words, told, strict=True), start=1):
            if label not in {"", word}:
                raise Refusal(
                    Code.DOUBTFUL_ELEMENT,
                    f"the POSCAR (VASP 4) calls kind {kind} {word} in the first line and {label} "
                    f"behind coordinates; {_REMEDY}",
                )
        return words, "elements taken from the first line"
    if all(told) and all(labels):
        return told, "elements taken from the coordinate lines"
    raise Refusal(Code.NOT_A_STRUCTURE, f"the POSCAR names no elements (VASP 4); {_REMEDY}")


def _is_element(word: str) -> bool:
    return word == "D" or (word in NUMBERS and NUMBERS[word] not in _NO_CRYSTAL)


def _by_labels(counts: Sequence[int], labels: Sequence[str]) -> list[str]:
    """Return the element that labels give to each count, empty where they give none.

    Raises:
        Refusal: atoms of one count have different labels.
    """
    found = []
    for kind, (first, last) in enumerate(pairwise(accumulate(counts, initial=0)), start=1):
        symbols = {label.rstrip("0123456789") for label in labels[first:last] if label}
        if len(symbols) > 1:
            raise Refusal(
                Code.DOUBTFUL_ELEMENT,
                f"the POSCAR (VASP 4) has the labels {' and '.join(sorted(symbols))} behind atoms "
                f"of kind {kind}, which are of one element; {_REMEDY}",
            )
        found.append(symbols.pop() if symbols else "")
    return found
