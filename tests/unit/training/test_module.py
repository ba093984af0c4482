"""What decays, what dropout draws, and what the loss is."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as fn

from stratus.encoders.table import architecture, configure
from stratus.tasks.masked_tokens import MaskedTokenHead
from stratus.training.module import sums_of, weight_groups


def test_biases_and_norms_never_decay_and_everything_else_does():
    for name in ("cloud", "orbit-set"):
        sizes = {"hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32}
        config = configure(name, "nano", vocabulary_size=595, **sizes)
        module = nn.ModuleDict(
            {"encoder": architecture(name).build(config), "head": MaskedTokenHead(16, 595, 4)}
        )
        decays, stays = weight_groups(module, 0.1)
        assert (decays["weight_decay"], stays["weight_decay"]) == (0.1, 0.0)
        kept = {id(weight) for weight in stays["params"]}
        expected = {
            id(weight)
            for part in module.modules()
            for key, weight in part.named_parameters(recurse=False)
            if isinstance(part, nn.LayerNorm) or key.endswith("bias")
        }
        assert kept == expected
        assert len(kept) + len(decays["params"]) == len(list(module.parameters()))


def test_sums_are_cross_entropy_in_nats_hits_and_places():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    targets = torch.tensor([0, 1])
    loss, hits, places = sums_of(logits, targets).tolist()
    assert torch.isclose(torch.tensor(loss), fn.cross_entropy(logits, targets, reduction="sum"))
    assert (hits, places) == (1, 2)
    assert sums_of(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).tolist() == [0, 0, 0]
