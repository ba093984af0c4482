"""A POSCAR that names no elements gets them from a place for labels, or is refused."""

from __future__ import annotations

import itertools

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stratus.crystals.elements import NUMBERS, SYMBOLS
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, Record, parse

ELEMENTS = [symbol for symbol in SYMBOLS[1:95] if symbol not in {"At", "Fr"}]
# words of English, German and of laboratories that are symbols too
AMBIGUOUS = [
    "In",
    "I",
    "As",
    "No",
    "At",
    "Be",
    "He",
    "Am",
    "Os",
    "Es",
    "U",
    "B",
    "C",
    "F",
    "S",
    "O",
]
PROSE = ["slab", "moved", "by", "hand", "2019", "relaxed", "checked", "atom", "T=300", "old,", "k"]

kinds = st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=4)
flags = st.tuples(*[st.sampled_from(["T", "F", ".T.", ".FALSE.", "t", "f"])] * 3).map(" ".join)
remarks = (
    st.lists(st.sampled_from(AMBIGUOUS + PROSE), min_size=2, max_size=5)
    .filter(lambda words: not all(word in NUMBERS for word in words))
    .map(" ".join)
)
signs = st.sampled_from([" # ", " ! ", " "])


@st.composite
def counted(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    elements = draw(kinds)
    return elements, [draw(st.integers(1, 3)) for _ in elements]


def poscar(title: str, counts: list[int], tails: list[str], *, selective: bool) -> bytes:
    head = [title, "9.0", "1 0 0", "0 1 0", "0 0 1", " ".join(map(str, counts))]
    head += [*(["Selective dynamics"] if selective else []), "Direct"]
    places = itertools.product([0.1, 0.4, 0.7], repeat=3)
    lines = [f"{x} {y} {z} {tail}" for (x, y, z), tail in zip(places, tails, strict=False)]
    return "\n".join([*head, *lines, ""]).encode()


def read_one(content: bytes) -> Entry | Reject:
    (found,) = parse(Record("x", "x", "poscar", content), ReadOptions())
    return found


def symbols_of(found: Entry | Reject) -> list[str]:
    assert isinstance(found, Entry), found
    return [SYMBOLS[number] for number in found.numbers]


def spread(elements: list[str], counts: list[int]) -> list[str]:
    return [symbol for symbol, n in zip(elements, counts, strict=True) for _ in range(n)]


def is_refused(found: Entry | Reject, code: Code = Code.NOT_A_STRUCTURE) -> bool:
    return isinstance(found, Reject) and found.code is code


@given(counted(), remarks, st.booleans(), st.data())
@settings(max_examples=300)
def test_flags_are_no_elements(made, title, selective, data) -> None:
    elements, counts = made
    tails = [data.draw(flags) for _ in range(sum(counts))]
    assert is_refused(read_one(poscar(title, counts, tails, selective=selective)))
    named = poscar(" ".join(elements), counts, tails, selective=selective)
    assert symbols_of(read_one(named)) == spread(elements, counts)


@given(counted(), st.sampled_from(["F", "T", "F T", "F F", "T F"]))
@settings(max_examples=200)
def test_single_flags_are_no_elements(made, tail) -> None:
    _, counts = made
    content = poscar("slab", counts, [tail] * sum(counts), selective=False)
    assert is_refused(read_one(content))


@given(counted(), remarks, signs, st.booleans(), st.data())
@settings(max_examples=300)
def test_words_of_remarks_are_no_elements(made, title, sign, selective, data) -> None:
    _, counts = made
    before = [data.draw(flags) if selective else "" for _ in range(sum(counts))]
    tails = [f"{flag}{sign}{data.draw(remarks)}" for flag in before]
    assert is_refused(read_one(poscar(title, counts, tails, selective=selective)))


@given(counted(), st.sampled_from(["{}", "{}{}", "# {}", "! {}{}", "{} # by hand"]), st.data())
@settings(max_examples=300)
def test_a_label_in_its_place_is_read(made, shape, data) -> None:
    elements, counts = made
    assume(set(elements) != {"F"})
    selective = data.draw(st.booleans())
    labels = [shape.format(s, n) for n, s in enumerate(spread(elements, counts), start=1)]
    tails = [f"{data.draw(flags)} {label}" if selective else label for label in labels]
    for title in ("slab", " ".join(elements)):
        found = read_one(poscar(title, counts, tails, selective=selective))
        assert symbols_of(found) == spread(elements, counts)


@given(counted(), st.data())
@settings(max_examples=300)
def test_labels_that_contradict_counts_or_the_first_line_are_refused(made, data) -> None:
    elements, counts = made
    labels = spread(elements, counts)
    place = data.draw(st.integers(0, len(labels) - 1))
    other = data.draw(st.sampled_from(ELEMENTS).filter(lambda s: s not in {"F", labels[place]}))
    labels[place] = other
    contradicted = poscar(" ".join(elements), counts, labels, selective=False)
    assert is_refused(read_one(contradicted), Code.DOUBTFUL_ELEMENT)
    kind = next(k for k, end in enumerate(itertools.accumulate(counts)) if place < end)
    if counts[kind] > 1:
        mixed = poscar("slab", counts, labels, selective=False)
        assert is_refused(read_one(mixed), Code.DOUBTFUL_ELEMENT)


@given(counted(), st.data())
@settings(max_examples=200)
def test_a_first_line_with_other_words_names_nothing(made, data) -> None:
    elements, counts = made
    words = [*elements]
    words.insert(data.draw(st.integers(0, len(words))), data.draw(st.sampled_from([*PROSE, "No"])))
    assert is_refused(read_one(poscar(" ".join(words), counts, [""] * 12, selective=False)))
    longer = " ".join([*elements, data.draw(st.sampled_from(AMBIGUOUS))])
    assert is_refused(read_one(poscar(longer, counts, [""] * 12, selective=False)))
