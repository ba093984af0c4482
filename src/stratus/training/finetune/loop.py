"""The loop of one fold: steps on training rows, and the weights with the best validation loss."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from stratus.errors import StratusError
from stratus.models.net import Net
from stratus.models.run_over import run_over
from stratus.tasks.losses import row_losses, task_losses, weighted_sum
from stratus.training.clipping import Clipped
from stratus.training.device import (
    device_here,
    own_random_numbers,
    resolve_precision,
    seed_dropout,
    trainer_precision,
)
from stratus.training.finetune.rows import EndlessRows, batches_of
from stratus.training.layers import parameter_groups
from stratus.training.lightning_logging import quiet_lightning
from stratus.training.schedule import Schedule, warmup_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lightning.pytorch import LightningModule
    from torch import Tensor

    from stratus.tasks.task import Task
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.training.finetune.rows import LabelledBatch, Rows


@dataclass(frozen=True)
class Fitted:
    """What a fold came to.

    Attributes:
        epochs: how many there were.
        best_epoch: the one whose weights were chosen, from 1.
        validation_loss: of these weights.
        train_losses: of each epoch, mean over the training rows as its steps saw them, with
            dropout and with whatever was hidden.
        validation_losses: of each epoch, after it.
    """

    epochs: int
    best_epoch: int
    validation_loss: float
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]


class PropertyModule(Clipped):
    """Objective, optimiser and schedule.

    Args:
        net: encoder and heads.
        tasks: what is learned.
        options: of the run.
        steps_per_epoch: steps in which each training row is seen once.
        seed: decides dropout.
    """

    def __init__(
        self,
        net: Net,
        tasks: Sequence[Task],
        options: FinetuneOptions,
        steps_per_epoch: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.net = net
        self.tasks = tuple(tasks)
        self.options = options
        self.steps_per_epoch = steps_per_epoch
        self.seed = seed
        self._sum: Tensor | float = 0.0
        self._rows = 0

    @property
    def steps(self) -> int:
        """Optimiser steps of all epochs."""
        return self.options.epochs * self.steps_per_epoch

    def training_step(self, batch: LabelledBatch, _index: int) -> Tensor:
        """Return the weighted sum of the mean losses of the tasks."""
        losses = task_losses(self.tasks, self.net(batch.inputs), batch.targets, batch.present)
        loss = weighted_sum(self.tasks, losses)
        rows = len(next(iter(batch.targets.values())))
        self._sum, self._rows = self._sum + rows * loss.detach(), self._rows + rows
        return loss

    def take_train_loss(self) -> float:
        """Return the mean loss of the rows since the last call."""
        mean = float(self._sum) / max(1, self._rows)
        self._sum, self._rows = 0.0, 0
        return mean

    def on_train_batch_start(self, _batch: object, _index: int) -> None:
        """Freeze or thaw the encoder; let dropout depend on seed and step alone."""
        step = self.trainer.global_step
        frozen = step < self.options.freeze_epochs * self.steps_per_epoch
        self.net.encoder.requires_grad_(not frozen)
        seed_dropout(self.seed, step)

    def configure_optimizers(self) -> Any:
        """Return AdamW (arXiv 1711.05101) with a rate for each layer, and the schedule of steps."""
        options = self.options
        optimizer = torch.optim.AdamW(
            parameter_groups(
                self.net,
                rate=options.learning_rate,
                weight_decay=options.weight_decay,
                layer_decay=options.layer_decay,
            ),
            fused=True,
        )
        warmup = warmup_steps(self.steps, options.warmup_share)
        schedule = LambdaLR(optimizer, Schedule(self.steps, warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class BestOfEpochs(Callback):
    """Scores the validation rows after each epoch, keeps the best weights, and stops in time.

    Args:
        validation: the rows.
        options: of the run.
        on_epoch: told epoch, loss and whether it is the best.
    """

    def __init__(
        self,
        validation: Rows,
        options: FinetuneOptions,
        on_epoch: Callable[[int, float, bool], None],
    ) -> None:
        self._validation = validation
        self._options = options
        self._on_epoch = on_epoch
        self._averaged: AveragedModel | None = None
        self.weights: dict[str, Tensor] = {}
        self.best_loss = math.inf
        self.best_epoch = 0
        self.train_losses: list[float] = []
        self.losses: list[float] = []

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.losses)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Begin to average, if asked to."""
        if self._options.ema is not None:
            net: Net = pl_module.net  # type: ignore[assignment]
            self._averaged = AveragedModel(net, multi_avg_fn=_averaging(self._options.ema))

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ARG002 - Lightning's interface
        batch: Any,  # noqa: ARG002 - Lightning's interface
        batch_idx: int,  # noqa: ARG002 - Lightning's interface
    ) -> None:
        """Average after each step, choose after each epoch."""
        module: PropertyModule = pl_module  # type: ignore[assignment]
        net = module.net
        if self._averaged is not None:
            self._averaged.update_parameters(module.net)
            net = cast("Net", self._averaged.module)
        if trainer.global_step % module.steps_per_epoch:
            return
        loss = validation_loss(net, module.tasks, self._validation, self._options.batch_size)
        self.train_losses.append(module.take_train_loss())
        self.losses.append(loss)
        if not math.isfinite(loss):
            raise StratusError(
                f"the validation loss is {loss} after epoch {self.epochs}: lower the learning rate"
            )
        best = loss < self.best_loss
        if best:
            self.best_loss, self.best_epoch = loss, self.epochs
            self.weights = {k: deepcopy(v.detach()).cpu() for k, v in net.state_dict().items()}
        self._on_epoch(self.epochs, loss, best)
        patience = self._options.patience
        if patience is not None and self.epochs - self.best_epoch >= patience:
            trainer.should_stop = True


