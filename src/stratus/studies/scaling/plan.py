"""A plan: which sizes are trained on how many tokens, and what that costs; ``plan.yaml``."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stratus.corpora.packed.token_column import TOKEN_COLUMN
from stratus.corpora.packed.tokens import build_tokens
from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.studies.scaling.sizes import PAPER, Size, count, view_of
from stratus.studies.scaling.subsets import table_of_share
from stratus.training.epochs import n_batches
from stratus.training.option_layers import read_options
from stratus.training.options import make_options
from stratus.training.run_folder import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.corpora.packed.corpus import PackedCorpus
    from stratus.training.options import PretrainOptions
    from stratus.views.token_view import TokenView

FORMAT: Final = 1
ENCODER: Final = "cloud"
"""The architecture of the runs, unless said otherwise; the sizes are those of the paper too."""

TOKENS: Final = (1e6, 3e6, 1e7, 3e7)
"""Token budgets, unless said otherwise."""

_STRETCH: Final = 65_536
_MANY_EPOCHS: Final = 4.0
"""From here on repeated tokens are worth clearly less than new ones (Muennighoff et al. 2023,
arXiv 2305.16264)."""


class PlannedRun(BaseModel):
    """One run.

    Attributes:
        name: of its folder.
        size: layers and widths.
        learning_rate: peak.
        steps: optimiser steps.
        share: share of the training rows that it may see.
        seed: of weights, order and masks.
        parameters: trained values of the encoder that are no embedding.
        embeddings: trained values of its embeddings.
        tokens: tokens that it will see, repeated ones again.
        unique_tokens: different places of the table among them.
        epochs: times that it sees its rows.
        flops: operations of training, by formula.
        counted: operations of a step by torch's counter over those by formula.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    size: Size
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    share: float = Field(gt=0, le=1)
    seed: int = Field(ge=0)
    parameters: int
    embeddings: int
    tokens: int
    unique_tokens: int
    epochs: float
    flops: float
    counted: float


class Plan(BaseModel):
    """What ``stratus scaling plan`` writes and ``stratus scaling run`` reads.

    Attributes:
        table: name of the table of SCOPE strings.
        table_sha256: its digest.
        options: of every run; see ``docs/reference/pretrain-options.md``.
        runs: those to be done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = FORMAT
    table: str
    table_sha256: str
    options: dict[str, Any]
    runs: tuple[PlannedRun, ...] = Field(min_length=1)

    def options_of(self, run: PlannedRun) -> PretrainOptions:
        """Return the options with which a run is trained.

        Raises:
            stratus.errors.InputError: they cannot be; the message names the first.
        """
        own = {
            "model": run.size.model,
            "learning_rate": run.learning_rate,
            "steps": run.steps,
            "seed": run.seed,
        }
        return make_options({"encoder": ENCODER}, self.options, own)

    @property
    def decades(self) -> tuple[float, float]:
        """Powers of ten that parameters and tokens cover."""
        sizes = [run.parameters for run in self.runs]
        tokens = [run.tokens for run in self.runs]
        return float(np.log10(max(sizes) / min(sizes))), float(np.log10(max(tokens) / min(tokens)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before the runs are begun."""
        found = []
        for what, decades in zip(("parameters", "tokens"), self.decades, strict=True):
            if decades < 1:
                found.append(
                    f"{what} cover {decades:.2f} decades: less than one, so nothing will be "
                    "extrapolated from these runs"
                )
        often = [run for run in self.runs if run.epochs > _MANY_EPOCHS]
        if often:
            most = max(run.epochs for run in often)
            found.append(
                f"{len(often)} runs see their rows more than {_MANY_EPOCHS:g} times (up to "
                f"{most:.1f}): the law takes repeated tokens for new ones"
            )
        return tuple(found)


def make_plan(
    table: str | Path,
    options: Mapping[str, Any] | None = None,
    *,
    sizes: Sequence[Size] = PAPER,
    tokens: Sequence[float] = TOKENS,
    shares: Sequence[float] = (1.0,),
    seeds: Sequence[int] = (0,),
    learning_rate: float | None = None,
) -> Plan:
    """Plan a run for each size, token budget, share of the rows and seed.

    Args:
        table: the Parquet of ``stratus encode``, in the orbit dialect.
        options: of every run, but for what the plan sets: model, steps, learning rate and seed.
        sizes: of the encoder.
        tokens: that a run sees, repeated ones again.
        shares: of the training rows that a run may see.
        seeds: of weights, order and masks.
        learning_rate: peak; by default it falls with the root of the width (see
            :attr:`stratus.studies.scaling.sizes.Size.learning_rate`).

    Raises:
        stratus.errors.InputError: the table, an option or a number cannot be used.
        stratus.errors.StratusError: the two counts of operations do not agree.
    """
    table, given = Path(table), {"encoder": ENCODER, **(options or {})}
    _check(given, sizes, tokens, shares)
    for name in ("model", "steps", "epochs", "learning_rate", "seed", "preset"):
        if name in given:
            raise InputError(f"the plan sets {name} for each run; leave it out of the options")
    common = make_options(given, {"model": sizes[0].model})
    corpora = [_Share(share, *_lengths(table, common, share)) for share in sorted(set(shares))]
    runs = []
    for size in sizes:
        of_size = make_options(given, {"model": size.model})
        counted = count(of_size, corpora[-1].typical)
        for budget, corpus, seed in product(tokens, corpora, seeds):
            steps = max(1, round(budget / corpus.tokens_per_step(common.batch_size)))
            epochs = steps / n_batches(len(corpus.lengths), common.batch_size)
            seen = epochs * corpus.tokens
            pairs = epochs * float((corpus.rows.astype(float) ** 2).sum())
            runs.append(
                PlannedRun(
                    name=_name(size, budget, corpus.share, seed, several=len(seeds) > 1),
                    size=size,
                    learning_rate=learning_rate or size.learning_rate,
                    steps=steps,
                    share=corpus.share,
                    seed=seed,
                    parameters=counted.parameters,
                    embeddings=counted.embeddings,
                    tokens=round(seen),
                    unique_tokens=round(min(1.0, epochs) * corpus.tokens),
                    epochs=round(epochs, 4),
                    flops=counted.flops(
                        epochs * float(corpus.rows.sum()), pairs, common.masking.ratio * seen
                    ),
                    counted=round(counted.ratio, 6),
                )
            )
    _check_names(runs)
    return Plan(table=table.name, table_sha256=sha256(table), options=given, runs=tuple(runs))


