"""Fresh weights: from a generator alone, and from a module built on the meta device."""

from __future__ import annotations

import torch
from torch import nn

from stratus.encoders.element_table import ElementEncoder
from stratus.encoders.fresh_weights import draw_weights


class _Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.values = nn.Parameter(torch.empty(3))

    def draw(self, generator: torch.Generator | None) -> None:  # noqa: ARG002 - draws nothing
        nn.init.constant_(self.values, 7.0)


class _Small(ElementEncoder):
    def __init__(self, generator: torch.Generator | None) -> None:
        super().__init__()
        with torch.device("meta"):
            self.add_elements(4, properties=True)
            self.linear, self.last = nn.Linear(4, 5), nn.Linear(5, 1)
            self.own, self.norm = _Own(), nn.LayerNorm(5)
        draw_weights(self, generator, zero=[self.last])
        self.add_table()


def test_the_seed_decides_and_torch_is_left_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (_Small(torch.Generator().manual_seed(k)) for k in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    values = [net.state_dict() for net in (first, again, other)]
    assert all(torch.equal(values[0][name], values[1][name]) for name in values[0])
    assert not torch.equal(first.linear.weight, other.linear.weight)
    assert not torch.equal(first.element_embedding.weight, other.element_embedding.weight)


def test_each_part_is_drawn_in_its_own_way() -> None:
    net = _Small(torch.Generator().manual_seed(0))
    assert net.own.values.tolist() == [7.0] * 3
    assert net.norm.weight.tolist() == [1.0] * 5
    assert not net.last.weight.any()
    assert not net.last.bias.any()
    assert float(net.linear.weight.abs().max()) <= 0.5
    assert float(net.element_embedding.weight.std()) < 0.05  # properties stand beside it
