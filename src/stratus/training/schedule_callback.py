"""What happens between steps: log, validate, save, stop.

All of it hangs on the number of steps done, so a run that goes on does the same at the same steps.
"""

from __future__ import annotations

import math
import time
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.pytorch import Callback

from stratus.errors import StratusError
from stratus.training.checkpoints import prune, step_folder
from stratus.training.events import Stepped, Validated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lightning.pytorch import LightningModule, Trainer
    from torch import Tensor

    from stratus.objectives.objective import Step
    from stratus.training.events import OnFitEvent
    from stratus.training.fit_options import FitOptions
    from stratus.training.learner import Learner
    from stratus.training.throughput import Meter


class ScheduleCallback(Callback):
    """Logs, validates and saves at fixed steps, and keeps the weights with the least loss.

    Args:
        options: of the run.
        steps: optimiser steps of the whole run.
        steps_per_epoch: steps in which each row is seen once.
        validation: makes the steps over the validation rows of this process.
        flops: operations of a step, forward and backward; None where nobody counts them.
        meter: counts work and time.
        checkpoints: folder of the checkpoints; None: none are written.
        on_start: called when training begins, with the trainer.
        on_event: called with what happens, in the first process.
    """

    def __init__(  # noqa: PLR0913 - what happens between steps is said in one place
        self,
        *,
        options: FitOptions,
        steps: int,
        steps_per_epoch: int,
        validation: Callable[[Trainer], Iterable[Step]],
        flops: Callable[[Step], int] | None,
        meter: Callable[[Trainer], Meter],
        checkpoints: Path | None,
        on_start: Callable[[Trainer], None],
        on_event: OnFitEvent,
    ) -> None:
        self._options = options
        self._steps = steps
        self._steps_per_epoch = steps_per_epoch
        self._schedule = options.schedule(steps)
        self._make_validation = validation
        self._flops = flops
        self._make_meter = meter
        self._checkpoints = checkpoints
        self._on_start = on_start
        self._on_event = on_event
        self._work = [0, 0]
        self._sum: Tensor | float = 0.0
        self._crystals = 0
        self._began = self._saved = 0.0
        self._first_step = 0
        self.meter: Meter | None = None
        self.step = 0
        self.best_loss = math.inf
        self.best_step = 0
        self.without_better = 0
        self.losses: list[float] = []
        self.train_losses: list[float] = []
        self.weights: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {
            "step": self.step,
            "best_loss": self.best_loss,
            "best_step": self.best_step,
            "without_better": self.without_better,
            "losses": self.losses,
            "train_losses": self.train_losses,
            "train_sum": float(self._sum),
            "train_crystals": self._crystals,
            "weights": self.weights,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what a checkpoint holds."""
        self.step = state_dict["step"]
        self.best_loss = state_dict["best_loss"]
        self.best_step = state_dict["best_step"]
        self.without_better = state_dict["without_better"]
        self.losses = list(state_dict["losses"])
        self.train_losses = list(state_dict["train_losses"])
        self._sum = state_dict["train_sum"]
        self._crystals = state_dict["train_crystals"]
        self.weights = state_dict["weights"]

    def epoch_of(self, step: int) -> int:
        """Return the epochs done after a step, the begun one counted."""
        return math.ceil(step / self._steps_per_epoch)

    @property
    def stops_early(self) -> bool:
        """Whether the validation loss has not become better for too long."""
        patience = self._options.patience
        enough = self.step >= self._options.min_epochs * self._steps_per_epoch
        return patience is not None and enough and self.without_better >= patience

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin to measure."""
        self._validation = self._make_validation(trainer)
        self.meter = self._make_meter(trainer)
        self._on_start(trainer)
        self._began = self._saved = time.monotonic()
        self._first_step = trainer.global_step
        if not trainer.is_global_zero:
            self._sum = 0.0  # a checkpoint holds that of all processes
        self.meter.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,  # noqa: ARG002 - Lightning's interface
    ) -> None:
        """Average, log, validate, save, stop: each at its steps."""
        learner = cast("Learner", pl_module)
        self.step = step = trainer.global_step
        learner.average()
        self._work[0] += batch.amount
        self._work[1] += self._flops(batch) if self._flops else 0
        self._sum = self._sum + batch.crystals * (outputs["loss"].detach() / trainer.world_size)
        self._crystals += batch.crystals
        last = step == self._steps
        ends = last or step % self._options.validation_period(self._steps_per_epoch) == 0
        if last or step % self._options.log_every == 0:
            self._log(trainer, step, outputs["loss"])
        if ends:
            self._validate(trainer, learner, step)
        if ends or step % self._options.checkpoint_every == 0:
            self._save(trainer, step)
        if self.stops_early:
            trainer.should_stop = True

    def _log(self, trainer: Trainer, step: int, loss: Tensor) -> None:
        value = torch.stack([loss.detach().double() / trainer.world_size, *self._done(loss)])
        value = _sum_over_devices(trainer, value)
        mean, amount, flops = value.tolist()
        if not math.isfinite(mean):
            raise StratusError(
                f"the loss is {mean} after {step} steps: lower the learning rate, then go on with "
                "a new run"
            )
        meter = self._meter()
        meter.add(int(amount), int(flops))
        rates = meter.stretch()
        rate = self._options.peak_rate * self._schedule(step - 1)
        curves = {"train/loss": mean, "train/learning_rate": rate}
        _write(trainer, curves | {f"throughput/{k}": v for k, v in rates.items()}, step)
        if trainer.is_global_zero:
            self._on_event(Stepped(step=step, loss=mean, rates=rates))

    def _done(self, like: Tensor) -> list[Tensor]:
        done = [torch.tensor(float(x), dtype=torch.float64, device=like.device) for x in self._work]
        self._work = [0, 0]
        return done

    def _validate(self, trainer: Trainer, learner: Learner, step: int) -> None:
        self._pause(trainer)
        sums = evaluate(trainer, learner, self._validation)
        scores = learner.objective.scores(sums.cpu().numpy())
        loss, epoch = scores["loss"], self.epoch_of(step)
        if not math.isfinite(loss):
            raise StratusError(
                f"the validation loss is {loss} after epoch {epoch}: lower the learning rate"
            )
        better = loss < self.best_loss
        self.without_better = 0 if better else self.without_better + 1
        if better:
            self.best_loss, self.best_step = loss, step
            self.weights = _weights(trainer, learner)
        self.losses.append(loss)
        self.train_losses.append(self._take_train_loss(trainer))
        _write(trainer, {f"validation/{k}": v for k, v in {"epoch": epoch, **scores}.items()}, step)
        if trainer.is_global_zero:
            self._on_event(
                Validated(step, epoch, scores, self.train_losses[-1], better, *self._seconds(step))
            )
        self._meter().start()

    def _take_train_loss(self, trainer: Trainer) -> float:
        """Return the mean loss over the crystals of the steps since the last call."""
        mean = float(self._sum_of_all(trainer)) / max(1, self._crystals)
        self._sum, self._crystals = 0.0, 0
        return mean

    def _sum_of_all(self, trainer: Trainer) -> Tensor | float:
        if trainer.world_size == 1:
            return self._sum
        here = torch.as_tensor(self._sum, device=trainer.strategy.root_device)
        return _sum_over_devices(trainer, here)

    def _seconds(self, step: int) -> tuple[float, float]:
        """Return how long the rest and the whole of the steps take, at the speed so far."""
        each = (time.monotonic() - self._began) / max(1, step - self._first_step)
        return each * (self._steps - step), each * self._steps

    def _save(self, trainer: Trainer, step: int) -> None:
        if self._checkpoints is None or not self._is_due(trainer, step):
            return
        self._pause(trainer)
        everywhere = self._sum_of_all(trainer)
        self._sum = everywhere if trainer.is_global_zero else 0.0
        trainer.save_checkpoint(step_folder(self._checkpoints, step), weights_only=False)
        if trainer.is_global_zero:
            prune(self._checkpoints, keep=self._options.keep)
        self._saved = time.monotonic()
        self._meter().start()

    def _is_due(self, trainer: Trainer, step: int) -> bool:
        """Whether the last checkpoint is old enough, in the eyes of the first process."""
        seconds = self._options.checkpoint_seconds
        if not seconds or step == self._steps:
            return True
        due = time.monotonic() - self._saved >= seconds
        return bool(trainer.strategy.broadcast(due))

    def _pause(self, trainer: Trainer) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize(trainer.strategy.root_device)
        self._meter().pause()

    def _meter(self) -> Meter:
        if self.meter is None:
            raise StratusError("training has not begun")
        return self.meter


