"""What was learned is kept, and what is out of it gets a wide interval and a reason."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from stratus.crystals.elements import NUMBERS
from stratus.scope.dialects import Dialect
from stratus.scope.partial import write_partial
from stratus.tasks.contents import contents_of
from stratus.tasks.domain import SLACK, WIDENING, Domain, Learned, metal_bound, too_stiff, widened
from stratus.tasks.predicted import Predicted
from stratus.tasks.task import make_task

amounts = st.dictionaries(
    st.sampled_from(["H", "C", "O", "Na", "Si", "Fe", "Cu", "W", "Gd", "Po"]),
    st.integers(1, 9),
    min_size=1,
    max_size=4,
)
TASK = make_task({"column": "gap", "unit": "eV", "minimum": 0})


def contents(*crystals: dict[str, int]):
    texts = [write_partial(one) for one in crystals]
    return contents_of(Dialect.ORBIT.crystals(texts, [0] * len(texts)))


def predicted(*values: float) -> Predicted:
    found = np.array(values, dtype=np.float64)
    return Predicted(found, 0 * found, found - 1, found + 1)


@given(st.lists(amounts, min_size=1, max_size=8), st.lists(amounts, min_size=1, max_size=8))
def test_what_was_learned_is_in_and_elements_never_seen_are_out(learned, others):
    seen = contents(*learned)
    made = Learned.of(seen.shares, np.arange(len(learned)))
    assert made.reasons(seen, np.arange(len(learned), dtype=float)) == {}
    assert (made.rows, made.lowest, made.highest) == (len(learned), 0, len(learned) - 1)
    elements = {symbol for one in learned for symbol in one}
    assert set(made.elements) == elements
    reasons = made.reasons(contents(*others))
    for place, one in enumerate(others):
        unseen = set(one) - elements
        if any(one[s] / sum(one.values()) > SLACK for s in unseen):
            assert all(f" {s}" in reasons[place] for s in unseen)
        if not unseen:
            largest = contents(*learned).shares.max(axis=0)
            over = contents(one).shares[0] > largest + SLACK
            assert (place in reasons) == over.any()
    both = made.with_those_of(Learned.of(contents(*others).shares))
    assert both.reasons(contents(*others)) == {}
    assert both.rows == len(learned) + len(others)
    assert Learned.model_validate_json(made.model_dump_json()) == made


@given(st.lists(amounts, min_size=1, max_size=6), amounts, st.floats(1, 9))
def test_an_interval_outside_is_wider_and_says_why(learned, other, factor):
    assume(set(other) - {s for one in learned for s in one})
    assume(max(v / sum(other.values()) for v in other.values()) > SLACK)
    made = Learned.of(contents(*learned).shares)
    what = contents(learned[0], other)
    law = Learned.of(contents(dict.fromkeys(NUMBERS, 1), *({s: 1} for s in NUMBERS)).shares)
    for domain, wide in (
        (Domain(targets={"gap": made}), math.inf),
        (Domain(targets={"gap": made}, widening=factor), math.inf),
        (Domain(targets={"gap": made}, widening=factor, law=law), factor),
    ):
        found = widened({"gap": predicted(2, 2)}, {"gap": TASK}, what, domain)["gap"]
        assert found.note(0) == ""
        assert (found.lo[0], found.hi[0]) == (1, 3)
        if not made.reasons(what).get(1):  # too little of it
            continue
        assert found.note(1).startswith("out: ")
        assert found.value[1] == 2
        assert found.lo[1] == max(2 - wide, 0)
        assert found.hi[1] == pytest.approx(2 + wide)


def test_what_was_seen_before_leaves_something_to_go_by():
    made = Learned.of(contents({"O": 1, "Fe": 1}).shares)
    before = Learned.of(contents({"Gd": 1}).shares)
    crystals = contents({"O": 3, "Fe": 1}, {"O": 1, "Gd": 1}, {"O": 1, "Po": 1}, {"O": 1, "Fe": 1})
    outs = Domain(targets={"gap": made}, before=before).out(made, crystals, None)
    assert {place: out.factor for place, out in outs.items()} == {
        0: WIDENING, 1: WIDENING, 2: math.inf
    }  # fmt: skip
    outs = Domain(targets={"gap": made}, before=before, widening=2.0).out(made, crystals, None)
    assert [outs[k].factor for k in range(3)] == [2, 2, math.inf]
    assert outs[0].note == (
        "out: 75% of the atoms are O, and it learned from 50% at most; the interval is 2 times as "
        "wide"
    )


def test_values_beyond_all_labels_are_out():
    made = Learned(rows=2, elements={"Fe": 1.0}, lowest=1.0, highest=4.0)
    reasons = made.reasons(contents(*[{"Fe": 1}] * 3), np.array([0.5, 2, 4.5]))
    assert reasons == {
        0: "below all that it learned from, 1 at least",
        2: "above all that it learned from, 4 at most",
    }


def test_a_target_without_an_interval_gets_the_note_alone():
    made = Domain(targets={"gap": Learned(rows=1, elements={"O": 1.0})})
    bare = {"gap": Predicted(np.array([2.0]), np.array([0.0]))}
    found = widened(bare, {"gap": TASK}, contents({"Fe": 1}), made)["gap"]
    assert (found.lo, found.hi) == (None, None)
    assert found.notes == ("out: it learned from no crystal with Fe; the interval is open",)
    kind = make_task({"column": "gap", "kind": "binary"})
    assert widened(bare, {"gap": kind}, contents({"Fe": 1}), made)["gap"].notes == found.notes
    unknown = Predicted(np.array([2.0]), np.array([0.0]), np.array([np.nan]), np.array([np.nan]))
    still = widened({"gap": unknown}, {"gap": TASK}, contents({"Fe": 1}), made)["gap"]
    assert np.isnan([still.lo, still.hi]).all()


def test_modes_above_the_end_are_named():
    assert too_stiff(np.array([999.0, 1400.0, np.nan]), Domain(modes_end_per_cm=1000)) == {
        1: "out: modes reach up to 1400 1/cm, and it learned of none above 1000; the interval "
        "holds what such modes can make"
    }
    assert too_stiff(np.array([1400.0]), Domain()) == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=60))
def test_the_bound_of_metals_divides_no_worse_than_any_other(rows):
    metal = np.array([one for one, _ in rows])
    values = np.array([value / 10 for _, value in rows])
    bound = metal_bound(np.where(metal, 0.0, 1.0), values)
    if metal.all() or not metal.any():
        assert bound is None
        return

    def right(at: float) -> int:
        return int((metal == (values <= at)).sum())

    best = max(right(at) for at in [-1.0, *values.tolist()])
    assert right(-1.0 if bound is None else bound) == best


@pytest.mark.parametrize(
    "wrong",
    [
        {"rows": 0, "elements": {}},
        {"rows": 1, "elements": {"Xx": 0.5}},
        {"rows": 1, "elements": {"Fe": 0.0}},
        {"rows": 1, "elements": {"Fe": 1.5}},
        {"rows": 1, "elements": {}, "lowest": math.inf, "highest": math.inf},
        {"rows": 1, "elements": {}, "lowest": 1.0},
        {"rows": 1, "elements": {}, "lowest": 2.0, "highest": 1.0},
    ],
)
def test_what_can_not_be_learned_is_refused(wrong):
    with pytest.raises(ValidationError):
        Learned.model_validate(wrong)


def test_some_targets_are_kept():
    one = Learned(rows=1, elements={"Fe": 1.0})
    made = Domain(targets={"a": one, "b": one}, law=one, modes_end_per_cm=1000.0)
    assert made.only(frozenset({"b"})) == Domain(targets={"b": one}, law=one, modes_end_per_cm=1000)
