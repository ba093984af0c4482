"""The runs of a plan, one after another: each is recorded, and goes on where it was stopped."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from stratus.corpora.documents import read_text
from stratus.corpora.packed.token_column import TOKENS
from stratus.corpora.packed.tokens import open_tokens
from stratus.errors import InputError, ResumeError, StratusError
from stratus.files.digest import sha256
from stratus.files.whole import whole_file
from stratus.names import pick
from stratus.studies.scaling.plan import read_plan, rows_of, typical_text, write_plan
from stratus.studies.scaling.sizes import count, view_of
from stratus.studies.scaling.subsets import table_of_share
from stratus.training.device import is_first_process
from stratus.training.epochs import n_batches, plan_epoch
from stratus.training.pretrain import pretrain
from stratus.training.run_folder import RunFolder, write_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from stratus.studies.scaling.plan import Plan, PlannedRun
    from stratus.training.options import PretrainOptions
    from stratus.training.pretrain import OnProgress

RESULT: Final = "scaling.json"
TABLE: Final = "runs.csv"
PLAN: Final = "plan.yaml"
_WAIT_S: Final = 3600.0


class RunResult(BaseModel):
    """What a run of a plan came to; ``scaling.json`` in its folder, and a row of ``runs.csv``.

    Attributes:
        run: its name.
        parameters: trained values of the encoder that are no embedding.
        tokens: tokens that it saw, repeated ones again.
        loss: of the masked tokens of the test split, in nats.
        unique_tokens: different places of the table that it saw.
        epochs: times that it saw its rows.
        flops: operations of training.
        embeddings: trained values of the embeddings.
        layers: of the encoder.
        heads: of the encoder.
        hidden: of the encoder.
        learning_rate: peak.
        batch_size: crystals in a step.
        steps: optimiser steps.
        best_step: the step whose weights were scored.
        share: of the training rows.
        seed: of weights, order and masks.
        accuracy: on the test split.
        places: masked tokens of the test split.
        seconds: of training, since it was last begun or resumed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    parameters: int
    tokens: int
    loss: float
    unique_tokens: int
    epochs: float
    flops: float
    embeddings: int
    layers: int
    heads: int
    hidden: int
    learning_rate: float
    batch_size: int
    steps: int
    best_step: int
    share: float
    seed: int
    accuracy: float
    places: int
    seconds: float


@dataclass(frozen=True)
class PlanSummary:
    """What became of the runs of a plan.

    Attributes:
        table: ``runs.csv``, with a row for each run that is finished.
        finished: runs that are finished, also earlier.
        planned: runs of the plan.
        failed: sentence of each run that failed, by name.
    """

    table: Path
    finished: int
    planned: int
    failed: dict[str, str] = field(default_factory=dict)


def run_plan(
    plan: Plan,
    table: str | Path,
    folder: str | Path,
    *,
    only: Sequence[str] = (),
    part: tuple[int, int] = (1, 1),
    on_run: Callable[[PlannedRun, RunResult | None], None] | None = None,
    on_progress: OnProgress | None = None,
) -> PlanSummary:
    """Do the runs of a plan that are not done, smallest first.

    Several machines share the work when each gets another part and all write into one folder.

    Args:
        plan: what :func:`stratus.studies.scaling.plan.read_plan` read.
        table: the table that the plan was made for.
        folder: where each run gets a folder of its own.
        only: names of runs; all if empty.
        part: (k, n): this machine does every n-th run, from the k-th, counted from 1.
        on_run: told when a run begins (None) and ends (its result).
        on_progress: told what happens in a run.

    Returns:
        the counts; a run that fails, such as by a loss that is not finite, does not stop others.

    Raises:
        stratus.errors.InputError: the table is another than the plan's, or a name or part is none.
        stratus.errors.ResumeError: the folder belongs to another plan.
    """
    table, folder = Path(table), Path(folder)
    chosen = _chosen(plan, only, part)
    if not table.is_file():
        raise InputError(f"{table} is no file; give the table that the plan was made for")
    if sha256(table) != plan.table_sha256:
        raise InputError(f"{table} is not {plan.table}, for which the plan was made: plan again")
    _claim(folder, plan)
    failed: dict[str, str] = {}
    for run in chosen:
        options = plan.options_of(run)
        home = RunFolder(folder / run.name)
        if read_result(home.path) is not None:
            continue
        if on_run is not None:
            on_run(run, None)
        try:
            result = _do(run, options, home, _table_for(table, folder, run, options), on_progress)
        except InputError:
            raise
        except StratusError as error:
            failed[run.name] = str(error)
            continue
        if result is not None:
            collect(plan, folder)
            if on_run is not None:
                on_run(run, result)
    found = collect(plan, folder) if is_first_process() else []
    return PlanSummary(folder / TABLE, len(found), len(plan.runs), failed)


