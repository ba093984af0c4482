"""Print what guesses of masked tokens are worth that know no model, on the test split of a corpus.

    python scripts/masked_baselines.py corpus.parquet

The split and the masks are those of `stratus pretrain corpus.parquet` with its defaults, so these
are the baselines that it prints at its end. How often an element stands unmasked elsewhere in its
string is the most that any rule of copying can reach.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stratus.corpora.packed.tokens import build_tokens
from stratus.objectives.masked_tokens import TARGETS, WHERE, MaskedRows, masked_batch
from stratus.objectives.token_baselines import fit_baselines, fit_copying, score_baselines
from stratus.scope.vocabulary import Role, vocabulary
from stratus.training.loader import Loader
from stratus.views.keys import TOKENS
from stratus.views.token_view import token_view as view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from stratus.corpora.packed.corpus import PackedCorpus
    from stratus.views.keys import Batch


def elsewhere(batches: Iterable[Batch]) -> tuple[int, int]:
    """Count masked elements, and those that stand unmasked elsewhere in their string."""
    roles = vocabulary().roles
    there = count = 0
    for batch in batches:
        shown, where = batch[TOKENS].clone(), batch[WHERE]
        shown[tuple(where.T)] = 0
        for at, target in zip(where.tolist(), batch[TARGETS].tolist(), strict=True):
            if roles[target] is Role.ELEMENT:
                count += 1
                there += bool((shown[at[0]] == target).any())
    return count, there


def main() -> None:
    """Print loss and accuracy of each baseline, over all masked tokens and by their role."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    given = parser.parse_args()
    seen = view("sequence", vocabulary(), 512)
    with tempfile.TemporaryDirectory() as folder:
        corpora = build_tokens(given.corpus, Path(folder) / "tokens")
        unigram, place = fit_baselines(corpora.train)

        def masked(corpus: PackedCorpus) -> Iterator[Batch]:
            return map(masked_batch, Loader(MaskedRows(corpus, seen), 256, shuffle=False))

        copying = fit_copying(masked(corpora.validation), place)
        found = score_baselines([copying, place, unigram], masked(corpora.test))
        count, there = elsewhere(masked(corpora.test))
    roles = list(next(iter(found.values())).roles)
    print(f"| | loss (nats) | all | {' | '.join(roles)} |\n|---|---|---|{'---|' * len(roles)}")
    for name, score in found.items():
        shares = [f"{100 * score.roles[role].accuracy:.1f} %" for role in roles]
        print(
            f"| {name} | {score.loss:.3f} | {100 * score.accuracy:.1f} % | {' | '.join(shares)} |"
        )
    print(
        f"{count:,} masked elements, {100 * there / count:.1f} % stand unmasked elsewhere in their "
        f"string; a copied one is trusted by {copying.trust:.3f}"
    )


if __name__ == "__main__":
    main()
