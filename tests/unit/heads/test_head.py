"""The layers that the heads of properties and of laws have in common."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as fn

from stratus.heads.head import CrystalHead, CrystalHeadConfig
from stratus.heads.table import make_heads
from stratus.tasks.normalise import Normaliser
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task

HIDDEN = 16


class Layers(CrystalHead):
    def forward(self, batch, encoding):
        raise NotImplementedError


def head_of(outputs: int, layers: int = 1, dropout: float = 0.1, seed: int | None = None) -> Layers:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    config = CrystalHeadConfig(hidden=HIDDEN, outputs=outputs, layers=layers, dropout=dropout)
    return Layers(config, generator)


def vectors(rows: int = 5) -> torch.Tensor:
    return torch.randn(rows, HIDDEN, generator=torch.Generator().manual_seed(1))


def test_it_is_linear_and_silu_then_linear():
    head = head_of(3, layers=2).eval()
    x = vectors()
    for dense in head.dense:
        y = x @ dense.weight.T + dense.bias
        x = y / (1 + torch.exp(-y))
    wanted = x @ head.out.weight.T + head.out.bias
    torch.testing.assert_close(head.raw(vectors()), wanted)


def test_without_layers_it_is_linear():
    head = head_of(1, layers=0).eval()
    torch.testing.assert_close(head.raw(vectors()), fn.linear(vectors(), *head.out.parameters()))


def test_dropout_falls_on_the_vector_and_only_in_training():
    head = head_of(1, layers=0, dropout=0.5)
    torch.nn.init.ones_(head.out.weight)
    ones = torch.ones(200, HIDDEN)
    torch.manual_seed(0)
    kept = head.raw(ones).round()  # each kept number counts 2
    torch.testing.assert_close(kept % 2, torch.zeros_like(kept))
    assert kept.min() < HIDDEN < kept.max()
    assert torch.equal(head.eval().raw(ones), torch.full((200, 1), float(HIDDEN)))


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_the_shape_is_rows_by_outputs_for_any_number_of_rows(rows):
    assert head_of(1).raw(vectors(rows)).shape == (rows, 1)


def test_gradients_reach_every_parameter_and_the_encoder():
    x = vectors().requires_grad_()
    head = head_of(2, layers=3)
    head.raw(x).square().sum().backward()
    for tensor in (x, *head.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert tensor.grad.any()


def test_a_generator_decides_the_weights_and_torch_s_own_is_left_alone():
    before = torch.get_rng_state()
    one, two, other = (head_of(2, layers=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, two.state_dict()[name])
        assert tensor.abs().max() <= HIDDEN**-0.5
    assert not torch.equal(one.out.weight, other.out.weight)


def test_it_can_be_built_without_memory():
    with torch.device("meta"):
        assert all(tensor.is_meta for tensor in head_of(2).state_dict().values())


@pytest.mark.parametrize("sizes", [{"hidden": 0}, {"outputs": 0}, {"layers": -1}, {"dropout": 1.0}])
def test_sizes_that_can_not_be_are_refused(sizes):
    with pytest.raises(ValidationError):
        CrystalHeadConfig(**{"hidden": HIDDEN, "outputs": 1, **sizes})


def test_each_task_gets_a_head_of_its_own():
    tasks = [
        parse_target("gap:eV", loss="gaussian", by={"layers": 3, "dropout": 0.0}),
        make_task({"column": "metal", "kind": "binary"}),
    ]
    plain = Normaliser(mean=0.0, std=1.0, rows=9)
    normalisers = {task.name: plain for task in tasks}
    heads = make_heads(tasks, normalisers, HIDDEN, torch.Generator().manual_seed(3))
    assert list(heads) == ["gap", "metal"]
    sizes = {"hidden": HIDDEN, "outputs": 2, "layers": 3, "dropout": 0.0}
    assert heads["gap"].config.model_dump(include=set(sizes)) == sizes
    assert heads["gap"].tasks == {"gap": tasks[0]}
    assert heads["metal"].config.outputs == 1
    assert not torch.equal(heads["gap"].dense[0].weight, heads["metal"].dense[0].weight)
