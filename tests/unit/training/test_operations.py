"""Operations of a step are those that one counts by hand, for every encoder, without padding."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from stratus import Scope
from stratus.crystals.element_properties import property_names
from stratus.encoders.table import architecture, configure
from stratus.heads.masked_tokens import MASKED_TOKENS, MaskedTokenHead
from stratus.models.net import Net
from stratus.objectives.masked_tokens import MaskedRows
from stratus.objectives.objective import Step
from stratus.scope.vocabulary import vocabulary
from stratus.training.operations import cost_of, count_operations
from stratus.views.keys import TOKENS, WHERE
from stratus.views.token_view import token_view as view

V = vocabulary()
D, LAYERS, INNER, PROPERTIES = 32, 2, 96, len(property_names())
TRANSFORMER = {"hidden": D, "layers": LAYERS, "heads": 2, "feed_forward": INNER}
CRYSTALS = (
    (136, [("Ti", "a"), ("O", "f")]),
    (136, [("Sn", "a"), ("O", "f")]),
    (229, [("Fe", "a")]),
    (221, [("Ca", "b"), ("Ti", "a"), ("O", "d")]),
    (62, [("Ca", "c"), ("Ti", "a"), ("O", "c"), ("O", "d"), ("Li", "c")]),
)
TEXTS = tuple(str(Scope.from_orbits(group, orbits)) for group, orbits in CRYSTALS)


class Strings(NamedTuple):
    """Stands in for a split of a token corpus."""

    ids: list[np.ndarray]

    def __len__(self):
        return len(self.ids)

    def take(self, rows, column):
        assert column == "tokens"
        return [self.ids[int(row)] for row in rows]


def corpus():
    return Strings([np.array(V.ids(text), dtype=np.uint16) for text in TEXTS])


def masked(name, **options):
    config = configure(name, "nano", vocabulary_size=len(V), **TRANSFORMER, **options)
    kind = architecture(name)
    look = view(kind.view, V, config.max_length)
    encoder = kind.build(config, torch.Generator().manual_seed(0))
    net = Net(encoder, {MASKED_TOKENS: MaskedTokenHead(D, len(V), look.fields)})
    return net, MaskedRows(corpus(), look)


def of_blocks(part_sizes):
    """Forward and backward: four products of each part with weights, two of each pair."""
    weights = 3 * D * D + D * D + 2 * D * INNER
    forward = sum(2 * weights * n + 2 * 2 * D * n * n for n in part_sizes)
    return 3 * LAYERS * forward


def of_head(places):
    return 3 * 2 * (D * D + D * len(V)) * places


def test_cloud_costs_what_one_counts_by_hand():
    net, rows = masked("cloud")
    cost = cost_of(net, rows)
    step = rows.step(np.arange(len(rows)), 3)
    sizes, places = step.sizes.tolist(), len(step.inputs[WHERE])
    assert len(set(sizes)) > 2
    assert places > 5
    gradients_of_rows = D * (sum(sizes) + places)  # of embedded tokens, of parts that were picked
    by_hand = of_blocks(sizes) + of_head(places) + gradients_of_rows
    assert cost(step) == by_hand
    assert cost.error < 1e-12


def test_orbit_set_costs_what_one_counts_by_hand():
    net, rows = masked("orbit-set")
    step = rows.step(np.array([0]), 0)
    (slots,), places = step.sizes.tolist(), len(step.inputs[WHERE])
    numbers = 2 * 2 * 12 * D * slots  # their inputs are data, without a gradient
    elements = 2 * 2 * PROPERTIES * D * len(V)  # once a step
    picked = D * (step.inputs[TOKENS].numel() + 2 * slots + places)  # words, segments, sites, parts
    fields = D * places  # the vector of the field of each masked place
    by_hand = of_blocks([slots]) + of_head(places) + numbers + elements + picked + fields
    assert count_operations(net, step) == by_hand


def test_the_cost_of_orbit_set_is_met_for_crystals_without_padding():
    net, rows = masked("orbit-set")
    cost = cost_of(net, rows)
    assert cost.error < 1e-3  # words of a slot pad too, and their gradients are summed
    step = rows.step(np.array([0, 1]), 1)
    assert cost(step) == pytest.approx(count_operations(net, step), rel=1e-3)


class Compositions:
    """Rows of the view of compositions, as steps."""

    def __init__(self):
        self.view, self.rows = view("composition", V, 20), corpus()

    def __len__(self):
        return len(self.rows)

    def sizes(self, _epoch):
        return self.view.sizes(self.rows.ids)

    def step(self, rows, epoch):
        sizes = torch.from_numpy(self.sizes(epoch)[rows])
        inputs = self.view.collate(self.rows.take(rows, "tokens"))
        return Step(inputs, {}, {}, sizes, 0, len(rows), {})


class Crystals(nn.Module):
    """Gives the vectors of crystals alone."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, batch):
        return {"crystal": self.encoder(batch).crystal}