def fit(
    net: Net,
    tasks: Sequence[Task],
    *,
    train: Rows,
    validation: Rows,
    options: FinetuneOptions,
    seed: int,
    on_epoch: Callable[[int, float, bool], None],
) -> Fitted:
    """Train a net; afterwards it has the weights with the lowest validation loss.

    Args:
        net: encoder and heads; on the CPU before and after.
        tasks: what is learned.
        train: rows to learn from.
        validation: rows to choose with.
        options: of the run.
        seed: decides order and dropout.
        on_epoch: told epoch, loss and whether it is the best.

    Raises:
        stratus.errors.StratusError: a validation loss is not finite.
    """
    batches = EndlessRows(train, options.batch_size, seed, options.hide)
    module = PropertyModule(net, tasks, options, batches.per_epoch, seed)
    best = BestOfEpochs(validation, options, on_epoch)
    device = device_here()
    with quiet_lightning(), own_random_numbers(device):
        trainer = Trainer(
            accelerator=device.type,
            devices=1,
            precision=trainer_precision(resolve_precision(options.precision, device)),
            max_steps=module.steps,
            max_epochs=-1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            gradient_clip_val=options.clip_norm,
            logger=False,
            callbacks=[best],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(module, train_dataloaders=batches)
    net.cpu().load_state_dict(best.weights)
    net.requires_grad_().eval()
    return Fitted(
        epochs=best.epochs,
        best_epoch=best.best_epoch,
        validation_loss=best.best_loss,
        train_losses=tuple(best.train_losses),
        validation_losses=tuple(best.losses),
    )


def validation_loss(net: Net, tasks: Sequence[Task], rows: Rows, batch_size: int) -> float:
    """Return the weighted sum of the mean losses of tasks over all rows, without dropout."""
    sums = np.zeros(len(tasks))
    found = run_over(
        [net],
        rows.view,
        rows.samples,
        batch_size=batch_size,
        read=Net.forward,
        batches=batches_of(rows.lengths, batch_size),
    )
    for places, [numbers] in found:
        for k, task in enumerate(tasks):
            target = torch.from_numpy(rows.targets[task.name][places])
            here = torch.from_numpy(rows.present[task.name][places])
            of_task = numbers[task.name].float().cpu()
            sums[k] += float(row_losses(task, of_task, target, here).double().sum())
    counts = np.array([rows.present[task.name].sum() for task in tasks])
    weights = np.array([task.weight for task in tasks])
    return float((weights * sums / counts).sum())


def ema_decay(ema: float, step: int) -> float:
    """Return the decay of averaged weights at a step, which warms up.

    It is ``min(ema, (1 + step) / (10 + step))``, as TensorFlow's ``ExponentialMovingAverage`` has
    it: without, a run of few steps would mostly average the fresh weights.

    Args:
        ema: the decay after the warm-up.
        step: steps averaged before, from 1; the weights of the first step are taken as they are.
    """
    return min(ema, (1 + step) / (10 + step))


def _averaging(ema: float) -> Callable[[Any, Any, Any], None]:
    """Return how averaged weights are moved towards those of a step, in place."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, steps: Tensor) -> None:
        torch._foreach_lerp_(averaged, current, 1 - ema_decay(ema, int(steps)))

    return update
