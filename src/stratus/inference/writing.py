"""A table of what is predicted, written window by window, there when it is whole."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.encoding.output_checks import check_apart, check_place
from stratus.corpora.encoding.rows import REJECT_FIELDS
from stratus.errors import InputError, StratusError, StrictError
from stratus.inference.columns import OWN, Column
from stratus.inference.kept_columns import KeptColumns
from stratus.inference.table_files import SUFFIXES, require_writer, sidecar, table_file

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from stratus.crystals.entry import Reject
    from stratus.inference.columns import Cell
    from stratus.inference.row import Row
    from stratus.models.model import Model

REJECTS_KEPT: Final = 20
"""Rejects that a summary tells in words."""


class WriteOptions(BaseModel):
    """How a table of predictions is written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digits: int | None = Field(
        None, ge=1, le=17, description="Significant digits of numbers; nine if not given."
    )
    units: bool = Field(
        default=False, description="A target in log10(GPa) has columns in GPa beside it."
    )
    safe_cells: bool = Field(
        default=False,
        description="Texts that a spreadsheet takes for formulas get a ' in front (CSV, Excel).",
    )
    rejects: Path | None = Field(None, description="A table of the rejects with their reasons.")
    strict: bool = Field(default=False, description="The first reject ends the job.")


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
    inputs: Sequence[object], output: str | os.PathLike[str], suffixes: tuple[str, ...] = SUFFIXES
) -> Path:
    """Return the path of a file to be, once nothing speaks against it.

    Raises:
        stratus.errors.InputError: it ends otherwise, cannot be written, or is one of the inputs.
        stratus.errors.MissingExtraError: what would write it is not installed.
    """
    path = Path(output)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path} must end in {' or '.join(suffixes)}")
    check_place(path)
    check_apart(inputs, path)
    if suffixes == SUFFIXES:
        require_writer(path)
        beside = sidecar(path)
        if beside is not None:
            check_apart(inputs, beside)
    return path


def check_files(
    inputs: Sequence[object], output: str | os.PathLike[str] | None, write: WriteOptions
) -> Path | None:
    """Return the path of a table to be, once nothing speaks against it and that of the rejects.

    Raises:
        stratus.errors.InputError: one of the two cannot be written, or both are one file.
        stratus.errors.MissingExtraError: what would write it is not installed.
    """
    path = None if output is None else check_output(inputs, output)
    if write.rejects is not None:
        check_output(inputs, write.rejects)
        if path is not None and path.resolve() == write.rejects.resolve():
            raise InputError(
                f"{path} cannot hold both the table and the rejects; name another file for one"
            )
    return path


def about_table(model: Model, interval: float | None, **more: str) -> dict[str, Any]:
    """Return what a table of predictions says of itself.

    Args:
        model: what predicts.
        interval: share of crystals that the intervals are to hold.
        more: what else there is to say.
    """
    about = {"stratus": version("stratus-crystals"), "model": model.card.name, **more}
    return about if interval is None else {**about, "interval": interval}


def write_windows(
    path: Path | None,
    header: Sequence[Column],
    windows: Iterable[W],
    cells: Callable[[W], Iterable[tuple[Row, Sequence[Cell]]]],
    on_window: Callable[[W], None] | None = None,
    *,
    options: WriteOptions | None = None,
    keep_columns: bool = False,
    about: Mapping[str, Any] | None = None,
) -> Written:
    """Write windows of a stream to a table.

    Nothing is at ``path`` before the table is whole; an older table there is replaced then.

    Args:
        path: where the table goes; none is written if None.
        header: its columns, which begin with the ``OWN`` ones.
        windows: crystals with what is predicted for them, in order.
        cells: gives the lines of a window, with the row that each is of.
        on_window: called with each window after it was written.
        options: how.
        keep_columns: whether the user's own columns stand behind the ``OWN`` ones.
        about: what the table is of, for its metadata.

    Raises:
        stratus.errors.StrictError: a crystal was rejected and ``strict`` was asked for.
        stratus.errors.StratusError: writing failed.
    """
    job = _Job(path, header, options or WriteOptions(), about, keep_columns=keep_columns)
    try:
        with _half_the_threads(), ExitStack() as stack:
            job.open(stack)
            for window in windows:
                job.take(window.rows, cells(window))
                if on_window is not None:
                    on_window(window)
            job.finish(stack)
    except OSError as error:
        raise StratusError(
            f"The predictions cannot be written: {error.filename or path}: "
            f"{error.strerror or error}; make room or choose another place"
        ) from error
    return Written(job.crystals, job.lines, dict(job.codes), tuple(job.first))


class _Job:
    """What is written so far, and its counts."""

    def __init__(
        self,
        path: Path | None,
        header: Sequence[Column],
        options: WriteOptions,
        about: Mapping[str, Any] | None,
        *,
        keep_columns: bool,
    ) -> None:
        self.path = path
        self.header = header
        self.options = options
        self.about = about
        self.kept = KeptColumns(column.name for column in header) if keep_columns else None
        self.codes: Counter[str] = Counter()
        self.first: list[str] = []
        self.crystals = self.lines = 0

    def open(self, stack: ExitStack) -> None:
        self._write: Callable[[Iterable[Sequence[Cell]]], None] = _nowhere
        self._write_rejects: Callable[[Iterable[Sequence[Cell]]], None] = _nowhere
        if self.options.rejects is not None:
            columns = [Column(name) for name in REJECT_FIELDS]
            safe = self.options.safe_cells
            self._write_rejects = stack.enter_context(
                table_file(self.options.rejects, columns, safe=safe)
            )
        if self.kept is not None:
            stack.enter_context(self.kept)
        elif self.path is not None:
            self._write = self._table(stack, self.header)

    def take(self, rows: Sequence[Row], lines: Iterable[tuple[Row, Sequence[Cell]]]) -> None:
        rejects = [row.reject for row in rows if row.reject is not None]
        if rejects and self.options.strict:
            first = rejects[0]
            raise StrictError(f"{first.source or first.id}: {first.code}: {first.detail}")
        for row, line in lines:
            if self.kept is not None:
                self.kept.add(line, row.own)
            else:
                self._write([line])
            self.lines += 1
        self._write_rejects([getattr(one, name) for name in REJECT_FIELDS] for one in rejects)
        self.crystals += len(rows)
        self.codes.update(str(reject.code) for reject in rejects)
        self.first += map(_in_words, rejects[: REJECTS_KEPT - len(self.first)])

    def finish(self, stack: ExitStack) -> None:
        if self.kept is None or self.path is None:
            return
        own = len(OWN)
        columns = [*self.header[:own], *self.kept.columns(), *self.header[own:]]
        self._table(stack, columns)(self.kept.lines(own))

    def _table(
        self, stack: ExitStack, columns: Sequence[Column]
    ) -> Callable[[Iterable[Sequence[Cell]]], None]:
        if self.path is None:
            return _nowhere
        digits, safe = self.options.digits, self.options.safe_cells
        return stack.enter_context(
            table_file(self.path, columns, self.about, digits=digits, safe=safe)
        )


def _nowhere(lines: Iterable[Sequence[Cell]]) -> None:
    """Write nothing."""


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
