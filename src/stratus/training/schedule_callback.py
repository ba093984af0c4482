"""What happens between steps: log, validate, save, stop.

All of it hangs on the number of steps done, so a run that goes on does the same at the same steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
from lightning.pytorch import Callback

from stratus.errors import StratusError
from stratus.training.batches import LENGTHS, N_TOKENS
from stratus.training.checkpoints import prune, step_folder
from stratus.training.events import Stepped, Validated
from stratus.training.masking import TARGETS
from stratus.training.schedule import share_of_peak, warmup_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from lightning.pytorch import LightningModule, Trainer
    from torch import Tensor

    from stratus.training.events import OnProgress
    from stratus.training.options import PretrainOptions
    from stratus.training.throughput import Cost, Meter


class Rhythm(Callback):
    """Logs, validates and saves at fixed steps, and keeps the best step in mind.

    Args:
        options: of the run.
        steps: optimiser steps of the whole run.
        steps_per_epoch: steps between validations.
        checkpoints: folder of the checkpoints.
        validation: makes the batches of the validation split of this process.
        cost: operations of the model.
        meter: counts work and time.
        on_start: called when training begins, with the trainer.
        on_progress: told what happens, in the first process.
    """

    def __init__(  # noqa: PLR0913 - what happens between steps is said in one place
        self,
        *,
        options: PretrainOptions,
        steps: int,
        steps_per_epoch: int,
        checkpoints: Path,
        validation: Callable[[Trainer], Iterable[Mapping[str, Tensor]]],
        cost: Cost,
        meter: Callable[[Trainer], Meter],
        on_start: Callable[[Trainer], None],
        on_progress: OnProgress,
    ) -> None:
        self._options = options
        self._steps = steps
        self._steps_per_epoch = steps_per_epoch
        self._checkpoints = checkpoints
        self._make_validation = validation
        self._cost = cost
        self._make_meter = meter
        self._on_start = on_start
        self._on_progress = on_progress
        self._work = [0, 0]
        self.meter: Meter | None = None
        self.best_loss = math.inf
        self.best_step = 0
        self.without_better = 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {
            "best_loss": self.best_loss,
            "best_step": self.best_step,
            "without_better": self.without_better,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what a checkpoint holds."""
        self.best_loss = state_dict["best_loss"]
        self.best_step = state_dict["best_step"]
        self.without_better = state_dict["without_better"]

    @property
    def stopped_early(self) -> bool:
        """Whether the validation loss has not become better for too long."""
        patience = self._options.patience
        return patience is not None and self.without_better >= patience

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin to measure."""
        self._validation = self._make_validation(trainer)
        self.meter = self._make_meter(trainer)
        self._on_start(trainer)
        self.meter.start()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,  # noqa: ARG002 - Lightning's interface
    ) -> None:
        """Log, validate, save, stop: each at its steps."""
        step = trainer.global_step
        self._work[0] += int(batch[N_TOKENS])
        self._work[1] += self._cost.step(batch[LENGTHS], len(batch[TARGETS]))
        ends = step % self._steps_per_epoch == 0 or step == self._steps
        if step % self._options.log_every == 0 or step == self._steps:
            self._log(trainer, step, outputs["loss"])
        if ends:
            self._validate(trainer, pl_module, step)
        if ends or step % self._options.checkpoint_every == 0:
            self._save(trainer, step)
        if self.stopped_early:
            trainer.should_stop = True

    def _log(self, trainer: Trainer, step: int, loss: Tensor) -> None:
        value = torch.stack([loss.detach().double() / trainer.world_size, *self._done(loss)])
        value = _sum_over_devices(trainer, value)
        mean, tokens, flops = value.tolist()
        if not math.isfinite(mean):
            raise StratusError(
                f"the loss is {mean} after {step} steps: lower the learning rate, then go on with "
                "a new run"
            )
        meter = self._meter()
        meter.add(int(tokens), int(flops))
        rates = meter.stretch()
        rate = self._options.peak_rate * share_of_peak(
            step - 1,
            warmup=warmup_steps(self._steps, self._options.warmup_share),
            total=self._steps,
        )
        curves = {"train/loss": mean, "train/learning_rate": rate}
        _write(trainer, curves | {f"throughput/{k}": v for k, v in rates.items()}, step)
        if trainer.is_global_zero:
            self._on_progress(Stepped(step=step, loss=mean, rates=rates))

    def _done(self, like: Tensor) -> list[Tensor]:
        done = [torch.tensor(float(x), dtype=torch.float64, device=like.device) for x in self._work]
        self._work = [0, 0]
        return done

    def _validate(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        self._pause(trainer)
        loss, hits, places = evaluate(trainer, module, self._validation).tolist()
        loss, accuracy = loss / max(1, places), hits / max(1, places)
        better = loss < self.best_loss
        self.without_better = 0 if better else self.without_better + 1
        if better:
            self.best_loss, self.best_step = loss, step
        epoch = math.ceil(step / self._steps_per_epoch)
        curves = {"epoch": epoch, "loss": loss, "accuracy": accuracy}
        _write(trainer, {f"validation/{name}": value for name, value in curves.items()}, step)
        if trainer.is_global_zero:
            self._on_progress(Validated(step, epoch, loss, accuracy, best=better))
        self._meter().start()

    def _save(self, trainer: Trainer, step: int) -> None:
        self._pause(trainer)
        trainer.save_checkpoint(step_folder(self._checkpoints, step), weights_only=False)
        if trainer.is_global_zero:
            prune(self._checkpoints, keep=self._options.keep, best=self.best_step or None)
        self._meter().start()

    def _pause(self, trainer: Trainer) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize(trainer.strategy.root_device)
        self._meter().pause()

    def _meter(self) -> Meter:
        if self.meter is None:
            raise StratusError("training has not begun")
        return self.meter


def evaluate(
    trainer: Trainer, module: LightningModule, batches: Iterable[Mapping[str, Tensor]]
) -> Tensor:
    """Score batches on all devices, without dropout.

    Returns:
        Summed loss in nats, hits and places over all devices; float64 ``[3]``.
    """
    sums = torch.zeros(3, dtype=torch.float64, device=trainer.strategy.root_device)
    module.eval()
    with torch.no_grad():
        for index, batch in enumerate(batches):
            there = trainer.strategy.batch_to_device(batch)
            sums += cast("Tensor", trainer.strategy.validation_step(there, index))
    module.train()
    return _sum_over_devices(trainer, sums)


def _sum_over_devices(trainer: Trainer, values: Tensor) -> Tensor:
    total = trainer.strategy.reduce(values, reduce_op="sum")
    return total if isinstance(total, torch.Tensor) else values


def _write(trainer: Trainer, curves: Mapping[str, float], step: int) -> None:
    for logger in trainer.loggers if trainer.is_global_zero else ():
        logger.log_metrics(dict(curves), step)
