"""Our BERT against Hugging Face's, with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.encoders.cloud import Cloud, CloudConfig, from_bert
from stratus.encoders.table import configure
from stratus.heads.masked_tokens import MaskedTokenHead, from_bert_head
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.views.token_view import token_view as view

transformers = pytest.importorskip("transformers")

N_TOKENS = len(vocabulary())


def their_config(config: CloudConfig, **others):
    return transformers.BertConfig(
        vocab_size=config.vocabulary_size,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.feed_forward,
        max_position_embeddings=config.max_length,
        layer_norm_eps=config.layer_norm_eps,
        hidden_dropout_prob=config.dropout,
        attention_probs_dropout_prob=config.dropout,
        **{"type_vocab_size": 1, **others},
    )


def unsettled(model):
    """Give every parameter, norms and biases too, values that a forgotten one would change."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            spread = 0.2 if parameter.ndim == 1 else 2 / parameter.shape[-1] ** 0.5
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.copy_(centre + spread * noise)
    return model.eval()


def ragged_batch(n: int, longest: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    lengths = [*rng.integers(1, longest + 1, n - 1), longest]
    samples = [rng.integers(4, N_TOKENS, k).astype(np.uint16) for k in lengths]
    return view("sequence", vocabulary(), longest + 2).collate(samples)


def build(config: CloudConfig, theirs, dtype: torch.dtype = torch.float32) -> Cloud:
    ours = Cloud(config).to(dtype).eval()
    state, _ = from_bert(theirs.state_dict(), config)
    ours.load_state_dict(state)
    return ours


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize(
    ("preset", "dtype", "tolerance"),
    [
        ("nano", torch.float32, 1e-5),
        ("small", torch.float32, 1e-5),
        ("nano", torch.float64, 1e-10),
        ("small", torch.float64, 1e-10),
    ],
)
@torch.no_grad()
def test_rows_are_those_of_transformers(preset, dtype, tolerance, attention):
    config = configure("cloud", preset, vocabulary_size=N_TOKENS, max_length=64)
    theirs = transformers.BertModel(their_config(config, attn_implementation=attention)).to(dtype)
    unsettled(theirs)
    batch = ragged_batch(7, 45)
    assert batch["padding"].numel() == 1
    expected = theirs(
        input_ids=batch["tokens"], attention_mask=batch["mask"].long()
    ).last_hidden_state
    found = build(config, theirs, dtype)(batch)
    real = batch["mask"]
    assert (found.by_crystal() - expected)[real].abs().max() <= tolerance
    assert (found.crystal - expected[:, 0]).abs().max() <= tolerance
    assert expected.std() > 0.5  # the comparison is about numbers of the size of one


@pytest.mark.slow
@torch.no_grad()
def test_the_base_model_of_the_paper_agrees_too():
    config = configure("cloud", "base", vocabulary_size=N_TOKENS, max_length=64)
    theirs = unsettled(transformers.BertModel(their_config(config), add_pooling_layer=False))
    batch = ragged_batch(3, 40)
    expected = theirs(
        input_ids=batch["tokens"], attention_mask=batch["mask"].long()
    ).last_hidden_state
    found = build(config, theirs)(batch)
    assert (found.by_crystal() - expected)[batch["mask"]].abs().max() <= 1e-5
    assert (found.crystal - expected[:, 0]).abs().max() <= 1e-5


@torch.no_grad()
def test_a_batch_without_padding_agrees_without_a_mask():
    config = configure("cloud", "nano", vocabulary_size=N_TOKENS, max_length=64)
    theirs = unsettled(transformers.BertModel(their_config(config)))
    batch = ragged_batch(1, 30)
    assert batch["padding"].numel() == 0
    expected = theirs(input_ids=batch["tokens"]).last_hidden_state
    assert (build(config, theirs)(batch).by_crystal() - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("file_has", ["everything", "no tied copies", "the bias under decoder"])
@torch.no_grad()
def test_the_logits_of_masked_places_are_those_of_transformers(file_has):
    config = configure("cloud", "nano", vocabulary_size=N_TOKENS, max_length=64)
    theirs = unsettled(transformers.BertForMaskedLM(their_config(config, type_vocab_size=2)))
    batch = ragged_batch(4, 30)
    logits = theirs(input_ids=batch["tokens"], attention_mask=batch["mask"].long()).logits
    tensors = dict(theirs.state_dict())
    if file_has == "no tied copies":
        del tensors["cls.predictions.decoder.weight"], tensors["cls.predictions.decoder.bias"]
    if file_has == "the bias under decoder":
        del tensors["cls.predictions.bias"]
    where = torch.tensor([[0, 1], [1, 0], [2, 1], [3, 17], [3, 31]])

    encoder = Cloud(config).eval()
    state, unused = from_bert(tensors, config)
    encoder.load_state_dict(state)
    head = MaskedTokenHead(config.hidden, N_TOKENS)
    head_state, head_unused = from_bert_head(tensors, head.config)
    head.load_state_dict(head_state)
    found = Net(encoder, {"masked": head})({**batch, "where": where})["masked-tokens"]
    expected = logits[where[:, 0], where[:, 1]]
    assert (found - expected).abs().max() <= 5e-5  # logits are of the size of ten
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert not set(unused) & set(head_unused)  # between them, every tensor found its place


@torch.no_grad()
def test_gradients_are_those_of_transformers():
    config = configure("cloud", "nano", vocabulary_size=N_TOKENS, max_length=64, dropout=0.0)
    theirs = unsettled(transformers.BertModel(their_config(config), add_pooling_layer=False))
    theirs.double()
    ours = build(config, theirs, torch.float64)
    batch = ragged_batch(3, 20)
    weight = torch.randn(3, config.hidden, dtype=torch.float64)
    with torch.enable_grad():
        (ours(batch).crystal * weight).sum().backward()
        expected = theirs(input_ids=batch["tokens"], attention_mask=batch["mask"].long())
        (expected.last_hidden_state[:, 0] * weight).sum().backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    renamed, _ = from_bert(gradients, config)
    for name, parameter in ours.named_parameters():
        wanted, found = renamed[name], parameter.grad
        if name == "token_embedding.weight":  # their row of [PAD] gets no gradient by decree
            wanted, found = wanted[1:], found[1:]
        assert (found - wanted).abs().max() <= 1e-9 * max(1, float(wanted.abs().max())), name
