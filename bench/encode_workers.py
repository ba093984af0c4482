"""How much faster two workers are than one.

    python bench/encode_workers.py [TABLE.parquet] [ROUNDS]

Without a table it makes one, as bench/encode_memory.py does. The two are timed in turns, so that
another load on the machine meets both; the best of the rounds counts. Start-up is part of it. The
last line is the ratio of the rates; on two free cores it must be at least 1.7.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from encode_memory import write_corpus

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions

ROWS = 60_000


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    best: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            source = Path(sys.argv[1])
        else:
            write_corpus(source := Path(folder, "in.parquet"), ROWS)
        for turn in range(rounds):
            for workers in (1, 2):
                output = Path(folder, f"{turn}-{workers}.parquet")
                summary = encode_corpus([source], output, EncodeOptions(workers=workers))
                best[workers] = max(best.get(workers, 0.0), summary.rate)
                print(
                    f"{workers} workers: {summary.rows_in:,} rows, {summary.rate:,.0f} crystals/s"
                )
    print(f"ratio: {best[2] / best[1]:.2f}")


if __name__ == "__main__":
    main()
