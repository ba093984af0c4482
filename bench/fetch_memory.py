"""How much memory a fetch takes, by the number of rows.

    python bench/fetch_memory.py [ROWS ...]

Made-up structures come as pages of 500, as from an OPTIMADE database but without a server, and are
written as by `stratus fetch`. Each number of rows is a process of its own. The ratio is the peak of
the last number to that of the first.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from stratus.corpora.sources.collect import collect
from stratus.corpora.sources.source import Page
from stratus.crystals.reading import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = 500
ADDRESS = "https://example.org/v1"


class Many:
    """A source of as many structures as wanted."""

    name = origin = "made up"

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def identity(self) -> dict[str, int]:
        """Return how many there are."""
        return {"rows": self.rows}

    def remarks(self, _cursor: str | None) -> tuple[str, ...]:
        """Return nothing."""
        return ()

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Yield the pages after a cursor."""
        for first in range(int(cursor or 0), self.rows, PAGE):
            numbers = range(first, min(first + PAGE, self.rows))
            records = tuple(
                Record(f"x-{n}", f"{ADDRESS}/x-{n}", "mapping", cell(n)) for n in numbers
            )
            yield Page(records, ADDRESS, "CC0-1.0", str(first + PAGE), self.rows)


def cell(number: int) -> dict[str, object]:
    """Return a structure of two atoms, unlike the others."""
    return {
        "lattice_vectors": [[4 + number * 1e-7, 0, 0], [0, 4, 0], [0, 0, 4]],
        "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
        "species_at_sites": ["Cs", "Cl"],
        "gap": number / 10,
    }


def one(rows: int) -> None:
    """Fetch once and print rows, seconds and the peak of memory."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done = collect(Many(rows), folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{done.rows_out:>10} rows {time.monotonic() - started:8.1f} s {peak:8.1f} MiB")


def main(wanted: list[int]) -> None:
    """Fetch each number of rows and compare the peaks."""
    peaks = []
    for rows in wanted:
        command = [sys.executable, __file__, "--one", str(rows)]
        line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(line, end="", flush=True)
        peaks.append(float(line.split()[-2]))
    print(f"ratio: {peaks[-1] / peaks[0]:.3f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(int(sys.argv[2]))
    else:
        main([int(word) for word in sys.argv[1:]] or [5_000, 50_000, 200_000])
