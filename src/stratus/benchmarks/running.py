"""A question, a model and the simple models beside it: one run."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from stratus.benchmarks.environment import hardware, versions
from stratus.benchmarks.record import BenchmarkRun, Data, Rows
from stratus.benchmarks.result_scores import Answer, beside, best_simple, measured
from stratus.benchmarks.simple import capped, constants, predict_by_simple_models
from stratus.corpora.tables.disjoint import check_disjoint, digest
from stratus.crystals.facets import Facet
from stratus.errors import InputError
from stratus.names import pick
from stratus.training.finetune.choice import why_strings
from stratus.training.finetune.fold_results import LEVEL
from stratus.training.finetune.options import FinetuneOptions
from stratus.training.finetune.run import finetune
from stratus.training.finetune.start import read_facet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stratus.benchmarks.question import Question
    from stratus.inference.predictor import Predictor
    from stratus.training.finetune.events import OnProgress
    from stratus.training.finetune.result import FinetuneResult

    Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Entrant:
    """The model that a benchmark is about.

    Attributes:
        options: how it learns from the training rows; None: it predicts as it is.
        model: what it starts from; None: fresh weights.
        head: the target of the model that predicts, where it is not called as in the table.
        name: what it is called among the methods.
    """

    options: FinetuneOptions | None = None
    model: Predictor | None = None
    head: str | None = None
    name: str = "stratus"

    def __post_init__(self) -> None:
        if self.options is None and self.model is None:
            raise InputError("a model that does not learn has to be given; name a bundle")

    @property
    def facets(self) -> tuple[Facet, ...] | None:
        """What a table is to hold for it: the strings that simple models see, and what it reads.

        None where its encoder is that of what the table holds.
        """
        options = self.options or FinetuneOptions()
        if self.model is not None:
            facet = self.model.model.view.facet
        elif options.encoder is None and not why_strings(options):
            return None
        else:
            facet = read_facet(options, None).facet
        return (Facet.SCOPE, Facet.ATOMS) if facet is Facet.ATOMS else (Facet.SCOPE,)


def run_benchmark(
    question: Question,
    entrant: Entrant | None = None,
    *,
    rival: str | None = None,
    cache: Path | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> BenchmarkRun:
    """Ask a model and the simple models, and measure them on the same rows.

    Args:
        question: rows and folds.
        entrant: the model; None asks the simple models alone.
        rival: the method that others are compared with; the best simple model if None.
        cache: where predictions of the simple models are kept.
        seed: of the simple models, the bootstrap and the flips.
        on_progress: told how fine-tuning goes on.

    Raises:
        stratus.errors.InputError: what fine-tuning refuses, a target that the model has not, or no
            such rival.
        stratus.errors.StratusError: a validation loss is not finite.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    seconds: dict[str, float] = {}
    test = question.test_rows()
    rows = Rows(
        ids=tuple(id_ for _, _, id_, _ in test),
        folds=tuple(fold for fold, _, _, _ in test),
        labels=tuple(label for *_, label in test),
        clusters=question.clusters(),
        groups=question.groups(),
    )
    simple = _ask_simple_models(question, seed, cache)
    seconds["simple models"] = round(time.perf_counter() - clock, 3)
    if rival is not None:  # a name that is not there is found before the long part
        own = [] if entrant is None else [entrant.name]
        pick(dict.fromkeys([*(answer.name for answer in simple), *own]), rival, "method")
    clock = time.perf_counter()
    about = _About()
    if entrant is not None:
        about = _ask_model(question, entrant, on_progress)
        seconds["model"] = round(time.perf_counter() - clock, 3)
    answers = [*about.answers, *simple]
    clock = time.perf_counter()
    asked = question.asked
    methods = [measured(answer, asked, rows, question, seed) for answer in answers]
    rival = best_simple(methods, asked) if rival is None else rival
    compared = beside(methods, rival, asked, rows, seed)
    seconds["measuring"] = round(time.perf_counter() - clock, 3)
    table, folds = question.table, question.folds
    return BenchmarkRun(
        asked=asked,
        data=Data(
            files=dict(question.files),
            rows=len(rows.ids),
            unread={row.id: row.reason for row in question.unread},
            splits={fold.name: digest(fold, table) for fold in folds},
            shared={
                fold.name: check_disjoint(fold, table, needs_test=True).model_dump()
                for fold in folds
                if len(fold.train)
            },
        ),
        rows=rows,
        methods=tuple(methods),
        rival=rival,
        beside=tuple(compared),
        config={"seed": seed} | about.config,
        model=about.model,
        coverage=about.coverage,
        curves=about.curves,
        published=question.published,
        versions=versions(),
        hardware=hardware(),
        seconds=seconds,
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


@dataclass(frozen=True)
class _About:
    """What is kept of the model."""

    answers: tuple[Answer, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    coverage: dict[str, dict[str, Any]] = field(default_factory=dict)
    curves: tuple[dict[str, Any], ...] = ()


def _ask_model(question: Question, entrant: Entrant, on_progress: OnProgress | None) -> _About:
    if entrant.options is None:
        return _ask_as_it_is(question, entrant)
    task = question.task
    result = finetune(
        question.table,
        question.folds,
        [task],
        entrant.options,
        model=None if entrant.model is None else entrant.model.model,
        on_progress=on_progress,
    )
    resolved = result.options.model_copy(update={"tasks": entrant.options.tasks})
    values, lo, hi = [], [], []
    for fold, found in zip(question.folds, result.folds, strict=True):
        aside = _constant(question, fold.name)
        nothing = np.full(len(aside), np.nan)
        values += [found.predictions[task.name].values, aside]
        ends = found.bounds.get(task.name)
        if ends is not None:
            lo += [ends[0], nothing]
            hi += [ends[1], nothing]
    bounds = (np.concatenate(lo), np.concatenate(hi)) if lo else None
    answer = Answer(
        entrant.name, "model", np.concatenate(values), bounds, LEVEL if bounds else None
    )
    return _About(
        answers=(answer,),
        config={"finetune": resolved.model_dump(mode="json")},
        model=_learned(result),
        coverage={str(k): asdict(v) for k, v in result.coverage(task.name).items()},
        curves=tuple(curve for fold in result.folds for curve in fold.curves()),
    )


def _learned(result: FinetuneResult) -> dict[str, Any]:
    start = result.start
    net = result.folds[0].nets[0]
    return {
        "start": start.name,
        "architecture": start.architecture,
        "sizes": start.config.model_dump(mode="json"),
        "parameters": sum(weight.numel() for weight in net.parameters()),
        "members": result.options.members,
    }


def _ask_as_it_is(question: Question, entrant: Entrant) -> _About:
    predictor = entrant.model
    if predictor is None:
        raise InputError("a model that does not learn has to be given; name a bundle")
    model = predictor.model
    head = entrant.head or question.task.name
    if head not in model.tasks:
        raise InputError(
            f"the model {model.card.name!r} does not predict {head!r}; it predicts "
            f"{', '.join(model.tasks) or 'nothing'}: name one of these, or let it learn"
        )
    there = model.tasks[head]
    if (there.kind, there.unit) != (question.asked.kind, question.asked.unit):
        raise InputError(
            f"the model {model.card.name!r} predicts {head} as {there.kind} in {there.unit!r}, but "
            f"{question.asked.target} is {question.asked.kind} in {question.asked.unit!r}"
        )
    values, lo, hi = [], [], []
    for fold in question.folds:
        crystals = [question.table.crystals[row] for row in fold.test.tolist()]
        found = predictor.predict(crystals, interval=LEVEL, imposed=False)[
            head
        ]  # the head is judged
        aside = _constant(question, fold.name)
        nothing = np.full(len(aside), np.nan)
        values += [found.value, aside]
        if found.lo is not None and found.hi is not None:
            lo += [found.lo, nothing]
            hi += [found.hi, nothing]
    bounds = (np.concatenate(lo), np.concatenate(hi)) if lo else None
    return _About(
        answers=(
            Answer(entrant.name, "model", np.concatenate(values), bounds, LEVEL if lo else None),
        ),
        config={"head": head},
        model={
            "start": model.card.name,
            "architecture": model.architecture,
            "parameters": model.parameters,
            "members": len(model.members),
            "learned here": False,
        },
    )


def _ask_simple_models(question: Question, seed: int, cache: Path | None) -> list[Answer]:
    """Return what simple models say; without training rows there are none."""
    asked = question.asked
    if any(not len(fold.train) for fold in question.folds):
        raise InputError(
            f"{asked.name} has a fold without training rows, from which the simple models learn"
        )
    found = predict_by_simple_models(
        question.table, question.labels, question.folds, asked.kind, asked.per,
        seed=seed, cache=cache,
    )  # fmt: skip
    names = [name for name in found[0] if all(name in of_fold for of_fold in found)]
    caps = {fold.name: capped(question.labels, fold, asked.kind) for fold in question.folds}
    return [
        Answer(
            name,
            "simple",
            np.concatenate(
                [
                    part
                    for fold, of_fold in zip(question.folds, found, strict=True)
                    for part in (of_fold[name], _constant(question, fold.name, name))
                ]
            ),
            capped={fold: of_fold[name] for fold, of_fold in caps.items() if name in of_fold},
        )
        for name in names
    ]


def _constant(question: Question, fold_name: str, method: str = "") -> Floats:
    """Return what every method says of the unread rows of a fold.

    It is a constant of the training labels; where stable crystals are to be found, nothing.
    """
    count = sum(row.fold == fold_name for row in question.unread)
    if question.hull is not None or not count:
        return np.full(count, np.nan)
    [fold] = [fold for fold in question.folds if fold.name == fold_name]
    labels = question.labels[np.union1d(fold.train, fold.validation)]
    of_labels = constants(question.asked.kind, labels[np.isfinite(labels)])
    return np.full(count, of_labels.get(method, next(iter(of_labels.values()))))
