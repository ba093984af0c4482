"""A run killed at random moments and resumed gives the table of a run that was not disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

KILLS = 20
ROWS = 4000
RUN = """
import sys
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
if __name__ == "__main__":
    options = EncodeOptions(workers=1, resume=True, part_rows=300, chunk_rows=64)
    summary = encode_corpus([sys.argv[1]], sys.argv[2], options)
    print(summary.rows_in, summary.rows_out, summary.resumed, summary.already_complete)
"""


def write_corpus(path: Path) -> Path:
    """Write small cells of many shapes; some are flat, some repeat an id from far before."""
    random_numbers = random.Random(11)
    cells, species = [], []
    for i in range(ROWS):
        a, b, c = (3.0 + random_numbers.randrange(4) / 2 for _ in range(3))
        cells.append([a, 0, 0, 0, b, 0, 0, 0, 0.0 if i % 97 == 96 else c])
        species.append(" ".join(random_numbers.choices(["Na", "Cl", "Ti", "O", "Cs", "F"], k=4)))
    places = [0.0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0.5, 0.5]
    table = {
        "id": [f"c{i if i % 41 else i // 2}" for i in range(ROWS)],
        "lattice": pa.array(cells, pa.list_(pa.float64())),
        "species": species,
        "frac_coords": pa.array([places] * ROWS, pa.list_(pa.float64())),
        "energy": [None if i % 3 else i / 7 for i in range(ROWS)],
    }
    pq.write_table(pa.table(table), path)
    return path


def start(folder: Path, output: Path) -> subprocess.Popen[str]:
    """Start a run in its own process group."""
    return subprocess.Popen(
        [sys.executable, str(folder / "run.py"), str(folder / "in.parquet"), str(output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills process groups")
def test_twenty_kills_and_a_resume_give_the_table_of_a_straight_run(tmp_path: Path) -> None:
    write_corpus(tmp_path / "in.parquet")
    (tmp_path / "run.py").write_text(RUN)
    straight, broken = tmp_path / "straight.parquet", tmp_path / "broken.parquet"

    began = time.monotonic()
    out, err = start(tmp_path, straight).communicate(timeout=120)
    whole = time.monotonic() - began
    assert out.split()[0] == str(ROWS), err

    moments = random.Random(5)
    killed = 0
    stored = []
    while killed < KILLS:
        process = start(tmp_path, broken)
        try:
            process.communicate(timeout=moments.uniform(0.1, 0.9) * whole)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
            stored.append(len(list(tmp_path.glob("broken.parquet.parts/part-*.parquet"))))
        else:
            assert broken.read_bytes() == straight.read_bytes()
            broken.unlink()
    assert max(stored) > 0, "no run was killed in the middle of its work"

    out, err = start(tmp_path, broken).communicate(timeout=120)
    assert out, err
    rows_in, rows_out, resumed, _ = out.split()
    assert int(rows_in) == ROWS
    assert broken.read_bytes() == straight.read_bytes()
    rejects = [p.with_suffix(".rejects.csv").read_bytes() for p in (straight, broken)]
    assert rejects[0] == rejects[1]
    assert rejects[0].count(b"\n") == 1 + ROWS - int(rows_out)
    assert not (tmp_path / "broken.parquet.parts").exists()
    assert int(resumed) >= 0
