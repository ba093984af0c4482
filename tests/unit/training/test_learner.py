"""Gradients are clipped by the norm of all of them, whatever the optimiser."""

from __future__ import annotations

import pytest
import torch

from stratus.training.learner import Learner


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
