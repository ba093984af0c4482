"""Pre-train an encoder on a table of SCOPE strings, in a folder from which it can go on."""

from __future__ import annotations

import math
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from stratus.corpora.packed.tokens import build_tokens, digest_of_words, open_tokens
from stratus.crystals.facets import USUAL_STRINGS
from stratus.encoders.table import architecture, configure, in_words
from stratus.files.lock import sole_writer
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead
from stratus.models.net import Net
from stratus.objectives.hash_rng import Purpose, key, permutation
from stratus.objectives.masked_tokens import MaskedRows, MaskedTokens
from stratus.training.device import device_here, is_first_process
from stratus.training.events import FitStarted
from stratus.training.finish import (
    PretrainSummary,
    finish,
    make_card,
    read_summary,
    score_places,
    share_score,
)
from stratus.training.fit import FitFolder, check_devices, fit
from stratus.training.loader import Loader
from stratus.training.mixture import Mixture
from stratus.training.operations import cost_of
from stratus.training.options import PretrainOptions, require_objective
from stratus.training.overfit import choose_rows, overfit
from stratus.training.run_folder import (
    RunCorpus,
    RunFolder,
    open_corpora,
    require_files,
    tables_of,
)
from stratus.views.keys import TOKENS
from stratus.views.table import view_class
from stratus.views.token_view import require_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import BaseModel

    from stratus.corpora.packed.corpus import PackedCorpora, PackedCorpus
    from stratus.corpora.packed.tokens import TokenInfo
    from stratus.training.events import FitEvent, OnFitEvent
    from stratus.training.fit import Fitted
    from stratus.training.overfit import Overfitted
    from stratus.views.token_view import TokenView


@dataclass(frozen=True)
class Started:
    """Training is about to begin, or to go on.

    Attributes:
        encoder: architecture and sizes of the encoder.
        corpus: counts of the token corpus.
        draws: training crystals of each table in an epoch; empty where there is one table, or where
            a share of them is learned from.
        tokens_per_epoch: real tokens of the training split, or of the first epoch of a mixture.
        fit: steps, device, and how many parameters.
    """

    encoder: str
    corpus: TokenInfo
    draws: tuple[int, ...]
    tokens_per_epoch: int
    fit: FitStarted


Event: TypeAlias = "Started | FitEvent"
OnProgress: TypeAlias = "Callable[[Event], None]"


