"""The learning rate of each layer is that of the closed form, from the first step to the last."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from stratus.encoders.table import ARCHITECTURES, architecture, configure
from stratus.errors import InputError
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead
from stratus.heads.property import make_property_head
from stratus.models.net import Net
from stratus.tasks.normalise import Normaliser
from stratus.training.finetune.start import make_start
from stratus.training.fit import make_optimiser
from stratus.training.layers import layers_of, parameter_groups

NORMAL = Normaliser(mean=0.0, std=1.0, rows=2)


@pytest.fixture(params=sorted(ARCHITECTURES))
def net(request, quick, gap):
    sizes = {} if request.param == "roost" else {"layers": 2, "hidden": 32}
    options = quick(encoder=request.param).model_copy(update={"model": sizes})
    start = make_start(options, None)
    generator = torch.Generator().manual_seed(0)
    head = make_property_head(gap, NORMAL, start.config.hidden, generator)
    return Net(start.make_encoder(generator), {"gap": head})


def test_every_weight_is_in_one_group_with_the_rate_of_its_layer(net):
    groups = parameter_groups(net, rate=0.1, weight_decay=0.01, layer_decay=0.5)
    rate = {id(w): group["lr"] for group in groups for w in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(rate)
    assert rate.keys() == {id(w) for w in net.parameters()}

    blocks = len(net.encoder.blocks)
    assert {rate[id(w)] for w in net.heads.parameters()} == {0.1}
    for k, block in enumerate(net.encoder.blocks):
        expected = 0.1 * 0.5 ** (blocks - k)
        assert all(rate[id(w)] == pytest.approx(expected) for w in block.parameters())
    seen = False
    for name, part in net.encoder.named_children():
        seen = seen or name == "blocks"
        if name != "blocks":
            expected = 0.1 if seen else 0.1 * 0.5 ** (blocks + 1)
            assert all(rate[id(w)] == pytest.approx(expected) for w in part.parameters()), name


def test_matrices_decay_and_vectors_do_not(net):
    for group in parameter_groups(net, rate=0.1, weight_decay=0.01, layer_decay=0.5):
        for weight in group["params"]:
            assert group["weight_decay"] == (0.01 if weight.ndim > 1 else 0)


@pytest.mark.parametrize("name", ["cloud", "orbit-set"])
def test_biases_and_norms_never_decay_and_everything_else_does(name):
    sizes = {"hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32}
    config = configure(name, "nano", vocabulary_size=595, **sizes)
    net = Net(architecture(name).build(config), {MASKED_TOKENS: MaskedTokenHead(16, 595, 4)})
    groups = parameter_groups(net, rate=0.1, weight_decay=0.1, layer_decay=1)
    kept = {id(w) for group in groups for w in group["params"] if not group["weight_decay"]}
    assert kept == {
        id(weight)
        for part in net.modules()
        for key, weight in part.named_parameters(recurse=False)
        if isinstance(part, nn.LayerNorm) or key.endswith("bias")
    }


def test_without_decay_all_layers_have_one_rate(net):
    groups = parameter_groups(net, rate=0.1, weight_decay=0.01, layer_decay=1)
    assert {group["lr"] for group in groups} == {0.1}


def test_the_schedule_keeps_the_ratio_of_layers_at_each_step(net, quick):
    options = quick(epochs=4, learning_rate=0.01, layer_decay=0.7, warmup_share=0.25)
    made = make_optimiser(net, options, steps=20)
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert made["lr_scheduler"]["interval"] == "step"
    top = len(net.encoder.blocks) + 1
    layers = {group["layer"] for group in optimizer.param_groups}
    assert layers == set(range(top + 1))
    for step in range(20):
        share = (step + 1) / 5 if step < 5 else math.cos(math.pi * (step - 5) / 15 / 2) ** 2
        for group in optimizer.param_groups:
            expected = 0.01 * 0.7 ** (top - group["layer"]) * share
            assert group["lr"] == pytest.approx(expected, abs=1e-12)
        optimizer.step()
        schedule.step()


def test_an_encoder_without_blocks_is_refused_by_name():
    with pytest.raises(InputError, match="Linear has no list of blocks"):
        layers_of(nn.Linear(2, 2))
