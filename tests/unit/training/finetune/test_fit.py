"""What a fit promises: frozen is frozen, averaged is averaged, the best epoch is the best."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest
import torch

from stratus.errors import StratusError
from stratus.heads.table import make_heads
from stratus.models.net import Net
from stratus.objectives.supervised import Supervised
from stratus.training.events import FitStarted, Stepped, Validated
from stratus.training.finetune.labels import fold_rows, read_samples
from stratus.training.finetune.start import make_start
from stratus.training.fit import FitFolder, fit
from stratus.training.learner import Learner, ema_decay
from stratus.training.loader import Endless, Loader


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


def run(parts, tasks, options, watch=None, **more):
    rows, make = parts
    net = make()
    losses = []

    def on_event(event):
        if isinstance(event, Validated):
            losses.append(event.scores["loss"])
            if watch:
                watch(event.epoch, net)

    fitted = fit(
        net, more.pop("objective", Supervised(tasks)), rows.train, rows.validation, options,
        seed=3, dropout_key=lambda rank, step: (3, step, rank), on_event=on_event, **more,
    )  # fmt: skip
    return net, fitted, losses


def validation_loss(net, tasks, rows, batch_size):
    """The loss of all rows, as training works it out."""
    objective = Supervised(tasks)
    net.eval()
    with torch.no_grad():
        sums = sum(objective.sums(net, step) for step in Loader(rows, batch_size, shuffle=False))
    return objective.scores(sums.numpy())["loss"]


class Scripted(Supervised):
    """Its validation losses are said beforehand."""

    def __init__(self, tasks, losses):
        super().__init__(tasks)
        self._said = iter(losses)

    def scores(self, _sums):
        return {"loss": next(self._said)}


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


SAID = (3.0, 2.0, 2.5, 2.0, 1.0, 0.5)


@pytest.mark.parametrize(
    ("options", "epochs", "best"),
    [
        ({"patience": 2}, 4, 2),
        ({"patience": 2, "min_epochs": 5}, 6, 6),
        ({"patience": None}, 6, 6),
        ({"patience": 2, "validate_every": 2}, 6, 4),
    ],
)
def test_it_stops_when_nothing_has_become_better_for_too_long(
    parts, tasks, quick, options, epochs, best
):
    objective = Scripted(tasks, SAID)
    _, fitted, seen = run(parts, tasks, quick(epochs=6, **options), objective=objective)
    assert seen == list(SAID[: len(seen)])
    assert len(fitted.train_losses) == len(fitted.validation_losses) == len(seen)
    assert (fitted.epochs, fitted.best_epoch) == (epochs, best)
    assert fitted.validation_loss == min(seen)


def test_averaged_weights_are_the_closed_form(parts, tasks, quick, monkeypatch):
    steps = []
    before = Learner.average

    def record(self):
        steps.append({k: v.clone() for k, v in self.net.state_dict().items()})
        before(self)

    monkeypatch.setattr(Learner, "average", record)
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
    objective, step = Supervised(tasks), rows.validation.step(np.arange(len(rows.validation)), 0)
    whole = objective.total(objective.losses(net.eval(), step), 1)
    assert found[0] == pytest.approx(float(whole.detach()), rel=1e-6)


def test_a_task_without_a_label_in_a_batch_adds_nothing(parts, tasks):
    rows, make = parts
    full = rows.train.step(np.arange(6), 0)
    none = full._replace(
        present=full.present | {"heat": torch.zeros(6, dtype=torch.bool)},
        counts=full.counts | {"heat": 0},
    )
    gradients = []
    for step, chosen in ((none, tasks), (full, [t for t in tasks if t.name != "heat"])):
        net, objective = make().eval(), Supervised(chosen)
        objective.total(objective.losses(net, step), 1).backward()
        gradients.append([w.grad for w in net.encoder.parameters()])
        grads = [w.grad for w in net.heads["heat"].parameters()]
        assert all(g is None or not g.any() for g in grads)
    for one, other in zip(*gradients, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("world", [2, 3])
def test_processes_that_share_a_batch_have_the_gradient_of_one(parts, tasks, world):
    rows, make = parts
    objective = Supervised(tasks)

    def gradient(rank, world):
        net = make().eval()
        [step] = islice(Loader(rows.train, 4, seed=1, rank=rank, world=world), 1)
        loss = objective.total(objective.losses(net, step), world)
        loss.backward()
        return [loss.detach(), *(w.grad for w in net.parameters())]

    shared = [gradient(rank, world) for rank in range(world)]
    for parts_of, whole in zip(zip(*shared, strict=True), gradient(0, 1), strict=True):
        torch.testing.assert_close(sum(parts_of) / world, whole, rtol=1e-4, atol=1e-7)


def test_a_process_without_a_row_adds_nothing(parts, tasks):
    blank = parts[0].train.blank(3, 0)
    assert not any(here.any() for here in blank.present.values())
    assert (blank.crystals, blank.amount, len(blank.sizes)) == (0, 0, 0)
    objective, net = Supervised(tasks), parts[1]()
    losses = objective.losses(net, blank)
    assert {float(loss.sum.detach()) for loss in losses.values()} == {0.0}


def test_each_epoch_has_every_training_row_once_in_another_order(parts):
    loader = Loader(parts[0].train, 16)
    rows = len(parts[0].train)

    def epochs():
        stream = iter(Endless(loader))
        for _ in range(2):
            taken = islice(stream, len(loader))
            yield [float(t) for step in taken for t in step.targets["heat"]]

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


def test_a_loss_that_is_no_number_stops_with_a_sentence(parts, tasks, quick):
    objective = Scripted(tasks, [math.nan])
    with pytest.raises(StratusError, match="nan after epoch 1: lower the learning rate"):
        run(parts, tasks, quick(), objective=objective)


def test_in_bf16_weights_stay_float32_and_validation_is_exact(parts, tasks, quick):
    options = quick(epochs=1, precision="bf16")
    net, fitted, _ = run(parts, tasks, options)
    assert {w.dtype for w in net.parameters()} == {torch.float32}
    found = validation_loss(net, tasks, parts[0].validation, options.batch_size)
    assert found == pytest.approx(fitted.validation_loss, abs=1e-6)
    assert weights(net) != weights(run(parts, tasks, quick(epochs=1))[0])


def test_each_step_has_the_learning_rates_of_its_layers(parts, tasks, quick, monkeypatch):
    used = []
    before = Learner.on_train_batch_start

    def record(self, *rest):
        before(self, *rest)
        groups = self.trainer.optimizers[0].param_groups
        used.append({group["layer"]: group["lr"] for group in groups})

    monkeypatch.setattr(Learner, "on_train_batch_start", record)
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
    sizes, losses = [], []

    class Noted(Supervised):
        def total(self, of_tasks, processes):
            loss = super().total(of_tasks, processes)
            losses.append(float(loss.detach()))
            return loss

        def losses(self, net, step):
            sizes.append(step.crystals)
            return super().losses(net, step)

    _, fitted, _ = run(parts, tasks, quick(epochs=2, batch_size=25), objective=Noted(tasks))
    half = len(losses) // 2
    assert len(set(sizes)) > 1
    for k, mean in enumerate(fitted.train_losses):
        here = slice(k * half, (k + 1) * half)
        assert mean == pytest.approx(np.average(losses[here], weights=sizes[here]))


class Stop(Exception):  # noqa: N818 - it is no error
    """Stands for Ctrl-C."""


RICH = {"epochs": 5, "ema": 0.6, "freeze_epochs": 1, "layer_decay": 0.8, "learning_rate": 1e-2}


@pytest.mark.parametrize("stops", [(3,), (5, 6, 3, 2)])
def test_a_fit_that_was_stopped_goes_on_to_the_same_bits(parts, tasks, quick, tmp_path, stops):
    options = quick(**RICH, patience=3, checkpoint_every=2, checkpoint_seconds=0, log_every=1)

    def go(name, stop=None):
        def flops(_step):
            nonlocal done
            done += 1
            if done == stop:
                raise Stop
            return 0

        done = 0
        run_folder = FitFolder(tmp_path / name / "checkpoints", tmp_path / name / "logs")
        return run(parts, tasks, options, run=run_folder, flops=flops)

    net, straight, _ = go("straight")
    for stop in stops:
        with pytest.raises(Stop):
            go("stopped", stop)
    again, fitted, _ = go("stopped")
    assert fitted == straight
    assert weights(again) == weights(net)
    in_memory, fitted, _ = run(parts, tasks, options)
    assert fitted == straight
    assert weights(in_memory) == weights(net)
    for log in ("train.csv", "validation.csv"):
        texts = [(tmp_path / name / "logs" / log).read_text() for name in ("straight", "stopped")]
        assert texts[0] == texts[1]
        assert texts[0].startswith("step,")


def test_events_come_in_order_with_the_time_that_is_left(parts, tasks, quick):
    rows, make = parts
    events = []
    fit(
        make(), Supervised(tasks), rows.train, rows.validation, quick(epochs=3, log_every=2),
        seed=0, dropout_key=lambda *key: key, on_event=events.append,
    )  # fmt: skip
    assert isinstance(events[0], FitStarted)
    validated = [event for event in events if isinstance(event, Validated)]
    assert [event.epoch for event in validated] == [1, 2, 3]
    assert validated[-1].seconds_left == 0 < validated[0].seconds_left < validated[0].seconds
    assert set(validated[0].scores) == {"loss", *(task.name for task in tasks)}
    stepped = [event for event in events if isinstance(event, Stepped)]
    assert [event.step % 2 for event in stepped[:-1]] == [0] * (len(stepped) - 1)
    assert "crystals_per_s" in stepped[-1].rates
    assert "model_flops_per_s" not in stepped[-1].rates
