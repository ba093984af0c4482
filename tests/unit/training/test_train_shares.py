"""Pre-training on shares of the training crystals gives a learning curve, each as if alone."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.corpora.packed.tokens import open_tokens
from stratus.errors import InputError
from stratus.training.options import make_options
from stratus.training.pretrain import pretrain

PAIRS = [(a, b) for a in ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr") for b in ("O", "F", "S")]
TEXTS = [f"i1 bOOO gDDD cDDD | {a} 2a {b} 4f | {b} 2 {a} 1 | 6" for a, b in PAIRS]
SMALL = {
    "model": {"hidden": 16, "layers": 1, "heads": 2, "feed_forward": 16},
    "epochs": 2,
    "batch_size": 4,
    "accelerator": "cpu",
    "fractions": [0.6, 0.2, 0.2],
    "learning_rate": 0.01,
}


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "strings.parquet"
    columns = {"id": list(map(str, range(21))), "scope": TEXTS, "dialect": ["orbit"] * 21}
    pq.write_table(pa.table(columns), path)
    return path


def test_each_share_is_learned_as_if_alone(table, tmp_path):
    both = pretrain(table, tmp_path / "both", make_options(SMALL, {"train_share": [1, 0.5]}))
    half = pretrain(table, tmp_path / "half", make_options(SMALL, {"train_share": 0.5}))
    whole = pretrain(table, tmp_path / "whole", make_options(SMALL))
    assert [one.share for one in both.shares] == [0.5, 1.0]
    assert both.shares[0].model == half.model
    assert both.shares[1].model == both.model == whole.model
    assert both.model != half.model
    assert both.shares[0].rows == half.rows["train"] == -(-whole.rows["train"] // 2)
    assert half.baselines["unigram"] != whole.baselines["unigram"]
    assert half.rows["test"] == whole.rows["test"]
    weights = "bundle/weights.safetensors"
    assert (tmp_path / "both" / weights).read_bytes() == (tmp_path / "whole" / weights).read_bytes()
    written = json.loads((tmp_path / "both" / "metrics.json").read_text())
    assert [one["share"] for one in written["shares"]] == [0.5, 1.0]
    assert "shares" not in json.loads((tmp_path / "whole" / "metrics.json").read_text())
    again = pretrain(
        table, tmp_path / "both", make_options(SMALL, {"train_share": [1, 0.5]}), resume=True
    )
    assert again == both


def test_a_part_of_a_corpus_has_its_rows(table, tmp_path):
    pretrain(table, tmp_path / "run", make_options(SMALL))
    corpus = open_tokens(tmp_path / "run" / "tokens").train
    rows = corpus.sizes("tokens").argsort()[[3, 0, 5]]
    part = corpus.subset(rows)
    assert [part.id(k) for k in range(3)] == [corpus.id(int(row)) for row in rows]
    assert part.sizes("tokens").tolist() == corpus.sizes("tokens")[rows].tolist()
    assert [*map(list, part.subset(rows[:0] + 0).take([], "tokens"))] == []
    assert part.subset(rows[:1] * 0 + 2).id(0) == corpus.id(int(rows[2]))
    with pytest.raises(IndexError):
        corpus.subset(rows + len(corpus))


def test_what_cannot_be_a_share_is_said():
    with pytest.raises(InputError, match="train_share cannot be"):
        make_options(SMALL, {"train_share": 1.5})
    with pytest.raises(InputError, match="mixture gives each table"):
        make_options(SMALL, {"train_share": 0.5, "mixture": {"temperature": 2}})
