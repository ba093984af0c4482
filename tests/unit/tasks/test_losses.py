"""The loss of the labels there are, and of no other."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error

from stratus.errors import InputError
from stratus.heads.property import make_property_head
from stratus.tasks.losses import (
    WIDEST_LOG_STD,
    bounded_log_std,
    row_losses,
    task_sums,
)
from stratus.tasks.normalise import Normaliser
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task

REGRESSION = [parse_target("y", loss=loss) for loss in ("l1", "mse", "huber", "gaussian")]
BINARY = make_task({"column": "metal", "kind": "binary"})
PHASE = make_task({"column": "phase", "kind": "multiclass", "classes": ("a", "b", "c")})
EVERY = [*REGRESSION, BINARY, PHASE]
BY_LOSS = pytest.mark.parametrize("task", EVERY, ids=lambda task: f"{task.kind}-{task.loss}")
WILD = [math.nan, math.inf, -math.inf, 1e300, -1e300, 7.0]


def numbers(task, rows: int = 6, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    raw = 2 * torch.randn(rows, task.outputs, generator=generator, dtype=torch.float64)
    if task.kind == "regression":
        target = torch.randn(rows, generator=generator, dtype=torch.float64)
    else:
        count = max(2, len(task.classes))
        target = torch.randint(count, (rows,), generator=generator).double()
    return raw, target


def there(*rows: bool) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.bool)


def test_losses_by_hand():
    raw, target = torch.tensor([[1.0], [4.0], [-0.5]]), torch.tensor([0.5, 1.0, -0.5])
    here = there(True, True, True)
    l1, mse, huber, _ = REGRESSION
    assert row_losses(l1, raw, target, here).tolist() == [0.5, 3.0, 0.0]
    assert row_losses(mse, raw, target, here).tolist() == [0.25, 9.0, 0.0]
    assert row_losses(huber, raw, target, here).tolist() == [0.125, 2.5, 0.0]


def test_the_sums_are_those_of_scikit_learn():
    for task, oracle in zip(REGRESSION, (mean_absolute_error, mean_squared_error), strict=False):
        raw, target = numbers(task, 50)
        found = task_sums([task], {"y": raw}, {"y": target}, {"y": there(*[True] * 50)})
        assert found["y"].item() == pytest.approx(50 * oracle(target, raw[:, 0]), rel=1e-13)
    for task in (BINARY, PHASE):
        raw, target = numbers(task, 50)
        name = task.name
        given = torch.sigmoid(raw[:, 0]) if task is BINARY else torch.softmax(raw, 1)
        found = task_sums([task], {name: raw}, {name: target}, {name: there(*[True] * 50)})
        oracle = log_loss(target.long(), given.numpy(), labels=range(max(2, task.outputs)))
        assert found[name].item() == pytest.approx(50 * oracle, rel=1e-12)


def test_the_gaussian_loss_is_the_logarithm_of_the_density():
    raw, target = numbers(REGRESSION[3])
    deviation = torch.exp(bounded_log_std(raw[:, 1]))
    wanted = -torch.distributions.Normal(raw[:, 0], deviation).log_prob(target)
    found = row_losses(REGRESSION[3], raw, target, there(*[True] * 6))
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


def test_the_gaussian_loss_is_smallest_at_the_true_deviation():
    errors = torch.tensor([1.0, -1.0, 3.0, -3.0], dtype=torch.float64)
    raw = torch.zeros(4, 2, dtype=torch.float64)
    log_std = 0.5 * math.log(5)  # the mean square is 5
    raw[:, 1] = WIDEST_LOG_STD * math.atanh(log_std / WIDEST_LOG_STD)
    raw.requires_grad_()
    row_losses(REGRESSION[3], raw, errors, there(*[True] * 4)).sum().backward()
    assert raw.grad[:, 1].sum().abs() < 1e-12


@BY_LOSS
def test_gradients_are_those_of_finite_differences(task):
    raw, target = numbers(task)
    here = there(True, True, False, True, True, False)
    assert torch.autograd.gradcheck(
        lambda x: row_losses(task, x, target, here), raw.requires_grad_(), eps=1e-7, atol=1e-6
    )


@BY_LOSS
@settings(max_examples=25)
@given(absent=st.lists(st.sampled_from(WILD), min_size=3, max_size=3))
def test_what_stands_where_a_label_is_absent_never_matters(task, absent):
    raw, target = numbers(task)
    here = there(True, False, True, False, False, True)

    def outcome(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        leaf = raw.clone().requires_grad_()
        name = task.name
        loss = task_sums([task], {name: leaf}, {name: values}, {name: here})[name]
        loss.backward()
        return loss.detach(), leaf.grad

    changed = target.clone()
    changed[~here] = torch.tensor(absent, dtype=torch.float64)
    for one, other in zip(outcome(target), outcome(changed), strict=True):
        assert torch.equal(one, other)
    assert not outcome(changed)[1][~here].any()


@BY_LOSS
def test_nor_does_an_output_that_overflowed_there(task):
    raw, target = numbers(task)
    raw[1] = math.nan
    raw[2] = 1e300
    raw.requires_grad_()
    row_losses(task, raw, target, there(True, False, False, True, True, True)).sum().backward()
    assert raw.grad.isfinite().all()
    assert not raw.grad[1:3].any()


@BY_LOSS
@pytest.mark.parametrize("rows", [0, 4])
def test_a_batch_without_a_label_adds_exactly_zero_and_leaves_no_parameter_out(task, rows):
    generator = torch.Generator().manual_seed(0)
    normaliser = Normaliser(mean=0.0, std=1.0, per_atom=task.is_extensive, rows=2)
    head = make_property_head(task, normaliser, 8, generator)
    name = task.name
    raw = {name: head.raw(torch.randn(rows, 8, generator=generator))}
    nothing = {name: torch.full((rows,), math.nan)}
    loss = task_sums([task], raw, nothing, {name: torch.zeros(rows, dtype=torch.bool)})[name]
    assert loss.item() == 0.0
    loss.backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()  # zero, and so no NaN


@BY_LOSS
def test_half_precision_outputs_get_a_loss_in_float32(task):
    raw, target = numbers(task)
    assert row_losses(task, raw.bfloat16(), target.float(), there(*[True] * 6)).dtype is (
        torch.float32
    )


@pytest.mark.parametrize("far", [1e4, -1e4])
def test_the_gaussian_loss_is_finite_however_sure_the_head_is(far):
    raw = torch.tensor([[0.0, far]], requires_grad=True)
    loss = row_losses(REGRESSION[3], raw, torch.tensor([50.0]), there(True))
    loss.sum().backward()
    assert loss.isfinite().all()
    assert raw.grad.isfinite().all()


@pytest.mark.parametrize(
    ("raw", "target", "present"),
    [((3, 1), (3, 1), (3,)), ((3,), (3,), (3,)), ((3, 2), (3,), (3,)), ((3, 1), (3,), (2,))],
)
def test_shapes_that_torch_would_stretch_are_refused(raw, target, present):
    with pytest.raises(InputError, match="do not fit"):
        row_losses(
            REGRESSION[0], torch.zeros(raw), torch.zeros(target), torch.ones(present, dtype=bool)
        )
