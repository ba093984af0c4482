"""Does [CLS] look at the space group? Measured, against chance and against random weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.stats import rankdata

from stratus.errors import InputError
from stratus.studies.attention.nulls import Scored, TopK, top_k
from stratus.studies.attention.part_scores import (
    ATTENTION,
    GRADIENTS,
    METHODS,
    look,
    trained,
    untrained,
)
from stratus.studies.attention.parts import SPACE_GROUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.models.model import Model
    from stratus.studies.attention.part_scores import Look

    Floats = NDArray[np.float64]

_UNLIKELY: Final = 0.01
_TOO_ALIKE: Final = 0.5


class AttentionOptions(BaseModel):
    """How attention is studied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: int = Field(0, description="Layer whose attention is taken, from 0.")
    ks: tuple[int, ...] = Field((1, 3, 5), min_length=1, description="Rows with top scores.")
    permutations: int = Field(2000, ge=1, description="Of the null.")
    seed: int = Field(0, ge=0, description="Of permutations, random weights and projections.")
    batch_size: int = Field(64, ge=1, description="Crystals that go through together.")


class Agreement(BaseModel):
    """Rank correlation of two kinds of scores, over the parts of each crystal.

    Attributes:
        mean: over crystals.
        lo: lower end of the 95 % interval of the mean.
        hi: upper end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: float
    lo: float
    hi: float


class MethodReport(BaseModel):
    """What one kind of scores says.

    Attributes:
        trained: for each k, of the model.
        random: for each k, of the model with random weights.
        with_random: how alike the scores of both are.
        with_attention: how alike these scores and those of attention are, of the model.
        sane: whether the scores change when the weights are random (Adebayo et al. 2018, arXiv
            1810.03292): a rank correlation below 0.5.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trained: tuple[TopK, ...]
    random: tuple[TopK, ...]
    with_random: Agreement
    with_attention: Agreement
    sane: bool


class AttentionReport(BaseModel):
    """What ``stratus attention`` writes as ``attention.json``.

    Attributes:
        model: its name.
        architecture: its design.
        layer: whose attention was taken.
        crystals: how many were looked at.
        parts: rows that could be looked at, in the mean.
        base_share: share of them that are of the space group, mean over crystals.
        outputs: what gradients were taken of.
        methods: by name.
        verdict: whether the claim survives, in sentences.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    architecture: str
    layer: int
    crystals: int
    parts: float
    base_share: float
    outputs: str
    methods: dict[str, MethodReport]
    verdict: tuple[str, ...]


def study(
    texts: Sequence[str], model: Model, options: AttentionOptions | None = None
) -> tuple[AttentionReport, list[Look]]:
    """Look at crystals with a model, and with the same model of random weights.

    Args:
        texts: SCOPE strings of the dialect of the model.
        model: of the architecture ``cloud`` or ``orbit-set``, pre-trained or fine-tuned; of
            several members the first.
        options: how.

    Returns:
        the report, and what the model looked at in each crystal.

    Raises:
        stratus.errors.InputError: no crystals, one cannot be read, a number cannot be, or the
            model has no attention over words.
    """
    from stratus.scope.dialects import Dialect

    options = options or AttentionOptions()
    if min(options.ks) < 1:
        raise InputError(f"the top {min(options.ks)} rows are none; give numbers from 1")
    if not texts:
        raise InputError("there is no crystal to look at; give one at least")
    dialect = Dialect(str(model.view.reads.strings))
    lookers = trained(model, options.seed), untrained(model, options.seed)
    samples = [model.view.sample(dialect.crystal(text)) for text in texts]
    ours, theirs = (
        look(model, looker, samples, options.layer, batch_size=options.batch_size)
        for looker in lookers
    )
    generator = np.random.default_rng(options.seed)

    def tops(looks: Sequence[Look], method: str) -> tuple[TopK, ...]:
        scored = [Scored(one.scores[method], _wanted(one)) for one in looks]
        count = options.permutations
        return tuple(top_k(scored, k, permutations=count, generator=generator) for k in options.ks)

    methods = {}
    for method in METHODS:
        alike = _agreement(ours, method, theirs, method)
        methods[method] = MethodReport(
            trained=tops(ours, method),
            random=tops(theirs, method),
            with_random=alike,
            with_attention=_agreement(ours, method, ours, ATTENTION),
            sane=alike.mean < _TOO_ALIKE,
        )
    tasks = ", ".join(name for name in lookers[0].net.tasks)
    return (
        AttentionReport(
            model=model.card.name,
            architecture=model.architecture,
            layer=options.layer,
            crystals=len(ours),
            parts=float(np.mean([len(one.parts) for one in ours])),
            base_share=float(np.mean([_wanted(one).mean() for one in ours])),
            outputs=tasks or "four random projections of the crystal's vector",
            methods=methods,
            verdict=verdict(methods),
        ),
        ours,
    )


def verdict(methods: dict[str, MethodReport]) -> tuple[str, ...]:
    """Say in sentences whether [CLS] looks at the space group, and what speaks against it."""
    attention, gradients = methods[ATTENTION], methods[GRADIENTS]
    over_chance = [_above(one) for one in attention.trained]
    learned = [
        mine.share.lo > other.share.hi
        for mine, other in zip(attention.trained, attention.random, strict=True)
    ]
    moved = [_above(one) for one in gradients.trained]
    ks = [one.k for one in attention.trained]
    said = [
        f"More attention than chance goes to the space group: {_for(over_chance, ks)}.",
        f"More than with random weights: {_for(learned, ks)}.",
        f"Gradients find the space group more than chance too: {_for(moved, ks)}.",
    ]
    if not gradients.sane:
        said.append("But the gradients hardly differ from those of random weights.")
    whole = all(over_chance) and all(learned) and all(moved) and gradients.sane
    part = any(over_chance)
    if whole:
        said.insert(0, "The claim that [CLS] looks at the space group survives.")
    elif part:
        said.insert(0, "The claim that [CLS] looks at the space group survives in part.")
    else:
        said.insert(0, "The claim that [CLS] looks at the space group does not survive.")
    return tuple(said)


def _above(one: TopK) -> bool:
    return one.share.p < _UNLIKELY and one.share.lo > one.share.null_hi


def _for(found: Sequence[bool], ks: Sequence[int]) -> str:
    if all(found):
        return "yes"
    if not any(found):
        return "no"
    return (
        "for k = " + ", ".join(str(k) for k, good in zip(ks, found, strict=True) if good) + " only"
    )


def _wanted(one: Look) -> NDArray[np.bool_]:
    return np.array([part.kind == SPACE_GROUP for part in one.parts])


def _agreement(first: Sequence[Look], method: str, second: Sequence[Look], other: str) -> Agreement:
    """Return the mean of Spearman's correlation over crystals, where there is one."""
    found = []
    for one, two in zip(first, second, strict=True):
        ranks = rankdata(one.scores[method]), rankdata(two.scores[other])
        if len(ranks[0]) > 1 and all(np.ptp(rank) > 0 for rank in ranks):
            found.append(float(np.corrcoef(*ranks)[0, 1]))
    if not found:
        return Agreement(mean=0.0, lo=-1.0, hi=1.0)
    mean = float(np.mean(found))
    spread = 1.96 * float(np.std(found, ddof=1)) / len(found) ** 0.5 if len(found) > 1 else 1.0
    return Agreement(mean=mean, lo=max(-1.0, mean - spread), hi=min(1.0, mean + spread))
