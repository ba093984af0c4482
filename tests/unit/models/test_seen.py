"""Formulas are counted by their hashes; a file that holds something else is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from stratus.errors import InputError
from stratus.models.seen import SEEN_FILE, SeenFormulas, read_seen, write_seen

formulas = st.lists(st.text("NaClOFe 0123456789", min_size=1, max_size=12), max_size=30)


@given(formulas, formulas)
def test_each_formula_is_counted_once(seen, others):
    made = SeenFormulas.of([*seen, *seen])
    assert len(made) == len(set(seen))
    assert made.count(others) == len(set(seen) & set(others))
    both = made.with_those_of(SeenFormulas.of(others))
    assert len(both) == len(set(seen) | set(others))
    assert both.count(others) == len(set(others))
    assert made.with_those_of(None) is made


def test_it_comes_back(tmp_path):
    made = SeenFormulas.of(["Na 1 Cl 1", "Fe 1"])
    write_seen(tmp_path, made)
    found = read_seen(tmp_path)
    assert found is not None
    assert np.array_equal(found.hashes, made.hashes)
    assert (tmp_path / SEEN_FILE).stat().st_size < 200
    (tmp_path / "empty").mkdir()
    assert read_seen(tmp_path / "empty") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no safetensors at all",
        save({"formulas": np.array([1.0, 2.0])}),
        save({"formulas": np.array([[1, 2]], np.uint64)}),
        save({"others": np.array([1, 2], np.uint64)}),
        save({"formulas": np.array([1], np.uint64), "more": np.array([1], np.uint64)}),
        save({"formulas": np.array([2, 1], np.uint64)}),
        save({"formulas": np.array([2, 2], np.uint64)}),
    ],
)
def test_what_holds_something_else_is_refused_by_name(content, tmp_path):
    (tmp_path / SEEN_FILE).write_bytes(content)
    with pytest.raises(InputError, match=SEEN_FILE):
        read_seen(tmp_path)
