"""A published folder becomes a bundle, or is refused with what is wrong with it."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from stratus import CrystalRegressor
from stratus.cli.app import app
from stratus.encoders.cloud import bert_names
from stratus.errors import InputError
from stratus.inference.predictor import Predictor
from stratus.models.bundle import load_bundle
from stratus.models.importing import import_published
from stratus.scope import Role

runner = CliRunner()
HIDDEN, LAYERS, ROWS, POSITIONS = 8, 2, 60, 48
WORDS = [
    "[CLS]",
    "[PAD]",
    "[SEP]",
    "[UNK]",
    "[MASK]",
    "|",
    *"0123456abcdeDO",
    "4a",
    "4b",
    "Na",
    "Cl",
]
WORDS += ["##a", "17"]
ADDED = ["0.5", "0.25", "0.75", "1.0"]
TOKENS = len(WORDS) + len(ADDED)
PREDICTIONS = "cls.predictions"
CONFIG = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
    "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": POSITIONS,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12,
    "vocab_size": ROWS, "type_vocab_size": 1, "pad_token_id": 0,
}  # fmt: skip
OPTIONAL = {"type_vocab_size", "pad_token_id", "attention_probs_dropout_prob"}
ROCK_SALT = "1 6 a O D D a D O D b O O O c O O O d O O O e O O O 0 | 4a 4b | Na 0.5 Cl 0.5"


def shapes() -> dict[str, tuple[int, ...]]:
    """Return the tensors of a BertForMaskedLM of these sizes."""
    table: dict[str, tuple[int, ...]] = {}
    for names in bert_names(LAYERS).values():
        for name in names:
            table[f"bert.{name}"] = (HIDDEN, HIDDEN) if name.endswith("weight") else (HIDDEN,)
    for name in table:
        if "LayerNorm" in name:
            table[name] = (HIDDEN,)
        if "intermediate.dense" in name:
            table[name] = (16, HIDDEN) if name.endswith("weight") else (16,)
        if ".output.dense.weight" in name and "attention" not in name:
            table[name] = (HIDDEN, 16)
    table["bert.embeddings.word_embeddings.weight"] = (ROWS, HIDDEN)
    table["bert.embeddings.position_embeddings.weight"] = (POSITIONS, HIDDEN)
    table["bert.embeddings.token_type_embeddings.weight"] = (1, HIDDEN)
    for part, shape in (("dense", (HIDDEN, HIDDEN)), ("LayerNorm", (HIDDEN,))):
        table[f"{PREDICTIONS}.transform.{part}.weight"] = shape
        table[f"{PREDICTIONS}.transform.{part}.bias"] = (HIDDEN,)
    table[f"{PREDICTIONS}.bias"] = (ROWS,)
    return table


def published_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes().items()}


def dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def edit(path: Path, **values: object) -> None:
    table = {**json.loads(path.read_text()), **values}
    dump(path, {key: value for key, value in table.items() if value != "remove"})


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    dump(folder / "config.json", CONFIG)
    save_file(published_tensors(), folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    dump(folder / "added_tokens.json", {w: len(WORDS) + k for k, w in enumerate(ADDED)})
    dump(folder / "tokenizer_config.json", {"do_lower_case": False})
    special = {"cls_token": "[CLS]", "pad_token": {"content": "[PAD]"}}
    dump(folder / "special_tokens_map.json", special)
    return folder


def refused(folder: Path, message: str) -> None:
    bundle = folder.parent / "bundle"
    with pytest.raises(InputError, match=message):
        import_published(folder, bundle)
    assert not bundle.exists()


def test_what_becomes_of_a_folder_is_said(folder, tmp_path):
    done = import_published(folder, tmp_path / "bundle", licence="CC0-1.0")
    assert done.tokens == TOKENS
    assert done.rows_left_out == ROWS - TOKENS
    assert done.heads == ("masked",)
    assert done.not_used == done.notes == ()
    model = load_bundle(tmp_path / "bundle")
    assert model.view.dialect == "paper"
    assert model.view.vocabulary.tokens == (*WORDS, *ADDED)
    assert model.view.vocabulary.role("[CLS]") is Role.SPECIAL
    assert model.view.vocabulary.role("O") is Role.SHARED
    assert model.view.max_length == POSITIONS
    assert model.card.name == "published"
    assert model.card.licence_weights == "CC0-1.0"
    assert model.card.rows is None


def test_an_unknown_licence_is_said_to_be_unknown(folder, tmp_path):
    import_published(folder, tmp_path / "bundle", name="other")
    card = load_bundle(tmp_path / "bundle").card
    assert card.name == "other"
    assert "not stated" in card.licence_weights


def test_the_rows_that_are_kept_are_those_of_the_tokens(folder, tmp_path):
    import_published(folder, tmp_path / "bundle")
    model = load_bundle(tmp_path / "bundle")
    theirs = published_tensors()
    embedding = theirs["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(model.encoder.token_embedding.weight, embedding[:TOKENS])
    assert torch.equal(model.heads["masked"].bias, theirs[f"{PREDICTIONS}.bias"][:TOKENS])


def test_a_bin_and_a_safetensors_give_the_same_bundle(folder, tmp_path):
    import_published(folder, tmp_path / "a")
    (folder / "model.safetensors").unlink()
    torch.save(published_tensors(), folder / "pytorch_model.bin")
    import_published(folder, tmp_path / "b")
    a, b = ((tmp_path / n / "weights.safetensors").read_bytes() for n in "ab")
    assert a == b


def test_the_prefix_may_be_missing(folder, tmp_path):
    import_published(folder, tmp_path / "a")
    bare = {n.removeprefix("bert."): t for n, t in published_tensors().items() if "cls." not in n}
    save_file(bare, folder / "model.safetensors")
    assert import_published(folder, tmp_path / "b").heads == ()
    a, b = load_bundle(tmp_path / "a"), load_bundle(tmp_path / "b")
    assert (Predictor(a).embed(ROCK_SALT) == Predictor(b).embed(ROCK_SALT)).all()


def test_tensors_without_a_place_are_reported_by_name(folder, tmp_path):
    more = ["bert.pooler.dense.weight", "bert.embeddings.position_ids", "cls.seq_relationship.bias"]
    tensors = published_tensors() | {name: torch.zeros(2) for name in more}
    save_file(tensors, folder / "model.safetensors")
    assert import_published(folder, tmp_path / "bundle").not_used == tuple(sorted(more))


def test_a_decoder_written_out_is_cut_too(folder, tmp_path):
    tensors = published_tensors()
    embedding = tensors["bert.embeddings.word_embeddings.weight"]
    tensors[f"{PREDICTIONS}.decoder.weight"] = embedding.clone()
    tensors[f"{PREDICTIONS}.decoder.bias"] = tensors[f"{PREDICTIONS}.bias"].clone()
    save_file(tensors, folder / "model.safetensors")
    done = import_published(folder, tmp_path / "bundle")
    assert (done.heads, done.not_used) == (("masked",), ())


def test_a_decoder_of_its_own_is_refused(folder):
    tensors = published_tensors()
    tensors[f"{PREDICTIONS}.decoder.weight"] = torch.zeros(ROWS, HIDDEN)
    save_file(tensors, folder / "model.safetensors")
    refused(folder, "only a tied decoder can be imported")


def test_half_precision_is_converted_and_said(folder, tmp_path):
    save_file({n: t.half() for n, t in published_tensors().items()}, folder / "model.safetensors")
    done = import_published(folder, tmp_path / "bundle")
    assert done.notes == ("weights in float16 were converted to float32",)


def test_another_attention_dropout_is_said(folder, tmp_path):
    edit(folder / "config.json", attention_probs_dropout_prob=0.2)
    (note,) = import_published(folder, tmp_path / "bundle").notes
    assert "attention dropout was 0.2" in note


@pytest.mark.parametrize("name", sorted(shapes()))
def test_every_missing_tensor_is_named(folder, name):
    tensors = published_tensors()
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")
    refused(folder, name if name != f"{PREDICTIONS}.bias" else f"{PREDICTIONS}.decoder.bias")


@pytest.mark.parametrize("name", sorted(shapes()))
def test_every_tensor_of_another_shape_is_named(folder, name):
    tensors = published_tensors()
    tensors[name] = torch.zeros(*tensors[name].shape, 2)
    save_file(tensors, folder / "model.safetensors")
    refused(folder, name)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_type", "roberta"),
        ("hidden_act", "gelu_new"),
        ("hidden_act", "relu"),
        ("position_embedding_type", "relative_key"),
        ("is_decoder", True),
        ("add_cross_attention", True),
        ("tie_word_embeddings", False),
        ("hidden_size", 16),
        ("hidden_size", "8"),
        ("num_attention_heads", 3),
        ("num_hidden_layers", 3),
        ("num_hidden_layers", 10**9),
        ("hidden_size", 2**40),
        ("intermediate_size", 2**24),
        ("intermediate_size", 8),
        ("max_position_embeddings", 49),
        ("layer_norm_eps", -1),
        ("vocab_size", 61),
        *((key, "remove") for key in CONFIG if key not in OPTIONAL),
    ],
)
def test_a_setting_that_is_not_ours_is_named(folder, key, value):
    edit(folder / "config.json", **{key: value})
    named = {
        "hidden_size": "hidden|has the shape", "num_attention_heads": "heads",
        "num_hidden_layers": "encoder.layer.2|layers is 1000000000",
        "intermediate_size": "intermediate|feed_forward",
        "max_position_embeddings": "position_embeddings",
    }  # fmt: skip
    refused(folder, f"{key}|{named.get(key, key)}")


def test_fewer_rows_than_words_are_refused(folder):
    tensors = published_tensors()
    for name in ("bert.embeddings.word_embeddings.weight", f"{PREDICTIONS}.bias"):
        tensors[name] = tensors[name][: TOKENS - 1].clone()
    save_file(tensors, folder / "model.safetensors")
    edit(folder / "config.json", vocab_size=TOKENS - 1)
    refused(folder, f"{TOKENS - 1} rows for a tokenizer of {TOKENS} words")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "config.json cannot be read"),
        ("model.safetensors", "has no weights: neither model.safetensors nor pytorch_model.bin"),
        ("vocab.txt", "has no tokenizer"),
        ("added_tokens.json", None),
        ("special_tokens_map.json", None),
        ("tokenizer_config.json", "has no tokenizer_config.json"),
    ],
)
def test_a_missing_file_is_named_if_it_is_needed(folder, tmp_path, name, message):
    (folder / name).unlink()
    if message:
        refused(folder, message)
    else:
        import_published(folder, tmp_path / "bundle")


def test_what_is_no_folder_is_refused(folder):
    with pytest.raises(InputError, match="is no folder"):
        import_published(folder / "config.json", folder / "bundle")


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "added_tokens.json"])
@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_a_damaged_text_file_is_named(folder, name, text):
    (folder / name).write_bytes(text.encode("latin-1"))
    refused(folder, name)


@pytest.mark.parametrize("cut", [0, 5, 100, -10])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_cut_weights_are_refused(folder, name, cut):
    if name == "pytorch_model.bin":
        (folder / "model.safetensors").unlink()
        torch.save(published_tensors(), folder / name)
    (folder / name).write_bytes((folder / name).read_bytes()[:cut])
    refused(folder, name)


class Trap:
    """Runs something when a naive reader loads it."""

    def __reduce__(self):
        return (sys.exit, ("code of the file was run",))


@pytest.mark.parametrize(
    "content", [Trap(), {"a": Trap()}, [torch.zeros(1)], {"a": 5}, {5: torch.zeros(1)}]
)
def test_a_bin_with_anything_but_tensors_is_refused_and_not_run(folder, content):
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")
    refused(folder, "pytorch_model.bin")


# ------------------------------------------------------------------------------------ tokenizer


def as_tokenizer_json(folder: Path) -> Path:
    """Write the newer form of the same tokenizer."""
    path = folder / "tokenizer.json"
    added = [{"id": len(WORDS) + k, "content": w} for k, w in enumerate(ADDED)]
    model = {"type": "WordPiece", "vocab": {w: k for k, w in enumerate(WORDS)}}
    dump(
        path,
        {
            "model": model,
            "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "lowercase": False},
        },
    )
    return path


def test_tokenizer_json_alone_is_enough(folder, tmp_path):
    import_published(folder, tmp_path / "a")
    as_tokenizer_json(folder)
    import_published(folder, tmp_path / "both")
    for name in ("vocab.txt", "added_tokens.json", "special_tokens_map.json"):
        (folder / name).unlink()
    import_published(folder, tmp_path / "b")
    words = [load_bundle(tmp_path / name).view.vocabulary for name in ("a", "both", "b")]
    assert words[0] == words[1] == words[2]


def test_added_words_may_be_in_the_settings(folder, tmp_path):
    (folder / "added_tokens.json").unlink()
    decoder = {str(len(WORDS) + k): {"content": w} for k, w in enumerate(ADDED)}
    edit(folder / "tokenizer_config.json", added_tokens_decoder=decoder)
    assert import_published(folder, tmp_path / "bundle").tokens == TOKENS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"17": len(WORDS) + 1}, "'17' the id"),
        ({"0.1": 0}, r"'0.1' the id 0, which is that of '\[CLS\]'"),
        ({"0.1": len(WORDS) + 5}, f"none with the id {len(WORDS) + 4}"),
        ({"0.1": -1}, "'0.1' the id -1"),
        ({"0.1": "5"}, "'0.1' the id '5'"),
        ({"0.1": True}, "'0.1' the id True"),
        ({"two words": len(WORDS) + 4}, "'two words' cannot be a token"),
    ],
)
def test_a_hole_or_a_duplicate_among_the_ids_is_refused(folder, change, message):
    edit(folder / "added_tokens.json", **change)
    refused(folder, message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n4b\n", "\n4a\n", "'4a' twice, on lines 21 and 22"),
        ("\n4b\n", "\n\n", "cannot be a token"),
        ("[PAD]", "<pad>", r"no token \[PAD\]"),
        ("[MASK]", "<mask>", r"no token \[MASK\]"),
    ],
)
def test_a_damaged_list_of_words_is_refused(folder, old, new, message):
    text = (folder / "vocab.txt").read_text()
    (folder / "vocab.txt").write_text(text.replace(old, new, 1))
    refused(folder, message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"do_lower_case": True}, "do_lower_case is True"),
        ({"do_lower_case": "remove"}, "do_lower_case is 'not said, so true'"),
        ({"tokenizer_class": "RobertaTokenizer"}, "tokenizer_class is 'RobertaTokenizer'"),
        ({"cls_token": "<s>"}, "cls_token is '<s>'"),
        ({"added_tokens_decoder": {"x": {"content": "y"}}}, "added_tokens_decoder has the id 'x'"),
        ({"added_tokens_decoder": {"99": {}}}, "which has no content"),
        ({"added_tokens_decoder": [1]}, "added_tokens_decoder is no table"),
    ],
)
def test_a_tokenizer_that_does_something_else_is_refused(folder, settings, message):
    edit(folder / "tokenizer_config.json", **settings)
    refused(folder, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"type": "BPE", "vocab": {}}}, "no WordPiece"),
        ({"normalizer": {"lowercase": True}}, "lower case"),
        ({"model": {"type": "WordPiece", "vocab": {"[CLS]": 1}}}, r"'\[CLS\]' the id 1|which is"),
        ({"added_tokens": [5]}, "no content"),
        ({"added_tokens": [{"content": "0.5"}]}, "'0.5' the id None"),
    ],
)
def test_a_tokenizer_json_that_says_otherwise_is_refused(folder, change, message):
    edit(as_tokenizer_json(folder), **change)
    refused(folder, message)


def test_a_word_outside_the_tokenizer_is_an_error_not_unknown(folder, tmp_path):
    import_published(folder, tmp_path / "bundle")
    model = load_bundle(tmp_path / "bundle")
    assert Predictor(model).embed(ROCK_SALT).shape == (1, HIDDEN)
    with pytest.raises(InputError, match="crystal 0: 'At' is no token of the vocabulary"):
        Predictor(model).embed(ROCK_SALT.replace("Na", "At"))


def test_an_imported_model_is_fine_tuned_on_strings_of_its_dialect(folder, tmp_path):
    import_published(folder, tmp_path / "before")
    shares = [("0.5", "0.5"), ("0.25", "0.75"), ("0.75", "0.25")]
    texts = [
        ROCK_SALT.replace("4a 4b", letters).replace("Na 0.5 Cl 0.5", f"{one} {p} {other} {q}")
        for letters in ("4a 4b", "4b 4a", "4a")
        for one, other in (("Na", "Cl"), ("Cl", "Na"))
        for p, q in shares
    ]
    rows = [f"{k},{text},{k % 3 / 2}" for k, text in enumerate(texts)]
    table = tmp_path / "table.csv"
    table.write_text("\n".join(["id,scope,n", *rows]) + "\n", encoding="utf-8")
    after = tmp_path / "after"
    arguments = ["--folds", "3", "--epochs", "2", "--model", tmp_path / "before", "-o", after]
    done = runner.invoke(app, ["finetune", str(table), "--target", "n", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    model = load_bundle(after)
    assert model.view.dialect == "paper"
    assert model.view.vocabulary == load_bundle(tmp_path / "before").view.vocabulary
    embeddings = [
        each.encoder.token_embedding.weight
        for each in (load_bundle(tmp_path / "before").members[0], *model.members)
    ]
    assert len(embeddings) == 4
    assert all((other - embeddings[0]).abs().max() < 0.1 for other in embeddings)  # it starts there
    found = tmp_path / "found.csv"
    done = runner.invoke(
        app, ["predict", str(table), "--model", str(after), "-o", str(found), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    with found.open(newline="") as file:
        read = [float(row["n"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(read, Predictor(model).predict(texts)["n"], rtol=1e-6)
    again = CrystalRegressor(model=after, epochs=1, random_state=0).fit(texts, [1.0, 2.0] * 9)
    assert again.model_.view.dialect == "paper"
    assert again.predict(texts[:2]).shape == (2,)
    wrong = runner.invoke(
        app,
        ["finetune", str(table), "--target", "n", "--dialect", "paper", "-o", str(tmp_path / "x")],
    )
    assert wrong.exit_code == 2
    assert "reads the orbit dialect, not paper; take the encoder cloud" in " ".join(
        wrong.output.split()
    )
