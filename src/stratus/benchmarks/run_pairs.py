"""Runs on the same test rows, side by side: the paired difference of each two of their methods."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from stratus.benchmarks.certainty import bootstrap_mean, paired_rows, row_losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from stratus.benchmarks.record import BenchmarkRun

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two methods on the same test rows, over the folds and over the seeds that both have.

    The loss of a row is its absolute error, or the squared error of its probability.

    Attributes:
        set_name: what the rows are called.
        unit: of the loss.
        first: a method; a model is called by its encoder.
        second: another one.
        mean_first: loss of the first, mean over folds and seeds.
        mean_second: that of the second.
        difference: first minus second; below zero where the first is better.
        interval: 95 % bootstrap interval of the difference, rows of one composition drawn together
            within their fold, each row with the mean of its losses over the seeds.
        won: of the folds of all seeds, those where the first has the smaller loss.
        folds: how many there are.
        p_rows: sign-flip test of the differences of rows, those of one composition together.
        seeds: the seeds that both have.
    """

    set_name: str
    unit: str
    first: str
    second: str
    mean_first: float
    mean_second: float
    difference: float
    interval: tuple[float, float]
    won: int
    folds: int
    p_rows: float
    seeds: tuple[int, ...]


@dataclass
class _Contestant:
    """A method with its losses by seed, ``[rows]`` each."""

    name: str
    losses: dict[int, Floats] = field(default_factory=dict)


def paired_runs(runs: Sequence[BenchmarkRun]) -> list[Pair]:
    """Compare the models of runs with each other, and each with the best simple model of its set.

    Runs belong together where benchmark, name, target, rows, labels and folds are the same. Models
    with the same encoder, start and options are one, whose runs differ by their seed. A model that
    leaves out a row has no pair.

    Args:
        runs: in any order; the first of a set decides the order of the pairs.
    """
    sets: dict[tuple[object, ...], list[BenchmarkRun]] = {}
    for run in runs:
        asked, rows = run.asked, run.rows
        key = (asked.benchmark, asked.name, asked.target, rows.ids, rows.labels, rows.folds)
        sets.setdefault(key, []).append(run)
    return [pair for together in sets.values() for pair in _pairs(together)]


def _pairs(runs: Sequence[BenchmarkRun]) -> Iterator[Pair]:
    models = _models(runs)
    simple: dict[str, _Contestant] = {}
    for run in runs:
        for method in run.methods:
            if method.role == "simple":
                one = simple.setdefault(method.name, _Contestant(method.name))
                one.losses.setdefault(_seed(run), _losses(run, method.name))
    rivals = list(simple.values())
    if len(models) < 2:  # one model beside simple ones is what each run says itself
        return
    best = min(rivals, key=lambda each: float(np.mean(list(each.losses.values()))), default=None)
    both = [*combinations(models, 2), *((m, best) for m in models if best is not None)]
    for first, second in both:
        seeds = [seed for seed in first.losses if seed in second.losses]
        if seeds:
            pair = _pair(runs[0], first, second, seeds)
            if pair is not None:
                yield pair


def _pair(
    run: BenchmarkRun, first: _Contestant, second: _Contestant, seeds: Sequence[int]
) -> Pair | None:
    ours = np.array([first.losses[seed] for seed in seeds])
    theirs = np.array([second.losses[seed] for seed in seeds])
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return None
    folds = np.array(run.rows.folds)
    rows = [folds == name for name in dict.fromkeys(run.rows.folds)]
    of_ours = np.array([[loss[here].mean() for here in rows] for loss in ours])
    of_theirs = np.array([[loss[here].mean() for here in rows] for loss in theirs])
    over_seeds = ours.mean(axis=0), theirs.mean(axis=0)
    test = paired_rows(*over_seeds, clusters=run.rows.clusters)
    return Pair(
        set_name=run.asked.name,
        unit=run.asked.unit if run.asked.kind == "regression" else "",
        first=first.name,
        second=second.name,
        mean_first=float(of_ours.mean()),
        mean_second=float(of_theirs.mean()),
        difference=float((of_ours - of_theirs).mean()),
        interval=bootstrap_mean(
            over_seeds[0] - over_seeds[1], run.rows.folds, clusters=run.rows.clusters
        ),
        won=int((of_ours < of_theirs).sum()),
        folds=of_ours.size,
        p_rows=test.p_value,
        seeds=tuple(seeds),
    )


def _models(runs: Iterable[BenchmarkRun]) -> list[_Contestant]:
    """Return the models of runs; those that differ in more than a seed have names of their own."""
    found: dict[str, _Contestant] = {}
    for run in runs:
        model = next((m for m in run.methods if m.role == "model"), None)
        if model is None:
            continue
        learned = {k: v for k, v in run.config.get("finetune", {}).items() if k != "seed"}
        others = {k: v for k, v in run.config.items() if k not in {"finetune", "seed"}}
        key = json.dumps([run.model, learned, others], sort_keys=True)
        if key not in found:
            start = run.model.get("start", "from scratch")
            name = str(run.model.get("architecture", model.name))
            name += "" if start == "from scratch" else f" from {start}"
            taken = [each.name for each in found.values()]
            alike = sum(each == name or each.startswith(f"{name} (") for each in taken)
            found[key] = _Contestant(f"{name} ({alike + 1})" if alike else name)
        found[key].losses.setdefault(_seed(run), _losses(run, model.name))
    return list(found.values())


def _seed(run: BenchmarkRun) -> int:
    return int(run.config.get("seed", 0))


def _losses(run: BenchmarkRun, name: str) -> Floats:
    labels, values = np.array(run.rows.labels), np.array(run.method(name).values, np.float64)
    return row_losses(run.asked.kind, labels, values)
