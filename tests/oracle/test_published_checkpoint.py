"""Published weights give the same vectors here as in transformers, tokenizer included."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizer

import stratus
from stratus.crystals.elements import SYMBOLS
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError
from stratus.models.importing import import_published
from stratus.scope import PaperScope, ScopeOptions

NO_ELEMENTS = {"At", "Fr", "Es", "Fm", "Md", "No", "Lr"}
"""The published tokenizer has never seen them."""

ROWS, TOKENS, WORDS = 30522, 564, 463
TOLERANCE = 1e-5


def published_words() -> list[str]:
    """Return 463 words in the order of the published vocab.txt, as far as that is known."""
    special = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
    characters = [*"|0123456789abcdefghijklmnopqrstuvwxyz", *"ABCDEFGHIKLMNOPRSTUVWXYZ"]
    wyckoff = {p.symbol for n in range(1, 231) for p in wyckoff_positions(n).values()}
    elements = {SYMBOLS[z] for z in range(1, 104)} - NO_ELEMENTS
    words = list(dict.fromkeys([*special, *characters, *sorted(wyckoff), *sorted(elements)]))
    pieces = [f"##{c}" for c in "abcdefghijklmnoqrstuvwxyz0123456789ABCDEFGHIKLMNOPRSTUVWXYZ"]
    numbers = [str(n) for n in range(10, 100)]
    words += (pieces + numbers)[: WORDS - len(words)]
    assert len(words) == len(set(words)) == WORDS
    return words


def write_tokenizer(folder: Path) -> None:
    """Write the files of the published tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    words = published_words()
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    added = {str(k / 100): len(words) + k for k in range(101)}
    (folder / "added_tokens.json").write_text(json.dumps(added))
    settings = {
        "do_lower_case": False, "tokenizer_class": "BertTokenizer", "model_max_length": 10**30,
        "cls_token": "[CLS]", "pad_token": "[PAD]", "sep_token": "[SEP]", "unk_token": "[UNK]",
        "mask_token": "[MASK]", "strip_accents": None, "tokenize_chinese_chars": True,
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    special = {key: value for key, value in settings.items() if key.endswith("_token")}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))


def lively(model: BertForMaskedLM | BertModel) -> None:
    """Give every tensor numbers that matter, biases and norms too."""
    generator = torch.Generator().manual_seed(7)
    for name, tensor in model.named_parameters():
        around = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        spread = 0.1 if tensor.dim() == 1 else 0.3
        with torch.no_grad():
            tensor.copy_(around + spread * torch.randn(tensor.shape, generator=generator))


def config() -> BertConfig:
    """Return the published settings with fewer and narrower layers."""
    return BertConfig(
        vocab_size=ROWS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        type_vocab_size=1,
    )


@pytest.fixture(scope="module")
def masked_lm() -> BertForMaskedLM:
    model = BertForMaskedLM(config()).eval()
    lively(model)
    return model


@pytest.fixture(scope="module", params=["safetensors", "bin", "bert-model", "tokenizer.json"])
def published(request, masked_lm, tmp_path_factory) -> Path:
    """A folder as it is published: four ways that transformers has written it over the years."""
    folder = tmp_path_factory.mktemp(request.param) / "CLOUD"
    write_tokenizer(folder)
    if request.param == "tokenizer.json":
        BertTokenizer.from_pretrained(folder).save_pretrained(folder)
        for name in ("vocab.txt", "added_tokens.json", "special_tokens_map.json"):
            (folder / name).unlink()
    if request.param == "bert-model":
        bare = BertModel(config()).eval()
        bare.load_state_dict(masked_lm.bert.state_dict(), strict=False)
        bare.save_pretrained(folder)
    elif request.param == "bin":
        masked_lm.config.save_pretrained(folder)
        torch.save(masked_lm.state_dict(), folder / "pytorch_model.bin")
    else:
        masked_lm.save_pretrained(folder)
    return folder


