"""Counting parameters as published sizes do."""

from __future__ import annotations

import torch
from torch import nn

from stratus.encoders.counting import counted_parameters


def small() -> nn.ModuleDict:
    """An embedding of 20 numbers, a layer of 12 and 4, a net whose name says embedder."""
    return nn.ModuleDict(
        {
            "element_embedding": nn.Embedding(5, 4),
            "layer": nn.Linear(3, 4),
            "pos_embedder": nn.ModuleDict({"out": nn.Linear(2, 2, bias=False)}),
        }
    )


def test_each_parameter_is_counted_by_name_but_those_of_embeddings():
    assert counted_parameters(small()) == {
        "layer.weight": 12,
        "layer.bias": 4,
        "pos_embedder.out.weight": 4,
    }


def test_words_of_the_modules_around_leave_a_parameter_out():
    left_out = ("embedding", "pos_embedder")
    assert sum(counted_parameters(small(), left_out).values()) == 16
    assert sum(counted_parameters(small(), ()).values()) == 40


def test_a_skeleton_has_the_same_count_and_a_shared_parameter_counts_once():
    with torch.device("meta"):
        net = small()
        net["again"] = net["layer"]
    assert sum(counted_parameters(net).values()) == 20