def test_roost_costs_what_one_counts_by_hand():
    d, h, heads, gate, message, trunk, out = 8, 6, 2, 5, 7, 9, 4
    config = configure(
        "roost", "nano", hidden=out, element_embedding=d, element_hidden=h, layers=2, heads=heads,
        gate_hidden=gate, message_hidden=message, trunk=(trunk,),
    )  # fmt: skip
    net, rows = Crystals(architecture("roost").build(config)), Compositions()
    step = rows.step(np.arange(len(rows)), 0)

    def attention(receivers, n):
        """Scores and sums of all pairs, then one product for each receiver."""
        pairs = receivers * n * heads * (gate + message)
        return 3 * 2 * (pairs + receivers * heads * message * h)

    def of_crystal(n):
        inner = 3 * 2 * n * h * heads * (gate + message)
        embedding = 2 * 2 * n * PROPERTIES * d + 3 * 2 * n * d * (h - 1) + n * d
        blocks = 2 * (2 * inner + attention(n, n))
        pooling = inner + attention(1, n)
        return embedding + blocks + pooling + 3 * 2 * (2 * h * trunk + trunk * out)

    cost = cost_of(net, rows)
    assert cost(step) == sum(of_crystal(n) for n in step.sizes.tolist())
    assert cost.error < 1e-12


class Flat(nn.Module):
    """Passes messages along edges, as an encoder of atoms may, by each of the ways to sum."""

    def __init__(self, way):
        super().__init__()
        self.way, self.weight = way, nn.Parameter(torch.ones(3, 3))

    def forward(self, batch):
        x = torch.ones(len(batch["atoms"]), 3) @ self.weight
        sent = x[batch["from"]]
        to = batch["to"]
        if self.way == "index_add_":
            out = torch.zeros_like(x).index_add_(0, to, sent)
        elif self.way == "scatter_add":
            out = torch.zeros_like(x).scatter_add(0, to[:, None].expand_as(sent), sent)
        elif self.way == "scatter_reduce":
            out = torch.zeros_like(x).scatter_reduce(0, to[:, None].expand_as(sent), sent, "sum")
        else:
            out = torch.zeros_like(x).index_put((to,), sent, accumulate=True)
        return {"energy": out @ torch.ones(3)}


class Graphs:
    """Rows whose edges do not follow from their atoms."""

    def __len__(self):
        return 40

    def sizes(self, _epoch):
        return 2 + np.arange(40) % 7

    def step(self, rows, epoch):
        atoms, edges = self.sizes(epoch)[rows], 3 + (rows * 11 + epoch) % 13
        ends = np.arange(edges.sum()) % atoms.sum()
        inputs = {"atoms": torch.zeros(atoms.sum()), "from": torch.from_numpy(ends)}
        inputs["to"] = inputs["from"].flip(0)
        return Step(inputs, {}, {}, torch.from_numpy(atoms), 0, len(rows), {})


@pytest.mark.parametrize("way", ["index_add_", "scatter_add", "scatter_reduce", "index_put"])
def test_sums_by_index_cost_an_addition_for_each_number(way):
    net, rows = Flat(way), Graphs()
    step = rows.step(np.array([3, 8, 30]), 1)
    atoms, edges = len(step.inputs["atoms"]), len(step.inputs["to"])
    product = 2 * 2 * 3 * 3 * atoms
    vector = 2 * 3 * atoms  # its gradient is an outer product, which is no sum
    messages, gradient_of_picked = 3 * edges, 3 * edges
    by_hand = product + vector + messages + gradient_of_picked
    assert count_operations(net, step) == by_hand
    assert cost_of(net, rows)(step) == by_hand


class Cubes(nn.Module):
    """Costs the cube of its parts, which no sum of products with their pairs is."""

    def forward(self, batch):
        n = len(batch["atoms"])
        return {"energy": torch.ones(n, n, requires_grad=True) @ torch.ones(n, n)}


def test_a_warning_says_where_the_cost_is_not_known(caplog):
    cost = cost_of(Cubes(), Graphs())
    assert cost.error > 0.01
    assert "known to within" in caplog.text


def test_padding_is_no_work_and_nothing_is_changed_by_counting():
    net, rows = masked("cloud")
    net.train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random = torch.get_rng_state()
    cost = cost_of(net, rows)
    assert torch.equal(random, torch.get_rng_state())
    assert net.training
    assert all(weight.grad is None for weight in net.parameters())
    assert all(torch.equal(before[name], x) for name, x in net.state_dict().items())
    alone = [rows.step(np.array([row]), 0) for row in range(len(rows))]
    together = rows.step(np.arange(len(rows)), 0)
    assert cost(together) == sum(map(cost, alone)) < count_operations(net, together)
    assert cost(rows.blank(0, 0)) == 0
