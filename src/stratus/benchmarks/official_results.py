"""The form in which MatBench takes submissions: ``results.json.gz``.

A mapping with ``@module``, ``@class``, ``version``, ``tasks``, ``user_metadata``,
``benchmark_name``, ``datestamp`` and ``hash``. A task has ``results`` by fold, and of each fold the
predictions by id (``data``), the ``parameters`` and the ``scores``. The hash is the SHA-256 of the
JSON of the mapping without it, keys sorted at every level, as the ``matbench`` package makes it.

Source: ``matbench/bench.py``, ``matbench/task.py`` and ``matbench/util.py`` of
materialsproject/matbench.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stratus.benchmarks.matbench import BENCHMARK, matbench_task
from stratus.benchmarks.published_tables import N_FOLDS
from stratus.benchmarks.scores import BOARD
from stratus.errors import InputError
from stratus.files.plain import unzipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from stratus.benchmarks.record import BenchmarkRun

VERSION: Final = "0.6"
"""Of the form; that of the package it was read from."""

_LARGEST: Final = 1 << 30
_KEYS: Final = frozenset(
    {
        "@module", "@class", "version", "tasks", "user_metadata", "benchmark_name", "datestamp",
        "hash",
    }
)  # fmt: skip
_TASK_KEYS: Final = frozenset({"@module", "@class", "benchmark_name", "dataset_name", "results"})


def official_results(
    runs: Sequence[BenchmarkRun], method: str, when: datetime, metadata: Mapping[str, Any]
) -> bytes:
    """Return a submission with one task a run, gzipped; the same input gives the same bytes.

    Args:
        runs: official ones, of different tasks.
        method: whose predictions.
        when: the datestamp.
        metadata: plain values about the algorithm.

    Raises:
        stratus.errors.InputError: a run is not official, a task stands twice, or a row has no
            prediction.
    """
    tasks: dict[str, Any] = {}
    for run in runs:
        if run.asked.benchmark != BENCHMARK or not run.asked.official:
            raise InputError(
                f"{run.asked.name} is not an official set of MatBench, so it has no official form"
            )
        task = matbench_task(run.asked.name)
        if task.dataset in tasks:
            raise InputError(f"{task.dataset} stands twice; give one run a task")
        tasks[task.dataset] = _task(run, method)
    whole: dict[str, Any] = {
        "@module": "matbench.bench",
        "@class": "MatbenchBenchmark",
        "version": VERSION,
        "tasks": dict(sorted(tasks.items())),
        "user_metadata": json.loads(json.dumps(dict(metadata), sort_keys=True)),
        "benchmark_name": BENCHMARK,
        "datestamp": when.strftime("%Y.%m.%d %H:%M.%S"),
    }
    whole["hash"] = _hash(whole)
    return gzip.compress(json.dumps(whole).encode(), mtime=0)


def read_official_results(content: bytes) -> dict[str, Any]:
    """Read a submission, and check it as the ``matbench`` package does.

    Args:
        content: of ``results.json.gz``.

    Returns:
        the mapping, without its hash.

    Raises:
        stratus.errors.InputError: keys are missing or foreign, the hash is another, a fold has not
            exactly the official ids, or a prediction or score is of the wrong type.
    """
    try:
        whole = json.loads(unzipped(content, _LARGEST))
    except InputError:
        raise
    except (RecursionError, OSError, ValueError, EOFError) as error:
        raise InputError(f"these are no gzipped JSON results ({error})") from None
    if not isinstance(whole, dict) or set(whole) != _KEYS:
        raise InputError(f"results have the keys {', '.join(sorted(_KEYS))}, and no others")
    said = whole.pop("hash")
    if _hash(whole) != said:
        raise InputError("the hash of the results is another than they say; they were changed")
    if whole["benchmark_name"] != BENCHMARK:
        raise InputError(f"the results are of {whole['benchmark_name']!r}, not of {BENCHMARK}")
    for name, task in whole["tasks"].items():
        _check_task(name, task)
    return whole


def _task(run: BenchmarkRun, method: str) -> dict[str, Any]:
    found = run.method(method)
    regression = run.asked.kind == "regression"
    data: dict[str, dict[str, float]] = {f"fold_{k}": {} for k in range(N_FOLDS)}
    for id_, fold, value in zip(run.rows.ids, run.rows.folds, found.values, strict=True):
        if value is None:
            raise InputError(f"{id_} has no prediction by {method}; every row needs one")
        data[f"fold_{fold}"][id_] = value
    names = [m.name for m in BOARD.values() if (m.kind == "regression") == regression]
    return {
        "@module": "matbench.task",
        "@class": "MatbenchTask",
        "benchmark_name": BENCHMARK,
        "dataset_name": f"matbench_{run.asked.name}",
        "results": {
            fold: {
                "data": dict(sorted(values.items())),
                "parameters": {},
                "scores": {name: found.folds[fold.removeprefix("fold_")][name] for name in names},
            }
            for fold, values in data.items()
        },
    }


def _check_task(name: str, task: Any) -> None:
    if not isinstance(task, dict) or set(task) != _TASK_KEYS or task["dataset_name"] != name:
        raise InputError(f"{name} has not the keys {', '.join(sorted(_TASK_KEYS))}, or its name")
    what = matbench_task(name)
    metrics = {m.name for m in BOARD.values() if m.kind == what.kind}
    folds = {f"fold_{k}" for k in range(N_FOLDS)}
    if set(task["results"]) != folds:
        raise InputError(f"{name} needs the folds {', '.join(sorted(folds))}")
    seen: list[str] = []
    for fold, result in task["results"].items():
        if set(result) != {"data", "parameters", "scores"}:
            raise InputError(f"{fold} of {name} needs data, parameters and scores, and no others")
        values = list(result["data"].values())
        if not values or not all(type(v) is float and np.isfinite(v) for v in values):
            raise InputError(f"{fold} of {name} has a prediction that is no number")
        if set(result["scores"]) != metrics:
            raise InputError(f"{fold} of {name} has not the scores {', '.join(sorted(metrics))}")
        seen += result["data"]
    if sorted(seen) != what.ids():
        raise InputError(f"{name} has {len(seen):,} predictions, but not one for each official id")


def _hash(whole: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(_sorted(whole)).encode()).hexdigest()


def _sorted(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _sorted(part) if isinstance(part, dict) else part
        for key, part in sorted(value.items())
    }
