"""Print a table that ``stratus encode`` wrote, and its rejects.

Run: ``python examples/print_table.py OUT.parquet [REJECTS.csv]``
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table


def main(parquet: Path, rejects: Path | None) -> None:
    """Print the strings, then the rejects."""
    # A pipe has no width of its own; give it one that does not break the strings.
    console = Console(width=None if sys.stdout.isatty() else 160)
    columns = ["id", "formula", "space_group", "n_atoms", "scope"]
    table = Table(*columns, box=box.SIMPLE)
    for row in pq.read_table(parquet, columns=columns).to_pylist():
        table.add_row(*(str(row[name]) for name in columns))
    console.print(table)
    if rejects is None or not rejects.exists():
        return
    columns = ["id", "stage", "code", "detail"]
    table = Table(*columns, box=box.SIMPLE, title="rejects", title_justify="left")
    with rejects.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            table.add_row(*(row[name] for name in columns))
    console.print(table)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: print_table.py OUT.parquet [REJECTS.csv]")
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None)
