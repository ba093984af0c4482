"""An encoder with its heads: names of tensors, tasks, and numbers in two precisions."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from stratus.encoders.table import architecture, configure
from stratus.errors import InputError
from stratus.heads.head import Head
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view

PLAIN = Normaliser(mean=0.0, std=1.0, rows=2)
TEXTS = ["i1 | Na 4a Cl 4b | Na 1 Cl 1 | 2", "i0 | H 1a | H 1 | 1"]


def make_net(*names: str, seed: int = 0, **others: Head) -> Net:
    generator = torch.Generator().manual_seed(seed)
    encoder = architecture("roost").build(configure("roost", "nano"), generator)
    heads = {
        name: make_property_head(make_task({"column": name}), PLAIN, 64, generator)
        for name in names
    }
    return Net(encoder, heads | others)


def batch() -> dict:
    reader = view("composition", vocabulary(), 20)
    return reader.collate([reader.tokens(text) for text in TEXTS])


def test_tensors_are_called_as_in_a_bundle_also_those_of_heads_of_any_name():
    net = make_net("values", "type", "forward")
    names = {name.split(".")[0] + "." + name.split(".")[1] for name in net.state_dict()}
    assert {"heads.values", "heads.type", "heads.forward"} < names
    assert list(net.heads) == ["values", "type", "forward"]
    assert list(net.tasks) == list(net.normalisers) == list(net.heads)
    again = deepcopy(net)
    again.load_state_dict(make_net("values", "type", "forward", seed=1).state_dict())
    assert not torch.equal(again.heads["type"].out.weight, net.heads["type"].out.weight)
    assert len(list(net.heads.parameters())) == 12
    assert len({net.heads, again.heads, net.heads}) == 2


def test_the_numbers_of_all_heads_are_those_of_each():
    net = make_net("gap", "heat").eval()
    found, encoding = net(batch()), net.encoder(batch())
    assert list(found) == ["gap", "heat"]
    for name, numbers in found.items():
        assert torch.equal(numbers, net.heads[name].raw(encoding.crystal))
    exact = net.exact(batch())
    assert {numbers.dtype for numbers in exact.values()} == {torch.float64}
    assert torch.equal(exact["gap"], found["gap"].double())


def test_predictions_are_made_of_heads_with_tasks_alone():
    net = make_net("gap", masked=MaskedTokenHead(64, 595))
    assert list(net.tasks) == list(net.exact(batch())) == ["gap"]
    with pytest.raises(KeyError, match="where"):
        net(batch())


def test_weights_that_overflow_are_said():
    net = make_net("gap")
    with torch.no_grad():
        net.heads["gap"].out.bias.fill_(torch.inf)
    with pytest.raises(InputError, match="so large that what it works out is no finite number"):
        net.exact(batch())
    with torch.no_grad():
        net.encoder.trunk.last.bias.fill_(torch.inf)
    with pytest.raises(InputError, match="no finite number"):
        net.encode(batch())


def test_a_head_that_reads_what_its_encoder_does_not_give_is_refused(tiny, tmp_path):
    net = make_net(**{MASKED_TOKENS: MaskedTokenHead(64, 595)})
    changed = {"members": [net], "architecture": "roost"}
    changed["view"] = view("composition", vocabulary(), 20)
    with pytest.raises(InputError, match=r"heads\.masked-tokens reads tokens, which roost"):
        save_bundle(tmp_path / "b", **{**tiny, **changed})
