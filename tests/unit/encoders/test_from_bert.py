"""Renaming the weights of a BERT: what is missing, misshapen or left over."""

from __future__ import annotations

import re

import pytest
import torch

from stratus.encoders.cloud import Cloud, CloudConfig, bert_names, from_bert
from stratus.errors import InputError

CONFIG = CloudConfig(vocabulary_size=11, layers=2, hidden=8, heads=2, feed_forward=12, max_length=6)


def their_tensors(prefix: str = "bert.") -> dict[str, torch.Tensor]:
    """Weights of that layout with other numbers in each tensor."""
    shapes = {name: tensor.shape for name, tensor in Cloud(CONFIG).state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for ours, theirs in bert_names(CONFIG.layers).items():
        rows, *rest = shapes[ours]
        for name in theirs:
            shape = rows // len(theirs), *rest
            tensors[prefix + name] = torch.rand(shape, generator=generator)
    return tensors


@pytest.mark.parametrize("prefix", ["bert.", ""])
def test_every_tensor_of_ours_gets_a_value(prefix):
    tensors = their_tensors(prefix)
    ours, unused = from_bert(tensors, CONFIG)
    Cloud(CONFIG).load_state_dict(ours)  # strict: neither missing nor too many
    assert unused == []
    packed = ours["blocks.1.query_key_value.weight"]
    theirs = f"{prefix}encoder.layer.1.attention.self"
    for third, part in zip(packed.chunk(3), ("query", "key", "value"), strict=True):
        assert torch.equal(third, tensors[f"{theirs}.{part}.weight"])


def test_what_is_not_used_is_told():
    tensors = their_tensors()
    extra = ["bert.encoder.layer.2.output.dense.bias", "bert.pooler.dense.weight", "cls.seq"]
    assert from_bert(tensors | dict.fromkeys(extra, torch.zeros(3)), CONFIG)[1] == extra


def test_of_two_token_types_the_first_is_kept():
    name = "bert.embeddings.token_type_embeddings.weight"
    tensors = their_tensors()
    two = torch.cat([tensors[name], torch.full_like(tensors[name], 9)])
    ours, _ = from_bert(tensors | {name: two}, CONFIG)
    assert torch.equal(ours["token_type_embedding.weight"], tensors[name])


@pytest.mark.parametrize("name", their_tensors())
def test_a_missing_tensor_is_named(name):
    tensors = their_tensors()
    del tensors[name]
    with pytest.raises(InputError, match=re.escape(name)):
        from_bert(tensors, CONFIG)


@pytest.mark.parametrize("name", their_tensors())
def test_a_tensor_of_another_shape_is_named(name):
    tensors = their_tensors()
    tensors[name] = torch.zeros(*tensors[name].shape[:-1], tensors[name].shape[-1] + 1)
    with pytest.raises(InputError, match=rf"^{re.escape(name)} has the shape .* asks for"):
        from_bert(tensors, CONFIG)