def collect(plan: Plan, folder: Path) -> list[RunResult]:
    """Write ``runs.csv`` from the results that are there, in the order of the plan.

    Raises:
        stratus.errors.InputError: a result is damaged.
    """
    found = [r for run in plan.runs if (r := read_result(folder / run.name)) is not None]
    with whole_file(folder / TABLE) as draft, draft.open("w", newline="", encoding="utf-8") as to:
        writer = csv.DictWriter(to, list(RunResult.model_fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows(result.model_dump() for result in found)
    return found


def read_result(home: Path) -> RunResult | None:
    """Return the result of a run, None where it is not finished.

    Raises:
        stratus.errors.InputError: the file is damaged.
    """
    path = home / RESULT
    if not path.exists():
        return None
    try:
        return RunResult.model_validate_json(read_text(path))
    except ValidationError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read ({reason}); remove it and run again") from None


def _chosen(plan: Plan, only: Sequence[str], part: tuple[int, int]) -> list[PlannedRun]:
    number, parts = part
    if not 1 <= number <= parts:
        raise InputError(f"part {number}/{parts} is none; write K/N with K from 1 to N")
    by_name = {run.name: run for run in plan.runs}
    wanted = [pick(by_name, name, "run") for name in only] or list(plan.runs)
    return sorted(wanted, key=lambda run: run.flops)[number - 1 :: parts]


def _claim(folder: Path, plan: Plan) -> None:
    path = folder / PLAN
    if path.exists():
        if read_plan(path) != plan:
            raise ResumeError(f"{folder} holds the runs of another plan; name another folder")
        return
    if is_first_process():
        folder.mkdir(parents=True, exist_ok=True)
        write_plan(plan, path)


def _table_for(table: Path, folder: Path, run: PlannedRun, options: PretrainOptions) -> Path:
    place = folder / "tables"
    if is_first_process():
        return table_of_share(table, place, run.share, options)
    if run.share == 1:
        return table
    path = place / f"share-{run.share:g}.parquet"
    deadline = time.monotonic() + _WAIT_S
    while not path.is_file():
        if time.monotonic() > deadline:
            raise StratusError(f"the first process never wrote {path}; look at its log")
        time.sleep(0.2)
    return path


def _do(
    run: PlannedRun,
    options: PretrainOptions,
    home: RunFolder,
    table: Path,
    on_progress: OnProgress | None,
) -> RunResult | None:
    """Train, or go on; None in the other processes of a run on several devices."""
    began = time.monotonic()
    summary = pretrain(
        table, home.path, options, resume=home.options.exists(), on_progress=on_progress
    )
    if summary is None:
        return None
    train = open_tokens(home.tokens, verify=False).train
    view = view_of(options)
    rows = rows_of(train, view)
    times = times_seen(rows, options, run.steps)
    counted = count(options, typical_text(train, view))
    tokens = int((times * train.sizes(TOKENS)).sum())
    size = run.size
    result = RunResult(
        run=run.name,
        parameters=counted.parameters,
        tokens=tokens,
        loss=summary.model.loss,
        unique_tokens=int(train.sizes(TOKENS)[times > 0].sum()),
        epochs=run.steps / n_batches(len(train), options.batch_size),
        flops=counted.flops(
            float((times * rows).sum()),
            float((times * rows.astype(float) ** 2).sum()),
            options.masking.ratio * tokens,
        ),
        embeddings=counted.embeddings,
        layers=size.layers,
        heads=size.heads,
        hidden=size.hidden,
        learning_rate=options.peak_rate,
        batch_size=options.batch_size,
        steps=run.steps,
        best_step=summary.best_step,
        share=run.share,
        seed=run.seed,
        accuracy=summary.model.accuracy,
        places=summary.model.places,
        seconds=time.monotonic() - began,
    )
    write_text(home.path / RESULT, result.model_dump_json(indent=1) + "\n")
    return result


def times_seen(rows: NDArray[np.int64], options: PretrainOptions, steps: int) -> NDArray[np.int64]:
    """Return how often a run sees each training crystal, ``[n]``.

    Args:
        rows: rows of the encoder of each crystal, ``[n]``.
        options: of the run.
        steps: optimiser steps.
    """
    epochs, rest = divmod(steps, n_batches(len(rows), options.batch_size))
    times = np.full(len(rows), epochs, dtype=np.int64)
    if rest:
        plan = plan_epoch(rows, options.batch_size, options.seed, epochs)
        for number in range(rest):
            times[plan.rows(number)] += 1
    return times