@dataclass(frozen=True, eq=False)
class _Share:
    """The training rows that a run may see: words and rows of the encoder of each string."""

    share: float
    lengths: NDArray[np.int64]
    rows: NDArray[np.int64]
    typical: str

    @property
    def tokens(self) -> int:
        return int(self.lengths.sum())

    def tokens_per_step(self, batch_size: int) -> float:
        return self.tokens / n_batches(len(self.lengths), batch_size)


def _lengths(
    table: Path, options: PretrainOptions, share: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], str]:
    view = view_of(options)
    with tempfile.TemporaryDirectory(prefix="stratus-plan-") as folder:
        part = table_of_share(table, Path(folder), share, options)
        corpora = build_tokens(
            part,
            Path(folder) / "tokens",
            fractions=options.shares,
            salt=options.salt,
            max_tokens=view.max_length - 2,
        )
        train = corpora.train
        lengths = train.sizes(TOKEN_COLUMN.name).astype(np.int64)
        return lengths, rows_of(train, view), typical_text(train, view)


def rows_of(train: PackedCorpus, view: TokenView) -> NDArray[np.int64]:
    """Return the rows of the encoder that each crystal of a corpus has, ``[n]``."""
    stretches = (
        train.take(range(start, min(start + _STRETCH, len(train))), TOKEN_COLUMN.name)
        for start in range(0, len(train), _STRETCH)
    )
    return np.concatenate([view.sizes(samples) for samples in stretches])


def typical_text(train: PackedCorpus, view: TokenView) -> str:
    """Return the string of median length of a corpus."""
    middle = int(np.argsort(train.sizes(TOKEN_COLUMN.name), kind="stable")[len(train) // 2])
    return view.vocabulary.text(train.take([middle], TOKEN_COLUMN.name)[0].tolist())


def _check(
    options: dict[str, Any],
    sizes: Sequence[Size],
    tokens: Sequence[float],
    shares: Sequence[float],
) -> None:
    if not sizes or not tokens or not shares:
        raise InputError("a plan needs at least one size, one token budget and one share")
    for budget in tokens:
        if not (np.isfinite(budget) and budget >= 1):
            raise InputError(f"{budget:g} tokens cannot be seen; give a number such as 1e6")
    for share in shares:
        if not 0 < share <= 1:
            raise InputError(f"a share of {share:g} of the rows cannot be; give one up to 1")
    if options.get("patience") is not None:
        raise InputError("a run that stops early does not see its tokens; leave patience out")


def _name(size: Size, budget: float, share: float, seed: int, *, several: bool) -> str:
    parts = [size.name, _short(budget)]
    parts += [f"share{share:g}"] if share < 1 else []
    parts += [f"seed{seed}"] if several else []
    return "-".join(parts)


def _short(number: float) -> str:
    """Write a large number in few letters: 300000 is ``300k``, 1500000 is ``1.5M``."""
    for letter, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.6g}{letter}"
    return f"{number:.6g}"


def _check_names(runs: Sequence[PlannedRun]) -> None:
    seen: set[str] = set()
    for run in runs:
        if run.name in seen:
            raise InputError(f"two runs of the plan would be called {run.name}; give each once")
        seen.add(run.name)


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan as YAML.

    Raises:
        stratus.errors.StratusError: it cannot be written.
    """
    text = yaml.safe_dump(plan.model_dump(mode="json"), sort_keys=False, width=100)
    write_text(path, text)


def read_plan(path: Path) -> Plan:
    """Read a plan; names, rates and steps may have been changed by hand.

    Raises:
        stratus.errors.InputError: it cannot be read, or is no plan.
    """
    try:
        plan = Plan.model_validate(read_options(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"{path} is no plan of stratus scaling: {place}: {first['msg']}; make it again"
        ) from None
    _check_names(plan.runs)
    for run in plan.runs:
        plan.options_of(run)
    return plan
