"""Every timing and study in ``bench/`` still runs and ends with its ratio; no time is judged."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = {
    "startup.py": ["1"],
    "cgcnn_step.py": ["--data", "none", "--crystals", "64", "--turns", "1", "--steps", "1"],
    "megnet_step.py": ["--data", "none", "--crystals", "32", "--turns", "1", "--steps", "1"],
    "equiformer_step.py": [
        *("--data", "none", "--crystals", "16", "--turns", "1", "--steps", "1"),
        *("--preset", "eqv2-10k"),
    ],
    "encode_memory.py": ["2000"],
    "dedupe_rows.py": ["3000"],
    "fetch_memory.py": ["50", "100"],
    "fetch_faults.py": ["none", "500, once"],
    "encode_cif.py": ["--data", "none", "--files", "60"],
    "encode_parquet.py": ["--data", "none", "--rows", "60"],
    "predict_cif.py": ["--data", "none", "--files", "60", "--members", "1", "--published", "2"],
    "predict_memory.py": ["2000"],
    "graph_memory.py": ["300"],
    "packed_frames.py": ["300", "--compared", "50", "--turns", "1"],
    "scaling_fit.py": ["20", "10"],
    "structure_graph.py": ["--data", "none", "--crystals", "20", "--turns", "1"],
    "two_checkouts.py": ["--turns", "1", "--crystals", "20", "--only", "predict, strings"],
    "pretrain_step.py": [
        *("--rows", "60", "--sizes", "nano", "--precisions", "32", "--encoders", "cloud"),
        *("--turns", "1", "--seconds", "0.01", "--batch", "4"),
    ],
}
WITH_DATA = {
    "encode_workers.py": ["phonon_dos/phdos_1521.parquet", "1"],
    "scope_invariance.py": ["--data", ".", "--per-set", "2"],
    "scope_distinction.py": ["--data", ".", "--limit", "20", "--pairs", "1"],
    "symmetry_agreement.py": ["--data", ".", "--per-set", "2"],
}


def last_line(script: Path, arguments: list[str], folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, script, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_every_script_is_tried(repo_root: Path) -> None:
    no_scripts = {"real_sets.py", "turns.py", "untrained.py"}
    scripts = {p.name for p in (repo_root / "bench").glob("*.py")} - no_scripts
    assert scripts == {*SMALL, *WITH_DATA}


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_on_data_it_makes(repo_root: Path, tmp_path: Path, name: str) -> None:
    line = last_line(repo_root / "bench" / name, SMALL[name], tmp_path)
    assert re.fullmatch(r"ratio: \d+(\.\d+)?", line)


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_DATA)
def test_it_runs_on_real_data(repo_root: Path, data_dir: Path, name: str) -> None:
    line = last_line(repo_root / "bench" / name, WITH_DATA[name], data_dir)
    assert re.fullmatch(r"ratio: \d+(\.\d+)?", line)
