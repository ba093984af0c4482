"""A training step of masked language modelling: stratus beside the published recipe.

Same strings, same layer sizes, same precision, on the same cores, by turns in one process. The
published recipe is Hugging Face's ``BertForMaskedLM`` with 30,522 embedding rows, each string
padded to 64 (CLOUD, ``pretrain.py``). Ours is the step of ``stratus pretrain``: bucketed batches,
a vocabulary of its own, logits at masked places only. Making the batches is timed in both. A real
token is a word of a string, or the [CLS] and [SEP] around it; padding is none.

    python bench/pretrain_step.py [--corpus TABLE.parquet] [--sizes nano small] [--turns 5]
    python bench/pretrain_step.py --device cuda --sizes base --batch 2048 --precisions bf16

Without a corpus the strings are those of made-up crystals. The last line is our real tokens/s over
the published recipe's, at the first size and precision.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

import stratus
from stratus.corpora.packed.token_column import TOKENS
from stratus.corpora.packed.tokens import build_tokens
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.encoders.table import architecture, configure
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead
from stratus.models.net import Net
from stratus.objectives.masked_tokens import (
    MaskedRows,
    MaskedTokens,
)
from stratus.scope import vocabulary
from stratus.training.layers import parameter_groups
from stratus.training.learner import to_device
from stratus.training.loader import Endless, Loader
from stratus.training.operations import cost_of
from stratus.training.throughput import peak_flops
from stratus.views.token_view import token_view as make_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from stratus.corpora.packed.corpus import PackedCorpus

    Step = Callable[[], tuple[int, float]]

PUBLISHED_ROWS, PUBLISHED_LENGTH = 30_522, 64
RATE, DECAY, SHARE = 1e-4, 0.01, 0.15


def made_up(count: int) -> list[str]:
    """Return strings of made-up crystals."""
    rng = np.random.default_rng(0)
    texts: set[str] = set()
    while len(texts) < count:
        number = int(rng.integers(1, 231))
        made = random_crystal(number, random_orbits(number, rng), rng, id="0")
        texts.add(str(stratus.encode(made)))
    return sorted(texts)


def corpus_of(texts: list[str], folder: Path) -> PackedCorpus:
    """Return a token corpus of the strings that the published length holds."""
    short = [text for text in texts if len(text.split()) <= PUBLISHED_LENGTH - 2]
    print(f"{len(short)} strings of {len(texts)} fit into {PUBLISHED_LENGTH} tokens")
    table = pa.table(
        {
            "id": [str(k) for k in range(len(short))],
            "scope": short,
            "dialect": ["orbit"] * len(short),
        }
    )
    pq.write_table(table, folder / "strings.parquet")
    return build_tokens(folder / "strings.parquet", folder / "tokens").train


def autocast(device: torch.device, precision: str) -> object:
    """Return the context of a forward pass."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()


