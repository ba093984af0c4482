"""How well masked tokens are guessed on a table of crystals, by a checkpoint or a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.packed.column import schema_of
from stratus.corpora.packed.corpus import PackedCorpus
from stratus.corpora.packed.token_column import TOKEN_COLUMN
from stratus.corpora.tables.read_tables import read_all_crystals
from stratus.crystals.facets import Detail
from stratus.crystals.reading import ReadOptions
from stratus.errors import InputError
from stratus.heads.masked_tokens import MASKED_TOKENS
from stratus.models.loading import load_model
from stratus.objectives.masked_tokens import MaskedRows, MaskingOptions
from stratus.objectives.token_baselines import TokenScore
from stratus.training.device import device_here
from stratus.training.finish import score_places
from stratus.training.loader import Loader
from stratus.training.run_checkpoints import is_checkpoint, open_checkpoint
from stratus.views.token_view import require_tokens

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from stratus.models.net import Net
    from stratus.objectives.objective import Step
    from stratus.views.token_view import TokenView


class ConstantScore(BaseModel):
    """How well one guess for every place does that knows how often each token stood there.

    Attributes:
        loss: mean cross-entropy in nats.
        accuracy: share of the places where the commonest token stood.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: float
    accuracy: float


class MaskedScores(BaseModel):
    """How well masked tokens were guessed.

    Attributes:
        model: its name.
        step: of a checkpoint, the steps done; None of a model.
        rows: crystals of the table.
        left_out: crystals that were not scored, by the reason.
        crystals: those that were, each string once.
        model_score: of the model.
        constant: of the best guess without a crystal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str
    step: int | None
    rows: int
    left_out: dict[str, int]
    crystals: int
    model_score: TokenScore
    constant: ConstantScore


def score_masked(
    where: str | os.PathLike[str],
    paths: Sequence[str | os.PathLike[str]],
    *,
    batch_size: int = 256,
    id_column: str | None = None,
    structure_column: str | None = None,
    formula_column: str | None = None,
    space_group_column: str | None = None,
) -> MaskedScores:
    """Let a net guess masked tokens of the crystals of some files.

    Masks are those of the first epoch of the run, and of a bundle those of the default options; so
    the same files give the same masks for every checkpoint of a run.

    Args:
        where: a checkpoint of a run of ``stratus pretrain``, or a bundle with a head for masked
            tokens.
        paths: files of crystals or SCOPE strings.
        batch_size: crystals that go through the encoder together, on average.
        id_column: the column of the ids, if it is not found by its name; so are the others.
        structure_column: the column of the structures.
        formula_column: the column of the formulas.
        space_group_column: the column of the space groups that belong to formulas.

    Raises:
        stratus.errors.InputError: there is no such net, the files cannot be read, or no crystal
            can be scored.
    """
    net, view, masking, seed, name, step = _net(where)
    table = read_all_crystals(
        paths,
        formula_column=formula_column,
        space_group_column=space_group_column,
        options=EncodeOptions(
            read=ReadOptions(structure_column=structure_column, id_column=id_column)
        ),
    )
    left_out = {"not read": len(table.rejects), "partial": 0, "repeated": 0, "too long": 0}
    ids: dict[str, NDArray[np.uint16]] = {}
    for text, detail in zip(table.scopes, table.details, strict=True):
        sample = view.tokens(text)
        if detail is not Detail.WHOLE:
            left_out["partial"] += 1
        elif text in ids:
            left_out["repeated"] += 1
        elif int(view.sizes([sample])[0]) > view.max_length:
            left_out["too long"] += 1
        else:
            ids[text] = np.asarray(sample, dtype=np.uint16)
    if not ids:
        raise InputError(f"no crystal of {' '.join(map(str, paths))} can be scored: {left_out}")
    sizes = np.array([len(sample) for sample in ids.values()])
    tokens = TOKEN_COLUMN.pack(np.concatenate([*ids.values()]), sizes)
    names = pa.array(list(ids), type=pa.string())
    batch = pa.record_batch([names, tokens], schema=schema_of((TOKEN_COLUMN,)))
    corpus = PackedCorpus((TOKEN_COLUMN,), [batch])
    rows = MaskedRows(corpus, view, masking, seed)
    steps = Loader(rows, batch_size, seed, shuffle=False)
    return MaskedScores(
        model=name,
        step=step,
        rows=table.rows_in,
        left_out={reason: count for reason, count in left_out.items() if count},
        crystals=len(ids),
        model_score=score_places(net, steps, device_here("auto")),
        constant=_constant(steps),
    )


def _net(
    where: str | os.PathLike[str],
) -> tuple[Net, TokenView, MaskingOptions, int, str, int | None]:
    if is_checkpoint(Path(where)):
        found = open_checkpoint(Path(where))
        options = found.options
        name = f"{options.encoder}-{options.preset}"
        return found.net, found.view, options.masking, options.seed, name, found.step
    model = load_model(where)
    if MASKED_TOKENS not in model.heads:
        raise InputError(
            f"the model {model.card.name!r} has no head for masked tokens; score it on labels of "
            f"{', '.join(model.tasks) or 'its targets'}"
        )
    view = require_tokens(model.view, "a score of masked tokens")
    return model.members[0], view, MaskingOptions(), 0, model.card.name, None


def _constant(steps: Iterable[Step]) -> ConstantScore:
    targets = np.concatenate([step.targets[MASKED_TOKENS].numpy() for step in steps])
    counts = np.unique(targets, return_counts=True)[1]
    shares = counts / max(1, counts.sum())
    return ConstantScore(
        loss=float(-(shares * np.log(shares)).sum()), accuracy=float(shares.max(initial=0.0))
    )
