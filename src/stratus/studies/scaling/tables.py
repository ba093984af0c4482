"""Tables of runs: what was varied, and the loss that came out."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from stratus.errors import InputError
from stratus.names import pick

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PARAMETERS: Final = "parameters"
TOKENS: Final = "tokens"
LOSS: Final = "loss"
RUN: Final = "run"
FLOPS: Final = "flops"
FLOPS_PER_PRODUCT: Final = 6.0
"""Operations for each parameter and token of a training run (Kaplan et al. 2020, section 2.1)."""


@dataclass(frozen=True, eq=False)
class RunTable:
    """Runs, one row each, or one row for each of several points of a run.

    Attributes:
        columns: ``[n]`` numbers by the name of the column.
        runs: ``[n]``, the run that each row belongs to.
    """

    columns: dict[str, Floats]
    runs: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.runs)

    @property
    def compute(self) -> Floats:
        """Operations of each run: the column ``flops`` where there is one, else 6 N D; ``[n]``."""
        if FLOPS in self.columns:
            return self.columns[FLOPS]
        return FLOPS_PER_PRODUCT * self.columns[PARAMETERS] * self.columns[TOKENS]

    def take(self, rows: NDArray[np.bool_]) -> RunTable:
        """Return some of the rows."""
        kept = {name: column[rows] for name, column in self.columns.items()}
        return RunTable(kept, tuple(np.array(self.runs)[rows].tolist()))


def read_runs(path: Path, needed: dict[str, str], *, cluster: str | None = None) -> RunTable:
    """Read a CSV of runs.

    Args:
        path: the file; its first line names the columns.
        needed: what is needed, by the name under which it is kept: the name of its column.
        cluster: the column that says which run a row belongs to; by default ``run`` if there is
            one, else each row is a run of its own.

    Raises:
        stratus.errors.InputError: the file cannot be read, a column is missing (the message gives
            the close ones), or a cell is no number; the message names its row.
    """
    header, rows = _cells(path)
    wanted = dict(needed)
    if FLOPS in header:
        wanted.setdefault(FLOPS, FLOPS)
    places = {name: k for k, name in enumerate(header)}
    columns = {
        name: np.array([_number(row, pick(places, at, f"column of {path}"), at, k + 2, path)
                        for k, row in enumerate(rows)])
        for name, at in wanted.items()
    }  # fmt: skip
    by = cluster or (RUN if RUN in places else None)
    if by is None:
        return RunTable(columns, tuple(map(str, range(len(rows)))))
    at = pick(places, by, f"column of {path}")
    return RunTable(columns, tuple(row[at] for row in rows))


def columns_of(path: Path) -> tuple[str, ...]:
    """Return the names of the columns of a CSV.

    Raises:
        stratus.errors.InputError: the file cannot be read.
    """
    return tuple(_cells(path)[0])


def _cells(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a CSV ({reason}); give one") from None
    except ValueError:
        raise InputError(f"{path} is empty; give a CSV whose first line names columns") from None
    if len(set(header)) < len(header):
        raise InputError(f"{path} names a column twice; name each once")
    for k, row in enumerate(rows):
        if len(row) != len(header):
            raise InputError(
                f"line {k + 2} of {path} has {len(row)} cells, but there are {len(header)} "
                "columns; mend it"
            )
    if not rows:
        raise InputError(f"{path} has no rows; give one for each run")
    return header, rows


def _number(row: list[str], place: int, name: str, line: int, path: Path) -> float:
    try:
        return float(row[place])
    except ValueError:
        raise InputError(
            f"line {line} of {path} has {name} = {row[place]!r}, which is no number; mend it"
        ) from None
