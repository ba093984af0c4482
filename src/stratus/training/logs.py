"""Training curves as CSV files that a resumed run continues without a row twice.

A metric ``train/loss`` is the column ``loss`` of ``train.csv``. Each row is on disk when it is
logged, so no row before a checkpoint is ever missing; rows after it are cut when a run goes on.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from lightning.pytorch.loggers.logger import Logger

from stratus.files.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class CsvLog(Logger):
    """Writes metrics into one CSV a group.

    Args:
        folder: where the files lie.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @property
    def name(self) -> str:
        """Lightning's name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """There is one; a run has one folder of logs."""
        return ""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a row to the file of each group.

        Args:
            metrics: values by ``group/column``.
            step: steps done.
        """
        rows: dict[str, dict[str, float | int | None]] = {}
        for name, value in metrics.items():
            group, column = name.split("/", 1)
            rows.setdefault(group, {"step": step})[column] = value
        for group, row in rows.items():
            self._append(self._folder / f"{group}.csv", row)

    def log_hyperparams(self, params: object, *args: Any, **kwargs: Any) -> None:
        """Do nothing: a run's options are in its ``options.yaml``."""

    def _append(self, path: Path, row: Mapping[str, object]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = not path.exists() or path.stat().st_size == 0
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow(row)
            writer.writerow(row.values())


def cut_after(folder: Path, step: int) -> None:
    """Remove the rows of all CSV files that are later than a step, and torn ones."""
    for path in folder.glob("*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        header, *rows = [line for line in lines if line.endswith("\n")] or [""]
        kept = [row for row in rows if int(row.split(",")[0]) <= step]
        write_whole(path, header + "".join(kept))
