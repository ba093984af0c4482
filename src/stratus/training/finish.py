"""The end of a run: the test split once, beside three baselines, and the model as a bundle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import torch
from pydantic import BaseModel, ConfigDict
from torch.nn import functional as fn

from stratus.corpora.documents import read_json, validated
from stratus.heads.masked_tokens import MASKED_TOKENS
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.objectives.masked_tokens import masked_batch
from stratus.objectives.token_baselines import (
    Tally,
    TokenScore,
    fit_baselines,
    fit_copying,
    score_baselines,
)
from stratus.training.device import device_here
from stratus.training.learner import to_device
from stratus.training.loader import Loader
from stratus.training.run_folder import write_text
from stratus.training.throughput import n_parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stratus.corpora.packed.corpus import PackedCorpora, PackedCorpus
    from stratus.corpora.packed.tokens import TokenInfo
    from stratus.models.net import Net
    from stratus.objectives.masked_tokens import MaskedRows
    from stratus.objectives.objective import Step
    from stratus.training.fit import Fitted
    from stratus.training.options import PretrainOptions
    from stratus.training.run_folder import RunFolder


_OF_TOKENS: Final = (
    "by guessing masked tokens of SCOPE strings",
    "Vectors of crystals from their symmetry and composition, for fine-tuning.",
    "Sees no coordinates: crystals that differ in them alone have one vector.",
)
_OF_ATOMS: Final = (
    "by moving displaced atoms back",
    "Vectors of crystals from their atoms, for fine-tuning.",
    "Predicts nothing before it is fine-tuned.",
)


class MaskedShare(BaseModel):
    """How good a net is that learned from a share of the training crystals.

    Attributes:
        share: of the training crystals.
        rows: how many these are.
        best_step: the step whose weights were scored.
        validation_loss: of these weights.
        model: score on the masked tokens of the test split.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float
    rows: int
    best_step: int
    validation_loss: float
    model: TokenScore


