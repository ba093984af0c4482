"""Whoever writes one name at the same time, one of them leaves its whole file there."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

BYSTANDERS = ("out.tmp", ".out.tmp", ".out.part", "out.0.tmp", "out~")


class Stopped(BaseException):
    """As a signal raises it."""


def writer(out: Path, mark: str, lines: int, fails_at: int | None) -> Iterator[bool]:
    """Write some lines, one a step; yield whether the file was finished."""
    with contextlib.suppress(Stopped):
        with whole_file(out) as draft, draft.open("w") as to:
            for line in range(lines):
                if line == fails_at:
                    raise Stopped
                to.write(f"{mark}{line}\n" * 50)
                to.flush()
                yield False
        yield True


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.none() | st.integers(0, 8)), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
    st.none() | st.just("old"),
)
def test_writers_in_any_order_leave_one_whole_file(jobs, order, before):
    # nothing is proven here about a power cut, and a disk takes its time to answer
    with mock.patch("os.fsync"), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "out"
        for path in BYSTANDERS:
            (folder / path).write_text("mine")
        if before is not None:
            out.write_text(before)
        whole = [
            "".join(f"{mark}{line}\n" * 50 for line in range(lines))
            for mark, (lines, _) in zip("abcde", jobs, strict=False)
        ]
        running = [
            (place, writer(out, mark, *job))
            for place, (mark, job) in enumerate(zip("abcde", jobs, strict=False))
        ]
        expected = before
        while running:
            chosen = order.choice(running)
            place, steps = chosen
            match next(steps, None):
                case True:
                    expected = whole[place]
                case None:
                    running.remove(chosen)
            found = out.read_text() if out.exists() else None
            assert found == expected
        assert {path.name for path in folder.iterdir()} - {"out"} == set(BYSTANDERS)
        assert all((folder / path).read_text() == "mine" for path in BYSTANDERS)