def by_transformers(folder: Path, model: BertForMaskedLM, texts: list[str]) -> np.ndarray:
    """Return the [CLS] vectors of transformers' own tokenizer and model."""
    tokenizer = BertTokenizer.from_pretrained(folder)
    assert len(tokenizer) == TOKENS
    vectors = []
    for start in range(0, len(texts), 64):
        batch = tokenizer(
            texts[start : start + 64], padding="max_length", max_length=64, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden = model.bert(**batch).last_hidden_state
        vectors.append(hidden[:, 0].numpy())
    return np.concatenate(vectors)


@pytest.fixture(scope="module")
def example_strings(example_cifs) -> list[str]:
    options = ScopeOptions(dialect="paper")
    texts = []
    for path in sorted(example_cifs.glob("*.cif")):
        try:
            texts.append(str(stratus.encode(path, options)))
        except InputError:
            assert path.stem == "silicon-germanium"  # partial occupancy
    return texts


def test_the_examples_get_the_vectors_of_transformers(
    published, masked_lm, example_strings, example_cifs, tmp_path
):
    done = import_published(published, tmp_path / "bundle")
    assert done.tokens == TOKENS
    assert done.rows_left_out == ROWS - TOKENS
    model = stratus.load(tmp_path / "bundle")
    expected = by_transformers(published, masked_lm, example_strings)
    assert np.abs(expected).mean() > 0.1
    assert np.ptp(expected, axis=0).min() > 0.01, "all crystals look the same"
    np.testing.assert_allclose(model.embed(example_strings), expected, rtol=0, atol=TOLERANCE)
    paths = [p for p in sorted(example_cifs.glob("*.cif")) if p.stem != "silicon-germanium"]
    np.testing.assert_allclose(model.embed(paths), expected, rtol=0, atol=TOLERANCE)


def test_strings_of_the_published_corpus_get_the_vectors_of_transformers(
    published, masked_lm, data_dir, tmp_path
):
    with gzip.open(data_dir / "cloud_example/pretrain_cloud_10k.csv.gz", "rt") as file:
        texts = [line.strip() for line in file][1:1001]
    texts = [text for text in texts if "X" not in text.split(" ")[-6:]]
    model_folder = tmp_path / "bundle"
    import_published(published, model_folder)
    vectors = stratus.load(model_folder).embed(texts, batch_size=100)
    expected = by_transformers(published, masked_lm, texts)
    np.testing.assert_allclose(vectors, expected, rtol=0, atol=TOLERANCE)


def test_token_ids_are_those_of_transformers(published, example_strings, tmp_path):
    import_published(published, tmp_path / "bundle")
    view = stratus.load(tmp_path / "bundle").model.view
    tokenizer = BertTokenizer.from_pretrained(published)
    for text in example_strings:
        batch = view.collate([view.tokens(text)])
        assert batch["tokens"][0].tolist() == tokenizer(text)["input_ids"]


def test_the_masked_head_gives_the_logits_of_transformers(
    published, masked_lm, example_strings, tmp_path
):
    done = import_published(published, tmp_path / "bundle")
    if published.parent.name.startswith("bert-model"):
        assert done.heads == ()
        assert {"pooler.dense.bias", "pooler.dense.weight"} <= set(done.not_used)
        return
    assert done.heads == ("masked",)
    model = stratus.load(tmp_path / "bundle")
    tokenizer = BertTokenizer.from_pretrained(published)
    tokens = tokenizer(example_strings[0])["input_ids"]
    tokens[3] = tokenizer.mask_token_id
    one = torch.tensor([tokens])
    mask = torch.ones_like(one, dtype=torch.bool)
    with torch.inference_mode():
        expected = masked_lm(input_ids=one).logits[0, 3, :TOKENS]
        batch = {"tokens": one, "mask": mask, "where": torch.tensor([[0, 3]])}
        logits = model.model.members[0](batch)["masked-tokens"][0]
    np.testing.assert_allclose(logits.numpy(), expected.numpy(), rtol=0, atol=1e-4)
    assert logits.std() > 0.1


@pytest.mark.parametrize("element", sorted(NO_ELEMENTS))
def test_an_element_the_tokenizer_never_saw_is_refused_by_name(element, published, tmp_path):
    import_published(published, tmp_path / "bundle")
    model = stratus.load(tmp_path / "bundle")
    good = str(PaperScope(225, ("4a", "4b"), (("Na", "0.5"), ("Cl", "0.5"))))
    bad = str(PaperScope(225, ("4a", "4b"), ((element, "0.5"), ("Cl", "0.5"))))
    with pytest.raises(InputError, match=f"crystal 1: '{element}' is no token"):
        model.embed([good, bad])


@pytest.mark.parametrize("published", ["safetensors"], indirect=True)
def test_import_and_info_through_the_command_line(published, tmp_path):
    def run(*words: object) -> str:
        command = [sys.executable, "-m", "stratus.cli", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    bundle = tmp_path / "bundle"
    said = run("import", published, "-o", bundle, "--name", "cloud-test", "--licence", "CC-BY-4.0")
    assert f"{ROWS - TOKENS:,}" in said
    values = json.loads(run("model", "info", bundle, "--json"))
    assert values["view_config"]["dialect"] == "paper"
    assert values["config"]["vocabulary_size"] == TOKENS
    assert values["card"]["name"] == "cloud-test"
    assert values["card"]["licence_weights"] == "CC-BY-4.0"
    assert "cloud-test" in run("model", "info", bundle)