class PretrainSummary(BaseModel):
    """What came out of a run; ``metrics.json``. It holds nothing that differs from run to run.

    Attributes:
        encoder: the architecture.
        preset: its sizes.
        parameters: trained values of encoder and head.
        rows: crystals of each split.
        duplicates: rows of the table that were another one again.
        too_long: rows that did not fit into the encoder.
        best_step: the step whose weights are in the bundle.
        model: score of the model on the masked tokens of the test split, in float32.
        baselines: scores on the same places, by the name of the baseline.
        shares: of each share of the training crystals that was learned from, the smallest first;
            empty where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str
    preset: str
    parameters: int
    rows: dict[str, int]
    duplicates: int
    too_long: int
    best_step: int
    model: TokenScore
    baselines: dict[str, TokenScore]
    shares: tuple[MaskedShare, ...] = ()


def read_summary(run: RunFolder) -> PretrainSummary:
    """Read the result of a run that is finished.

    Raises:
        stratus.errors.InputError: the file is damaged.
    """
    return validated(PretrainSummary, read_json(run.metrics), run.metrics)


def make_card(
    values: Mapping[str, Any] | None,
    options: PretrainOptions,
    source: str,
    *,
    rows: int | None = None,
    digest: str = "unknown",
) -> Card:
    """Make the card of the model from what the run knows and what its owner says.

    Args:
        values: keys of the card that the owner sets.
        options: of the run.
        source: name of the table.
        rows: different crystals in it, if they were counted.
        digest: its SHA-256, if it was taken.

    Raises:
        stratus.errors.InputError: a key is unknown or a value cannot be.
    """
    of_tokens = options.objective == MASKED_TOKENS
    how, use, limits = _OF_TOKENS if of_tokens else _OF_ATOMS
    known: dict[str, Any] = {
        "name": f"{options.encoder}-{options.preset}",
        "summary": f"{options.encoder} ({options.preset}), pre-trained on {source} {how}.",
        "data": [
            {
                "name": source,
                "rows": rows,
                "licence": "not stated",
                "origin": f"sha256 {digest}",
            }
        ],
        "licence_code": "MIT",
        "licence_weights": "not stated",
        "intended_use": use,
        "limits": limits,
    }
    return validated(Card, known | dict(values or {}), "the card")


def finish(
    run: RunFolder,
    net: Net,
    options: PretrainOptions,
    *,
    rows: Callable[[PackedCorpus], MaskedRows],
    corpora: PackedCorpora[TokenInfo],
    fitted: Fitted,
    smaller: Sequence[MaskedShare],
    card: Mapping[str, Any] | None,
) -> PretrainSummary:
    """Score the test split, save the model, and write the result.

    Args:
        run: the folder of the run.
        net: with the best weights.
        options: of the run.
        rows: makes a source of a split; its masks are always the same.
        corpora: the three splits; of the training split what was learned from.
        fitted: how the weights were found.
        smaller: what smaller shares of the training split came to.
        card: what the owner says about the model.
    """
    info = corpora.info

    def steps(source: MaskedRows) -> Loader:
        return Loader(source, options.batch_size, options.seed, shuffle=False)

    tested = rows(corpora.test)
    test = steps(tested)
    unigram, place = fit_baselines(corpora.train)
    copying = fit_copying(map(masked_batch, steps(rows(corpora.validation))), place)
    baselines = score_baselines([copying, place, unigram], map(masked_batch, test))
    device = device_here(options.accelerator)
    summary = PretrainSummary(
        encoder=options.encoder,
        preset=options.preset,
        parameters=n_parameters(net),
        rows={str(split): rows for split, rows in info.rows.items()}
        | {"train": len(corpora.train)},
        duplicates=info.duplicates,
        too_long=info.too_long,
        best_step=fitted.best_step,
        model=score_places(net, test, device),
        baselines=baselines,
    )
    if smaller:
        last = share_score(options.train_shares[-1], fitted, corpora, summary.model)
        summary = summary.model_copy(update={"shares": (*smaller, last)})
    left_out = set() if smaller else {"shares"}
    save_bundle(
        run.bundle,
        members=[net],
        architecture=options.encoder,
        view=tested.view,
        card=make_card(
            {"metrics": _card_metrics(summary)} | dict(card or {}),
            options,
            info.table,
            rows=info.kept,
            digest=info.table_sha256,
        ),
        metrics=summary.model_dump(mode="json", exclude=left_out),
        replace=True,
    )
    if fitted.speed:
        write_text(run.throughput, json.dumps(dict(fitted.speed), indent=1) + "\n")
    write_text(run.metrics, summary.model_dump_json(indent=1, exclude=left_out) + "\n")
    return summary


def share_score(
    share: float, fitted: Fitted, corpora: PackedCorpora[TokenInfo], model: TokenScore
) -> MaskedShare:
    """Return how good a net is that learned from a share of the training crystals.

    Args:
        share: of the training crystals.
        fitted: how its weights were found.
        corpora: the splits, of the training split what was learned from.
        model: its score on the test split.
    """
    return MaskedShare(
        share=share,
        rows=len(corpora.train),
        best_step=fitted.best_step,
        validation_loss=fitted.validation_loss,
        model=model,
    )


def score_places(net: Net, steps: Iterable[Step], device: torch.device) -> TokenScore:
    """Score the masked tokens of some steps, in float32; the net is on the CPU again after."""
    tally = Tally()
    net.to(device).eval()
    with torch.no_grad():
        for step in steps:
            targets = step.targets[MASKED_TOKENS]
            logits = net(to_device(step, device).inputs)[MASKED_TOKENS].cpu()
            losses = fn.cross_entropy(logits, targets, reduction="none")
            tally.add(targets.numpy(), logits.argmax(dim=-1).numpy(), losses.numpy())
    net.cpu()
    return tally.score()


def _card_metrics(summary: PretrainSummary) -> list[dict[str, Any]]:
    split = "test: chosen by a hash of the string, scored once"
    rows = summary.rows["test"]
    return [
        {"name": name, "value": value, "unit": unit, "split": split, "rows": rows}
        for name, value, unit in (
            ("masked accuracy", summary.model.accuracy, ""),
            ("masked loss", summary.model.loss, "nat"),
        )
    ]