def train(model: torch.nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    """Finish a step: backward, clip, update."""
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def ours(
    corpus: PackedCorpus, encoder: str, size: str, precision: str, batch: int, device: torch.device
) -> Step:
    """Return a function that makes one step of stratus."""
    words = vocabulary()
    config = configure(encoder, size, vocabulary_size=len(words))
    view = make_view(architecture(encoder).view, words, config.max_length)
    model = architecture(encoder).build(config)
    head = MaskedTokenHead(config.hidden, len(words), view.fields)
    rows = MaskedRows(corpus, view)
    net = Net(model, {MASKED_TOKENS: head})
    cost = cost_of(net, rows)
    net.to(device).train()
    groups = parameter_groups(net, rate=RATE, weight_decay=DECAY, layer_decay=1.0)
    optimizer = torch.optim.AdamW(groups, fused=True)
    steps, objective = iter(Endless(Loader(rows, batch, 0))), MaskedTokens()

    def step() -> tuple[int, float]:
        made = next(steps)
        with autocast(device, precision):
            loss = objective.total(objective.losses(net, to_device(made, device)), 1)
        train(net, loss, optimizer)
        return made.amount, cost(made)

    return step


def published(
    corpus: PackedCorpus, size: str, precision: str, batch: int, device: torch.device
) -> Step:
    """Return a function that makes one step of the published recipe."""
    from transformers import BertConfig, BertForMaskedLM

    words = vocabulary()
    sizes = configure("cloud", size, vocabulary_size=len(words))
    config = BertConfig(
        vocab_size=PUBLISHED_ROWS,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.feed_forward,
        max_position_embeddings=PUBLISHED_LENGTH,
        type_vocab_size=1,
    )
    model = BertForMaskedLM(config).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    pad, cls, sep, mask = (words.index[f"[{name}]"] for name in ("PAD", "CLS", "SEP", "MASK"))
    rng = np.random.default_rng(0)

    def step() -> tuple[int, float]:
        rows = corpus.take(rng.integers(0, len(corpus), batch), TOKENS)
        ids = torch.full((batch, PUBLISHED_LENGTH), pad)
        for k, row in enumerate(rows):
            ids[k, : len(row) + 2] = torch.tensor([cls, *row.tolist(), sep])
        attention = (ids != pad).long()
        chosen = (torch.rand(ids.shape) < SHARE) & (ids > mask)
        labels = torch.where(chosen, ids, -100)
        fate = torch.rand(ids.shape)
        inputs = torch.where(chosen & (fate < 0.8), mask, ids)
        other = torch.randint(len(words), ids.shape)
        inputs = torch.where(chosen & (fate >= 0.9), other, inputs)
        with autocast(device, precision):
            loss = model(
                input_ids=inputs.to(device),
                attention_mask=attention.to(device),
                labels=labels.to(device),
            ).loss
        train(model, loss, optimizer)
        return int(attention.sum()), 0.0

    return step


def turn(step: Step, seconds: float, device: torch.device) -> tuple[float, float]:
    """Return real tokens and FLOP a second of some steps."""
    tokens, flops, begin = 0, 0.0, time.perf_counter()
    while time.perf_counter() - begin < seconds or not tokens:
        more, work = step()
        tokens, flops = tokens + more, flops + work
    if device.type == "cuda":
        torch.cuda.synchronize()
    passed = time.perf_counter() - begin
    return tokens / passed, flops / passed


def main() -> None:
    """Time both at each size and precision, by turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="Parquet of `stratus encode`")
    parser.add_argument("--rows", type=int, default=4000, help="made-up crystals, without a corpus")
    parser.add_argument("--sizes", nargs="+", default=["nano", "small"])
    parser.add_argument("--precisions", nargs="+", default=["32", "bf16"])
    parser.add_argument("--encoders", nargs="+", default=["cloud", "orbit-set"])
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of one turn")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {device}")
    with tempfile.TemporaryDirectory() as folder:
        texts = (
            pq.read_table(options.corpus, columns=["scope"])["scope"].unique().to_pylist()
            if options.corpus
            else made_up(options.rows)
        )
        corpus = corpus_of(texts, Path(folder))
        mean = corpus.sizes(TOKENS).mean() + 2
        print(f"{mean:.1f} real tokens a string, batches of {options.batch}")
        first = 0.0
        for size in options.sizes:
            ratios = compare(corpus, size, device, options)
            first = first or ratios
    print(f"ratio: {first:.1f}")


def compare(
    corpus: PackedCorpus, size: str, device: torch.device, options: argparse.Namespace
) -> float:
    """Print the rates of all routes at one size; return ours over the published at the first."""
    routes: dict[tuple[str, str], Step] = {}
    for precision in options.precisions:
        for encoder in options.encoders:
            routes[encoder, precision] = ours(
                corpus, encoder, size, precision, options.batch, device
            )
        routes["published", precision] = published(corpus, size, precision, options.batch, device)
    for step in routes.values():  # warm up
        turn(step, options.seconds / 3, device)
    rates: dict[tuple[str, str], list[tuple[float, float]]] = {name: [] for name in routes}
    for _ in range(options.turns):
        for name, step in routes.items():
            rates[name].append(turn(step, options.seconds, device))
    median = {name: statistics.median(r for r, _ in found) for name, found in rates.items()}
    work = {name: statistics.median(w for _, w in found) for name, found in rates.items()}
    print(f"\n{size:6}{'route':>12}{'precision':>11}{'real tokens/s':>15}{'of peak':>9}", end="")
    print(f"{'over published':>16}{'over its 32':>13}")
    for (route, precision), rate in median.items():
        peak = peak_flops(device, precision)
        used = (
            f"{work[route, precision] / peak:9.0%}" if peak and work[route, precision] else " " * 9
        )
        over = rate / median["published", precision]
        plain = median.get(("published", "32"))
        last = f"{rate / plain:13.1f}" if plain and precision != "32" else ""
        print(f"{'':6}{route:>12}{precision:>11}{rate:15,.0f}{used}{over:16.1f}{last}")
    sys.stdout.flush()
    name = options.encoders[0], options.precisions[0]
    return median[name] / median["published", options.precisions[0]]


if __name__ == "__main__":
    main()
