"""``stratus import``: what is said of a published folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.encoders.cloud import Cloud, CloudConfig, bert_names

WORDS = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", "|", "O", "4a"]
ROWS = 40


@pytest.fixture
def folder(tmp_path) -> Path:
    """A published BertModel of hidden size 4, its tensors made out of ours."""
    folder = tmp_path / "published"
    folder.mkdir()
    config = CloudConfig(
        vocabulary_size=ROWS, hidden=4, layers=1, heads=2, feed_forward=8, max_length=16
    )
    tensors = {"pooler.dense.bias": torch.zeros(4)}
    ours = Cloud(config, torch.Generator().manual_seed(0)).state_dict()
    for name, theirs in bert_names(1).items():
        pieces = ours[name].chunk(len(theirs))
        tensors |= {one: piece.clone() for one, piece in zip(theirs, pieces, strict=True)}
    save_file(tensors, folder / "model.safetensors")
    settings = {
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16,
        "hidden_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "vocab_size": ROWS,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    return folder


def stratus(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_import_says_what_became_of_the_folder(folder, tmp_path):
    code, said, _ = stratus("import", folder, "-o", tmp_path / "bundle", "--name", "x")
    assert code == 0
    assert said.splitlines() == [
        f"bundle         {tmp_path / 'bundle'}",
        "tokens         8",
        "rows left out  32   that stand for no token",
        "heads          none",
        "not used       pooler.dense.bias",
    ]
    assert json.loads(stratus("model", "info", tmp_path / "bundle", "--json")[1])["name"] == "x"


def test_a_refusal_is_one_sentence_exit_code_2_and_no_bundle(folder, tmp_path):
    (folder / "vocab.txt").unlink()
    code, said, error = stratus("import", folder, "-o", tmp_path / "bundle")
    assert (code, said) == (2, "")
    assert error == f"Error: {folder} has no tokenizer: neither vocab.txt nor tokenizer.json\n"
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_that_is_there_is_not_overwritten(folder, tmp_path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "mine").write_text("mine")
    code, _, error = stratus("import", folder, "-o", tmp_path / "bundle")
    assert code == 2
    assert "is there already" in error
    assert (tmp_path / "bundle" / "mine").read_text() == "mine"
