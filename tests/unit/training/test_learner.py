"""Gradients are clipped by the norm of all of them; averages are of all that is no count."""

from __future__ import annotations

import pytest
import torch

from stratus.encoders.batch_norm import BatchNorm
from stratus.training.learner import Learner, average_of, ema_decay


class TwoWeights(Learner):
    def __init__(self):
        net = torch.nn.ParameterList([torch.zeros(1), torch.zeros(1)])
        super().__init__(
            net, objective=None, batches=None, optimiser=None, dropout_key=lambda *key: key
        )


@pytest.fixture
def module():
    module = TwoWeights()
    for weight, slope in zip(module.net, (3.0, 4.0), strict=True):
        weight.grad = torch.tensor([slope])
    return module


def slopes(module):
    return [weight.grad.item() for weight in module.net]


@pytest.mark.parametrize(("bound", "expected"), [(1.0, [0.6, 0.8]), (10.0, [3.0, 4.0])])
def test_a_fused_optimiser_is_clipped_by_the_norm_of_all_gradients(module, bound, expected):
    module.configure_gradient_clipping(torch.optim.AdamW(module.parameters(), fused=True), bound)
    assert slopes(module) == pytest.approx(expected)


@pytest.mark.parametrize(("fused", "bound"), [(False, 1.0), (True, None)])
def test_all_else_is_left_to_lightning(module, monkeypatch, fused, bound):
    told = []
    monkeypatch.setattr(module, "clip_gradients", lambda *given: told.append(given[1:]))
    optimizer = torch.optim.AdamW(module.parameters(), fused=fused)
    module.configure_gradient_clipping(optimizer, bound, "norm")
    assert told == [(bound, "norm")]
    assert slopes(module) == [3.0, 4.0]


class Counting(torch.nn.Module):
    """A norm with statistics of its batches, a table that stays, and a count of the batches."""

    def __init__(self):
        super().__init__()
        self.norm = BatchNorm(3)
        self.register_buffer("table", torch.linspace(0, 1, 4), persistent=False)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def forward(self, rows):
        self.batches += 1
        return self.norm(rows)


def test_statistics_of_norms_are_averaged_like_weights_and_counts_are_copied():
    net, generator = Counting().train(), torch.Generator().manual_seed(0)
    averaged, expected = average_of(net, 0.4), {}
    for step in range(7):
        net(torch.randn(20, 3, generator=generator) * (step + 1) + step)
        with torch.no_grad():
            net.norm.weight += 0.1
        averaged.update_parameters(net)
        for name, now in net.norm.state_dict().items():
            decay = ema_decay(0.4, step) if step else 0
            before = expected.get(name, torch.zeros(3)).double()
            expected[name] = decay * before + (1 - decay) * now.double()
    ours = averaged.module
    for name, found in ours.norm.state_dict().items():
        torch.testing.assert_close(found.double(), expected[name], atol=1e-6, rtol=1e-6)
        if name != "bias":  # which nothing has moved
            assert not torch.allclose(found, net.norm.state_dict()[name]), name
    assert ours.batches == net.batches == 7
    assert torch.equal(ours.table, net.table)


def test_a_trainer_and_an_optimiser_are_made_in_one_file_of_the_package(repo_root):
    package = repo_root / "src/stratus"
    made = {"Trainer(": [], "AdamW(": [], "optimizer.step": []}
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for words, files in made.items():
            if words in text:
                files.append(path.relative_to(package).as_posix())
    one = ["training/fit.py"]
    assert made == {"Trainer(": one, "AdamW(": one, "optimizer.step": []}  # Lightning steps
