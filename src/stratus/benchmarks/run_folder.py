"""The folder of a run: the result file, and the submission where there can be one."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from stratus.benchmarks.matbench import BENCHMARK
from stratus.benchmarks.official_results import official_results
from stratus.benchmarks.record import RUN_FILE, BenchmarkRun, run_text
from stratus.files.sealed import sealing

OFFICIAL_FILE: Final = "results.json.gz"


def write_run(run: BenchmarkRun, folder: str | Path) -> None:
    """Write a run into a new folder, which is there whole or not at all.

    It holds ``run.json``; of an official MatBench task also ``results.json.gz``, the predictions of
    the model (of the best simple one where there is no model) in the form of a submission.

    Args:
        run: what was measured.
        folder: where to.

    Raises:
        stratus.errors.InputError: the folder is there already.
    """
    with sealing(Path(folder)) as draft:
        (draft / RUN_FILE).write_text(run_text(run), "utf-8")
        if run.asked.benchmark == BENCHMARK and run.asked.official:
            first = run.methods[0]
            method = first.name if first.role == "model" else run.rival
            when = datetime.fromisoformat(run.started)
            metadata = {"algorithm": method, "config": run.config, "versions": run.versions}
            (draft / OFFICIAL_FILE).write_bytes(official_results([run], method, when, metadata))