def pretrain(
    table: str | Path | Sequence[str | Path],
    run_folder: str | Path,
    options: PretrainOptions | None = None,
    *,
    resume: bool = False,
    card: Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> PretrainSummary | None:
    """Pre-train an encoder by guessing masked tokens (BERT, arXiv 1810.04805).

    Args:
        table: the Parquet of ``stratus encode``, with orbit strings; or several, which
            ``options.mixture`` may give shares of an epoch.
        run_folder: where everything goes: options, token corpus, checkpoints, logs, metrics and,
            at the end, the model as ``bundle``.
        options: what may be set.
        resume: whether to go on with the run in ``run_folder``. The result is then, on one device,
            the same bit for bit as if it had never been interrupted.
        card: values for the model's card that the run cannot know: licences, origin of the data.
        on_progress: called with what happens.

    Returns:
        The scores of the model and of the baselines on the test split; None in the other
        processes of a run on several devices, of which the first does the rest.

    Raises:
        stratus.errors.InputError: the table, an option or the card cannot be used, the objective
            is another, or another run is writing the folder.
        stratus.errors.ResumeError: an option differs from that of the run.
        stratus.errors.StratusError: the disk is full, or the loss is not finite.
    """
    options = options or PretrainOptions()
    require_objective(options, MASKED_TOKENS)
    tables = tables_of(table)
    make_card(card, options, tables[0].name)  # refuse a wrong one before the work
    with sole_writer(Path(run_folder)) if is_first_process() else nullcontext():
        setup = _set_up(tables, Path(run_folder), options, resume=resume)
        return _run(setup, card, on_progress or _ignore, resume=resume)


def overfit_masked(
    tables: Sequence[str | Path],
    count: int,
    options: PretrainOptions | None = None,
    *,
    on_event: OnFitEvent | None = None,
) -> Overfitted:
    """Let a fresh net learn the masked tokens of some training crystals by heart.

    All epochs mask the same tokens, and these are scored.

    Args:
        tables: as of :func:`pretrain`.
        count: how many crystals; the seed decides which.
        options: of the run; without early stopping.
        on_event: called with what happens.

    Raises:
        stratus.errors.InputError: a table or an option cannot be used, or there are not so many.
        stratus.errors.StratusError: a loss is not finite.
    """
    options = options or PretrainOptions()
    require_objective(options, MASKED_TOKENS)
    with TemporaryDirectory(prefix="stratus-overfit-") as folder:
        setup = _set_up([Path(table) for table in tables], Path(folder), options, resume=False)
        rows = setup.rows(setup.corpora.train)
        return overfit(
            setup.net,
            MaskedTokens(),
            rows,
            choose_rows(count, len(rows), options.seed),
            options,
            dropout_key=lambda rank, step: (options.seed, rank, step),
            on_event=on_event,
        )


def _run(
    setup: _Setup, card: Mapping[str, Any] | None, on_progress: OnProgress, *, resume: bool
) -> PretrainSummary | None:
    run, options = setup.run, setup.options
    if resume and run.metrics.exists():
        return read_summary(run)
    if is_first_process():
        run.sweep()
    smaller = []
    for share in options.train_shares[:-1]:
        part = setup.with_share(share)
        fitted = _fit(part, run.of_share(share), on_progress)
        if is_first_process():
            test = Loader(
                part.rows(part.corpora.test), options.batch_size, options.seed, shuffle=False
            )
            scored = score_places(part.net, test, device_here(options.accelerator))
            smaller.append(share_score(share, fitted, part.corpora, scored))
    whole = setup.with_share(options.train_shares[-1])
    fitted = _fit(whole, FitFolder(run.checkpoints, run.logs), on_progress)
    if not is_first_process():
        return None
    return finish(
        run,
        whole.net,
        options,
        rows=whole.rows,
        corpora=whole.corpora,
        fitted=fitted,
        smaller=smaller,
        card=card,
    )


def _fit(setup: _Setup, folder: FitFolder, on_progress: OnProgress) -> Fitted:
    options, train = setup.options, setup.train()
    return fit(
        setup.net,
        MaskedTokens(),
        train,
        setup.rows(setup.corpora.validation),
        options,
        seed=options.seed,
        dropout_key=lambda rank, step: (options.seed, rank, step),
        run=folder,
        flops=cost_of(setup.net, train),
        on_event=lambda event: on_progress(
            _started(setup, train, event) if isinstance(event, FitStarted) else event
        ),
    )


@dataclass
class _Setup:
    run: RunFolder
    options: PretrainOptions
    corpora: PackedCorpora[TokenInfo]
    config: BaseModel
    view: TokenView
    net: Net

    def with_share(self, share: float) -> _Setup:
        """Return the same with a fresh net and a share of the training split.

        What is in a share is in a larger one too.
        """
        if share == 1:
            return self
        whole = self.corpora.train
        order = permutation(key(Purpose.TRAIN_SHARE, self.options.seed, 0), len(whole))
        rows = np.sort(order[: math.ceil(share * len(whole))])
        net, _, _ = make_net(self.options)
        return replace(self, net=net, corpora=replace(self.corpora, train=whole.subset(rows)))

    def train(self) -> MaskedRows | Mixture:
        """Return what is learned from: each row once an epoch, or tables by their shares."""
        rows = self.rows(self.corpora.train)
        if not self.options.mixture.is_set:
            return rows
        sizes = [part.train for part in self.corpora.info.parts]
        return Mixture(rows, sizes, self.options.mixture.of(sizes), self.options.seed)

    def rows(self, corpus: PackedCorpus) -> MaskedRows:
        """Return a split as a source of masked tokens."""
        return MaskedRows(corpus, self.view, self.options.masking, self.options.seed)


def _set_up(
    tables: Sequence[Path], folder: Path, options: PretrainOptions, *, resume: bool
) -> _Setup:
    check_devices(options, resume=resume)
    require_files(tables, "the Parquet that `stratus encode` wrote")
    if options.mixture.is_set:
        options.mixture.of([1] * len(tables))  # refuse a wrong one before the work
    net, view, config = make_net(options)
    run = RunFolder(folder)
    corpora = open_corpora(run, token_corpus(tables, options, _most_tokens(view)), options, resume)
    return _Setup(run, options, corpora, config, view, net)


def make_net(options: PretrainOptions) -> tuple[Net, TokenView, BaseModel]:
    """Return the net of a run with fresh weights, how it sees a crystal, and its config."""
    kind = architecture(options.encoder)
    of_view = view_class(kind.view)
    sizes = dict(of_view.encoder_values(USUAL_STRINGS))
    config: Any = configure(options.encoder, options.preset, **sizes | options.model)
    view = require_tokens(of_view.of_encoder(config, USUAL_STRINGS), "pre-training")
    generator = torch.Generator().manual_seed(options.seed)
    encoder = kind.build(config, generator)
    head = MaskedTokenHead.of_view(view, config.hidden, generator)
    return Net(encoder, {MASKED_TOKENS: head}), view, config


def token_corpus(
    tables: Sequence[Path], options: PretrainOptions, max_tokens: int
) -> RunCorpus[TokenInfo]:
    """Return what a run learns masked tokens from, and how it is packed.

    Args:
        tables: of strings.
        options: of the run: shares of the splits, and salt.
        max_tokens: longest string that is kept.
    """
    build = partial(
        build_tokens,
        tables,
        fractions=options.shares,
        salt=options.salt,
        max_tokens=max_tokens,
    )
    depends_on = (digest_of_words(), str(options.shares), options.salt, str(max_tokens))
    return RunCorpus(TOKENS, tables, depends_on, build, _open_tokens)


def _open_tokens(folder: Path, verify: bool) -> PackedCorpora[TokenInfo]:  # noqa: FBT001
    return open_tokens(folder, verify=verify)


def _most_tokens(view: TokenView) -> int:
    """Return the most tokens with which every string fits into the encoder."""
    most = view.max_length
    while view.length(most + 1) <= view.max_length:
        most += 1
    return most


def _started(setup: _Setup, train: MaskedRows | Mixture, fit: FitStarted) -> Started:
    options, parts = setup.options, setup.corpora.info.parts
    sizes = setup.corpora.train.sizes(TOKENS)
    draws, seen = tuple(part.train for part in parts), sizes
    if options.train_shares != (1.0,):
        draws = ()
    if isinstance(train, Mixture):
        draws, seen = train.draws, sizes[train.drawn(0).rows]
    return Started(
        encoder=in_words(options.encoder, options.preset, options.model),
        corpus=setup.corpora.info,
        draws=draws,
        tokens_per_epoch=int(seen.sum()),
        fit=fit,
    )


def _ignore(_: Event) -> None:
    """Nobody listens."""
