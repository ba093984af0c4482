"""A table of what is predicted, written window by window, there when it is whole."""

from __future__ import annotations

import csv
import math
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeVar

import torch

from stratus.corpora.encoding.precautions import check_apart, check_place
from stratus.errors import InputError, StratusError
from stratus.files.text import writable
from stratus.files.whole import whole_file

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stratus.crystals.entry import Reject
    from stratus.inference.columns import Cell, Column
    from stratus.inference.row import Row

_REJECTS_KEPT: Final = 5


class _HasRows(Protocol):
    @property
    def rows(self) -> Sequence[Row]: ...


W = TypeVar("W", bound=_HasRows)


class Written(NamedTuple):
    """What was written.

    Attributes:
        crystals: crystals met, rejects among them.
        lines: of the table, without its header.
        rejects: number of rejects by code.
        first_rejects: source and reason of the first of them.
    """

    crystals: int
    lines: int
    rejects: dict[str, int]
    first_rejects: tuple[str, ...]


def check_output(
    inputs: Sequence[object], output: str | os.PathLike[str], suffixes: tuple[str, ...] = (".csv",)
) -> Path:
    """Return the path of a file to be, once nothing speaks against it.

    Raises:
        stratus.errors.InputError: it ends otherwise, can not be written, or is one of the inputs.
    """
    path = Path(output)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path} must end in {' or '.join(suffixes)}")
    check_place(path)
    check_apart(inputs, path)
    return path


def write_windows(
    path: Path,
    header: Sequence[Column],
    windows: Iterable[W],
    cells: Callable[[W], Iterable[Sequence[Cell]]],
    on_window: Callable[[W], None] | None = None,
) -> Written:
    """Write windows of a stream to a CSV.

    Nothing is at ``path`` before the table is whole; an older table there is replaced then.

    Args:
        path: where the table goes.
        header: its columns.
        windows: crystals with what is predicted for them, in order.
        cells: gives the lines of a window.
        on_window: called with each window after it was written.

    Raises:
        stratus.errors.StratusError: writing failed.
    """
    codes: Counter[str] = Counter()
    first: list[str] = []
    crystals = lines = 0
    try:
        with (
            _half_the_threads(),
            whole_file(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as to,
        ):
            writer = csv.writer(to)
            writer.writerow(column.name for column in header)
            for window in windows:
                for line in cells(window):
                    writer.writerow(map(_text, line))
                    lines += 1
                crystals += len(window.rows)
                rejects = [row.reject for row in window.rows if row.reject is not None]
                codes.update(str(reject.code) for reject in rejects)
                first += map(_in_words, rejects[: _REJECTS_KEPT - len(first)])
                if on_window is not None:
                    on_window(window)
    except OSError as error:
        raise StratusError(
            f"The predictions can not be written: {error.filename or path}: "
            f"{error.strerror or error}; make room or choose another place"
        ) from error
    return Written(crystals, lines, dict(codes), tuple(first))


@contextmanager
def _half_the_threads() -> Iterator[None]:
    """Leave half of torch's threads to the processes that encode beside it.

    On two cores with two workers a table takes a quarter less time so.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(max(1, threads // 2))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _in_words(reject: Reject) -> str:
    return f"{reject.source or reject.id}: {reject.detail} ({reject.code})"


def _text(cell: Cell) -> str:
    """Return a cell as text: a number with nine digits, which tell any two float32 apart."""
    if cell is None or isinstance(cell, str):
        return writable(cell or "")
    return "" if math.isnan(cell) else f"{cell:.9g}"