def evaluate(trainer: Trainer, learner: Learner, steps: Iterable[Step]) -> Tensor:
    """Score steps on all devices, without dropout.

    Returns:
        What the scores of the objective are made of, summed over all devices; float64 ``[k]``.
    """
    total: Tensor | None = None
    learner.eval()
    learner.scored.eval()
    with torch.no_grad():
        for index, step in enumerate(steps):
            there = trainer.strategy.batch_to_device(step)
            sums = cast("Tensor", trainer.strategy.validation_step(there, index))
            total = sums if total is None else total + sums
    learner.train()
    if total is None:
        raise StratusError("there is no row to choose the weights with")
    return _sum_over_devices(trainer, total)


def _weights(trainer: Trainer, learner: Learner) -> dict[str, Tensor]:
    """Return the weights of the scored net on the CPU; of FSDP, whole in the first process."""
    if learner.scored is not learner.net:
        state = learner.scored.state_dict()
    else:
        whole = trainer.strategy.lightning_module_state_dict()
        state = {k.removeprefix("net."): v for k, v in whole.items() if k.startswith("net.")}
    return {name: deepcopy(value.detach()).cpu() for name, value in state.items()}


def _sum_over_devices(trainer: Trainer, values: Tensor) -> Tensor:
    total = trainer.strategy.reduce(values, reduce_op="sum")
    return total if isinstance(total, torch.Tensor) else values


def _write(trainer: Trainer, curves: Mapping[str, float], step: int) -> None:
    for logger in trainer.loggers if trainer.is_global_zero else ():
        logger.log_metrics(dict(curves), step)
