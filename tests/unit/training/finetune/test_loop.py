"""What the loop promises: frozen is frozen, averaged is averaged, the best epoch is the best."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
import torch

from stratus.errors import StratusError
from stratus.heads.table import make_heads
from stratus.models.net import Net
from stratus.tasks.losses import task_losses, weighted_sum
from stratus.training.finetune import loop
from stratus.training.finetune.labels import fold_rows, read_samples
from stratus.training.finetune.loop import (
    BestOfEpochs,
    PropertyModule,
    ema_decay,
    fit,
    validation_loss,
)
from stratus.training.finetune.rows import EndlessRows
from stratus.training.finetune.start import make_start


@pytest.fixture
def parts(made, fold, tasks, quick):
    """Make rows and a net with fresh weights."""
    start = make_start(quick(), None)
    rows = fold_rows(made, fold, tasks, start.view, read_samples(made, start.view))

    def net():
        generator = torch.Generator().manual_seed(1)
        encoder = start.make_encoder(generator)
        return Net(encoder, make_heads(tasks, rows.normalisers, 32, generator)).train()

    return rows, net


def weights(module) -> bytes:
    return b"".join(w.detach().numpy().tobytes() for w in module.state_dict().values())


def run(parts, tasks, options, watch=None):
    rows, make = parts
    net = make()
    losses = []

    def on_epoch(epoch, loss, _best):
        losses.append(loss)
        if watch:
            watch(epoch, net)

    fitted = fit(
        net, tasks, train=rows.train, validation=rows.validation, options=options, seed=3,
        on_epoch=on_epoch,
    )  # fmt: skip
    return net, fitted, losses


def test_in_frozen_epochs_the_encoder_stays_and_the_heads_learn(parts, tasks, quick):
    seen = {}

    def watch(epoch, net):
        seen[epoch] = weights(net.encoder), weights(net.heads)

    run(parts, tasks, quick(epochs=4, freeze_epochs=2, learning_rate=1e-2), watch)
    fresh = parts[1]()
    assert seen[1][0] == seen[2][0] == weights(fresh.encoder)
    assert len({weights(fresh.heads), *(heads for _, heads in seen.values())}) == 5
    assert len({encoder for encoder, _ in seen.values()}) == 3


def test_the_weights_are_those_of_the_best_epoch(parts, tasks, quick):
    options, rows = quick(epochs=6, learning_rate=2e-2, patience=None), parts[0]
    net, fitted, losses = run(parts, tasks, options)
    assert fitted.epochs == len(losses) == 6
    assert fitted.best_epoch == int(np.argmin(losses)) + 1
    assert fitted.validation_loss == min(losses)
    found = validation_loss(net, tasks, rows.validation, options.batch_size)
    assert found == pytest.approx(min(losses), abs=1e-6)
    assert not net.training


def test_it_stops_when_nothing_has_become_better_for_too_long(parts, tasks, quick, monkeypatch):
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0, 0.5])
    monkeypatch.setattr(loop, "validation_loss", lambda *_: next(losses))
    _, fitted, seen = run(parts, tasks, quick(epochs=6, patience=2))
    assert seen == [3.0, 2.0, 2.5, 2.0]
    assert (fitted.epochs, fitted.best_epoch, fitted.validation_loss) == (4, 2, 2.0)


def test_averaged_weights_are_the_closed_form(parts, tasks, quick, monkeypatch):
    steps = []
    before = BestOfEpochs.on_train_batch_end

    def record(self, trainer, module, *rest):
        steps.append({k: v.clone() for k, v in module.net.state_dict().items()})
        before(self, trainer, module, *rest)

    monkeypatch.setattr(BestOfEpochs, "on_train_batch_end", record)
    net, fitted, _ = run(parts, tasks, quick(epochs=1, ema=0.3, learning_rate=1e-2, batch_size=8))
    assert fitted.best_epoch == 1
    assert len(steps) > 4
    decays = [2 / 11, 3 / 12] + [0.3] * (len(steps) - 3)  # 4 / 13 is beyond 0.3
    for name, found in net.state_dict().items():
        expected = steps[0][name].double()
        for decay, step in zip(decays, steps[1:], strict=True):
            expected = decay * expected + (1 - decay) * step[name].double()
        assert torch.allclose(found.double(), expected, atol=1e-6), name
    assert any(not torch.equal(found, steps[-1][name]) for name, found in net.state_dict().items())


@pytest.mark.parametrize(
    ("step", "decay"), [(1, 2 / 11), (10, 11 / 20), (89, 90 / 99), (1e6, 0.995)]
)
def test_the_decay_of_averaged_weights_warms_up(step, decay):
    assert ema_decay(0.995, step) == pytest.approx(decay)


def test_the_validation_loss_is_exact_whatever_the_batches(parts, tasks):
    rows, make = parts
    net = make()
    found = [validation_loss(net, tasks, rows.validation, size) for size in (1, 4, 1000)]
    assert found == pytest.approx([found[0]] * 3, rel=1e-6)
    batch = rows.validation.batch(np.arange(len(rows.validation)))
    whole = task_losses(tasks, net.eval()(batch.inputs), batch.targets, batch.present)
    assert found[0] == pytest.approx(float(weighted_sum(tasks, whole).detach()), rel=1e-6)


def test_a_task_without_a_label_in_a_batch_adds_nothing(parts, tasks):
    rows, make = parts
    places = np.arange(6)
    full = rows.train.batch(places)
    none = full._replace(present=full.present | {"heat": torch.zeros(6, dtype=torch.bool)})
    gradients = []
    for batch, chosen in ((none, tasks), (full, [t for t in tasks if t.name != "heat"])):
        net = make().eval()
        losses = task_losses(chosen, net(batch.inputs), batch.targets, batch.present)
        weighted_sum(chosen, losses).backward()
        gradients.append([w.grad for w in net.encoder.parameters()])
        grads = [w.grad for w in net.heads["heat"].parameters()]
        assert all(g is None or not g.any() for g in grads)
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


def test_each_epoch_has_every_training_row_once_in_another_order(parts):
    batches = EndlessRows(parts[0].train, 16, seed=0)
    rows = len(parts[0].train)

    def epochs():
        stream = iter(batches)
        for _ in range(2):
            taken = islice(stream, batches.per_epoch)
            yield [float(t) for batch in taken for t in batch.targets["heat"]]

    first, second = epochs()
    assert len(first) == rows
    assert sorted(first) == sorted(second) == sorted(parts[0].train.targets["heat"].tolist())
    assert first != second


def test_the_callers_random_numbers_are_left_alone(parts, tasks, quick):
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    run(parts, tasks, quick(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_no_number_stops_with_a_sentence(parts, tasks, quick, monkeypatch):
    monkeypatch.setattr(loop, "validation_loss", lambda *_: float("nan"))
    with pytest.raises(StratusError, match="nan after epoch 1: lower the learning rate"):
        run(parts, tasks, quick())


def test_in_bf16_weights_stay_float32_and_validation_is_exact(parts, tasks, quick):
    options = quick(epochs=1, precision="bf16")
    net, fitted, _ = run(parts, tasks, options)
    assert {w.dtype for w in net.parameters()} == {torch.float32}
    found = validation_loss(net, tasks, parts[0].validation, options.batch_size)
    assert found == pytest.approx(fitted.validation_loss, abs=1e-6)
    assert weights(net) != weights(run(parts, tasks, quick(epochs=1))[0])


def test_each_step_has_the_learning_rates_of_its_layers(parts, tasks, quick, monkeypatch):
    used = []
    before = PropertyModule.on_train_batch_start

    def record(self, *rest):
        before(self, *rest)
        groups = self.trainer.optimizers[0].param_groups
        used.append({group["layer"]: group["lr"] for group in groups})

    monkeypatch.setattr(PropertyModule, "on_train_batch_start", record)
    chosen = quick(epochs=2, layer_decay=0.5, learning_rate=0.01, warmup_share=0.3)
    run(parts, tasks, chosen)
    steps = len(used)
    warmup = math.ceil(0.3 * steps)
    assert steps > 4
    for step, rates in enumerate(used):
        late = math.cos(math.pi * (step - warmup) / (steps - warmup) / 2) ** 2
        share = (step + 1) / warmup if step < warmup else late
        assert rates == pytest.approx({k: 0.01 * share * 0.5 ** (3 - k) for k in range(4)})


def test_the_train_loss_is_the_mean_over_the_rows_not_over_the_batches(parts, tasks, quick):
    rows, make = parts
    module = PropertyModule(make().eval(), tasks, quick(), 1, 0)
    sizes, losses = (3, 11), []
    for start, size in ((0, 3), (3, 11)):
        batch = rows.train.batch(np.arange(start, start + size))
        losses.append(float(module.training_step(batch, 0).detach()))
    assert module.take_train_loss() == pytest.approx(np.average(losses, weights=sizes))
    module.training_step(batch, 0)
    assert module.take_train_loss() == pytest.approx(losses[1])  # the rows before are forgotten
