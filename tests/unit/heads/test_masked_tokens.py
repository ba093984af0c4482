"""The head of masked language modelling."""

from __future__ import annotations

import re
from copy import deepcopy

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.encoding import Encoding
from stratus.errors import InputError
from stratus.heads.masked_tokens import (
    MASKED_TOKENS,
    MaskedTokenHead,
    MaskedTokenHeadConfig,
    from_bert_head,
)
from stratus.models.net import Net
from stratus.views.keys import WHERE

HIDDEN, WORDS = 16, 23


def inputs(fields: int = 1):
    generator = torch.Generator().manual_seed(2)
    parts = torch.randn(3, 7, HIDDEN, generator=generator)
    embedding = torch.randn(WORDS, HIDDEN, generator=generator)
    columns = [torch.tensor([0, 0, 2, 1]), torch.tensor([1, 6, 3, 0])]
    if fields > 1:
        columns.append(torch.tensor([0, 1, 2, 9]))
    return parts, torch.stack(columns, dim=1), embedding


class Table(nn.Module):
    """An encoder with nothing but its token embedding."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(WORDS, HIDDEN)
        self.token_embedding.weight = nn.Parameter(weight)


def logits_of(head, parts, where, embedding):
    """Score places of padded parts; the head is tied to an encoder with this embedding."""
    table = Table(embedding)
    head.tie(table)
    encoding = Encoding.of_padded(parts[:, 0], parts, torch.ones(parts.shape[:2]) > 0)
    return head({WHERE: where}, encoding)[MASKED_TOKENS]


def test_masked_places_get_what_the_whole_batch_would_give():
    parts, where, embedding = inputs()
    head = MaskedTokenHead(HIDDEN, WORDS)
    nn.init.normal_(head.bias)
    everywhere = fn.linear(head.norm(fn.gelu(head.dense(parts))), embedding, head.bias)
    found = logits_of(head, parts, where, embedding)
    assert found.shape == (4, WORDS)
    torch.testing.assert_close(found, everywhere[where[:, 0], where[:, 1]])


def test_only_masked_places_are_computed():
    parts, where, embedding = inputs()
    head = MaskedTokenHead(HIDDEN, WORDS)
    rows = []
    head.dense.register_forward_hook(lambda _module, given, _out: rows.append(given[0].shape))
    logits_of(head, parts, where, embedding)
    assert rows == [(4, HIDDEN)]


def test_a_row_gives_other_answers_for_its_other_tokens():
    parts, _, embedding = inputs()
    head = MaskedTokenHead(HIDDEN, WORDS, fields=3)
    where = torch.tensor([[0, 1, 0], [0, 1, 1], [0, 1, 2], [0, 1, 5]])
    logits = logits_of(head, parts, where, embedding)
    assert not torch.allclose(logits[0], logits[1])
    assert not torch.allclose(logits[1], logits[2])
    assert torch.equal(logits[2], logits[3])  # places from the last field on share its vector


def test_the_tied_weight_learns_from_both_sides():
    table = Table(torch.randn(WORDS, HIDDEN, generator=torch.Generator().manual_seed(0)))
    weight = table.token_embedding.weight
    head = MaskedTokenHead(HIDDEN, WORDS)
    head.tie(table)
    tokens = torch.tensor([[3, 4, 5]])
    where = torch.tensor([[0, 1]])

    def gradient(into_parts: torch.Tensor, *, learn: bool = True) -> torch.Tensor:
        table.zero_grad()
        weight.requires_grad_(learn)
        parts = fn.embedding(tokens, into_parts)
        encoding = Encoding.of_padded(parts[:, 0], parts, torch.ones(1, 3) > 0)
        logits = head({WHERE: where}, encoding)[MASKED_TOKENS]
        fn.cross_entropy(logits, torch.tensor([9])).backward()
        return weight.grad if into_parts is weight or learn else into_parts.grad

    both = gradient(weight).clone()
    through_logits = gradient(weight.detach()).clone()
    through_parts = gradient(weight.detach().clone().requires_grad_(), learn=False)
    assert through_parts.abs().max() > 0
    assert through_logits.abs().max() > 0
    torch.testing.assert_close(both, through_parts + through_logits)


def test_the_embedding_is_the_encoders_alone_also_in_a_copy():
    table = Table(torch.zeros(WORDS, HIDDEN))
    head = MaskedTokenHead(HIDDEN, WORDS)
    net = Net(table, {"masked": head})
    assert not any("token_embedding" in name for name in head.state_dict())
    assert len(list(head.parameters())) == len(head.state_dict())
    again = deepcopy(net)
    with torch.no_grad():
        again.encoder.token_embedding.weight.fill_(1.0)
    parts = torch.ones(1, 1, HIDDEN)
    encoding = Encoding.of_padded(parts[:, 0], parts, torch.ones(1, 1) > 0)
    batch = {WHERE: torch.tensor([[0, 0]])}
    nn.init.ones_(head.norm.bias)
    nn.init.ones_(again.heads["masked"].norm.bias)
    assert (head(batch, encoding)[MASKED_TOKENS] == 0).all()
    assert (again.heads["masked"](batch, encoding)[MASKED_TOKENS] != 0).all()


def test_without_an_encoder_there_is_nothing_to_score_with():
    encoding = Encoding(torch.zeros(1, HIDDEN), torch.zeros(1, HIDDEN))
    with pytest.raises(InputError, match="tied to no encoder"):
        MaskedTokenHead(HIDDEN, WORDS)({WHERE: torch.zeros(0, 2, dtype=torch.int64)}, encoding)


@pytest.mark.parametrize("fields", [1, 3])
def test_gradients_reach_every_parameter(fields):
    parts, where, embedding = inputs(fields)
    head = MaskedTokenHead(HIDDEN, WORDS, fields)
    targets = torch.tensor([1, 2, 3, 4])
    fn.cross_entropy(logits_of(head, parts, where, embedding), targets).backward()
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_no_masked_place_gives_no_logits():
    parts, where, embedding = inputs()
    assert logits_of(MaskedTokenHead(HIDDEN, WORDS), parts, where[:0], embedding).shape == (
        0,
        WORDS,
    )


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = (
        MaskedTokenHead(HIDDEN, WORDS, 4, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name])
    assert not torch.equal(one.dense.weight, other.dense.weight)


def test_the_config_makes_the_head_again():
    head = MaskedTokenHead(HIDDEN, WORDS, 4, layer_norm_eps=1e-6)
    again = MaskedTokenHead(**head.config.model_dump())
    assert again.config == head.config
    again.load_state_dict(head.state_dict())


def test_sizes_that_can_not_be_are_refused():
    with pytest.raises(ValidationError):
        MaskedTokenHead(0, WORDS)


CONFIG = MaskedTokenHeadConfig(hidden=HIDDEN, vocabulary_size=WORDS)
THEIRS = {
    "cls.predictions.transform.dense.weight": (HIDDEN, HIDDEN),
    "cls.predictions.transform.dense.bias": (HIDDEN,),
    "cls.predictions.transform.LayerNorm.weight": (HIDDEN,),
    "cls.predictions.transform.LayerNorm.bias": (HIDDEN,),
    "cls.predictions.bias": (WORDS,),
}


def their_tensors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {name: torch.rand(shape, generator=generator) for name, shape in THEIRS.items()}


def test_the_head_of_a_bert_is_renamed():
    tensors = their_tensors()
    table = torch.rand(WORDS, HIDDEN)
    tensors |= {
        "bert.embeddings.word_embeddings.weight": table,
        "cls.predictions.decoder.weight": table.clone(),
        "cls.predictions.decoder.bias": tensors["cls.predictions.bias"].clone(),
        "cls.seq_relationship.bias": torch.zeros(2),
    }
    ours, unused = from_bert_head(tensors, CONFIG)
    MaskedTokenHead(HIDDEN, WORDS).load_state_dict(ours)
    assert torch.equal(ours["norm.bias"], tensors["cls.predictions.transform.LayerNorm.bias"])
    assert unused == ["bert.embeddings.word_embeddings.weight", "cls.seq_relationship.bias"]


@pytest.mark.parametrize("name", THEIRS)
def test_a_missing_or_misshapen_tensor_is_named(name):
    tensors = their_tensors()
    tensors[name] = tensors[name][:-1]
    with pytest.raises(InputError, match=f"^{re.escape(name)} has the shape"):
        from_bert_head(tensors, CONFIG)
    del tensors[name]
    with pytest.raises(InputError, match="have no tensor cls"):
        from_bert_head(tensors, CONFIG)


@pytest.mark.parametrize("copy", ["decoder.weight", "decoder.bias"])
def test_a_decoder_of_its_own_is_refused(copy):
    tensors = their_tensors() | {
        "bert.embeddings.word_embeddings.weight": torch.zeros(WORDS, HIDDEN),
        f"cls.predictions.{copy}": torch.ones(WORDS, *([HIDDEN] if "weight" in copy else [])),
    }
    with pytest.raises(InputError, match=f"{re.escape(copy)} differs from"):
        from_bert_head(tensors, CONFIG)


def test_a_head_with_fields_is_no_bert():
    config = CONFIG.model_copy(update={"fields": 4})
    with pytest.raises(InputError, match="no field_embedding; use one field"):
        from_bert_head(their_tensors(), config)
