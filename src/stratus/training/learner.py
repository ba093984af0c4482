"""A net that learns: the one module that Lightning trains, whatever is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule
from torch.optim.swa_utils import AveragedModel

from stratus.training.device import seed_dropout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lightning.pytorch import Trainer
    from torch import Tensor, nn
    from torch.optim import Optimizer

    from stratus.objectives.objective import Objective, Step

_AVERAGED = "averaged"


class Learner(LightningModule):
    """A net and its objective.

    The loss of a step, and so its gradient, is that of the whole batch, on however many devices it
    lies: each has its share times the number of devices, and DDP takes the mean.

    Args:
        net: has an ``encoder``; read by the objective.
        objective: what is learned.
        batches: makes the steps of this process, without end.
        optimiser: makes the optimiser and its schedule, as ``configure_optimizers`` may.
        dropout_key: makes of rank and step the numbers that dropout depends on.
        ema: decay of averaged weights, which are then the ones that are scored; None: none.
        frozen_steps: steps in which the encoder does not learn.
    """

    def __init__(
        self,
        net: nn.Module,
        objective: Objective,
        *,
        batches: Callable[[Trainer], Iterable[Step]],
        optimiser: Callable[[], Any],
        dropout_key: Callable[[int, int], tuple[int, ...]],
        ema: float | None = None,
        frozen_steps: int = 0,
    ) -> None:
        super().__init__()
        self.net = net
        self.objective = objective
        self._batches = batches
        self._optimiser = optimiser
        self._dropout_key = dropout_key
        self._frozen_steps = frozen_steps
        averaged = [] if ema is None else [average_of(net, ema)]
        self._averaged = averaged  # in a list, so that it is no part of what DDP trains

    @property
    def scored(self) -> nn.Module:
        """The net whose scores count, and whose weights are kept if they are the best."""
        return self._averaged[0].module if self._averaged else self.net

    def train_dataloader(self) -> Iterable[Step]:
        """Return the steps of this process."""
        return self._batches(self.trainer)

    def training_step(self, step: Step, _index: int) -> Tensor:
        """Return the loss of this device, times the number of devices."""
        losses = self.objective.losses(self.net, step)
        return self.objective.total(losses, self.trainer.world_size)

    def validation_step(self, step: Step, _index: int) -> Tensor:
        """Return what scores are made of, float64."""
        return self.objective.sums(self.scored, step)

    def average(self) -> None:
        """Take the weights of a step into the averaged ones, if there are any."""
        for averaged in self._averaged:
            averaged.update_parameters(self.net)

    def on_train_start(self) -> None:
        """Bring the averaged weights to where the net is."""
        for averaged in self._averaged:
            averaged.to(self.device)

    def on_train_batch_start(self, _step: object, _index: int) -> None:
        """Freeze or thaw the encoder; let dropout depend on a key alone."""
        step = self.trainer.global_step
        if self._frozen_steps and self.trainer.world_size == 1:
            self.net.get_submodule("encoder").requires_grad_(step >= self._frozen_steps)
        seed_dropout(*self._dropout_key(self.trainer.global_rank, step))

    def on_after_backward(self) -> None:
        """Drop the gradients of a frozen encoder where DDP, which counts on all, has made them."""
        if self.trainer.global_step < self._frozen_steps and self.trainer.world_size > 1:
            for weight in self.net.get_submodule("encoder").parameters():
                weight.grad = None

    def configure_optimizers(self) -> Any:
        """Return the optimiser and the schedule of each step."""
        return self._optimiser()

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the norm of all gradients, also for a fused optimiser under bf16.

        Lightning refuses that, in case gradients are scaled; those of bf16 are not. What is not
        fused, as the shards of FSDP are not, it does itself.
        """
        fused = all(group.get("fused") for group in optimizer.param_groups)
        if gradient_clip_val is not None and fused:
            torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write the averaged weights too."""
        for averaged in self._averaged:
            checkpoint[_AVERAGED] = dict(averaged.state_dict())

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up the averaged weights."""
        for averaged in self._averaged:
            averaged.load_state_dict(checkpoint[_AVERAGED])

    def transfer_batch_to_device(
        self,
        batch: Step,
        device: torch.device,
        dataloader_idx: int,  # noqa: ARG002 - Lightning's interface
    ) -> Step:
        """Send a step to the device, but for what is read as numbers."""
        return to_device(batch, device)


def to_device(step: Step, device: torch.device) -> Step:
    """Return a step on a device; its sizes stay on the CPU, so that no device is waited for."""

    def there(tensors: Any) -> dict[str, Tensor]:
        return {key: value.to(device, non_blocking=True) for key, value in tensors.items()}

    return step._replace(
        inputs=there(step.inputs), targets=there(step.targets), present=there(step.present)
    )


def ema_decay(ema: float, step: int) -> float:
    """Return the decay of averaged weights at a step, which warms up.

    It is ``min(ema, (1 + step) / (10 + step))``, as TensorFlow's ``ExponentialMovingAverage`` has
    it: without, a run of few steps would mostly average the fresh weights.

    Args:
        ema: the decay after the warm-up.
        step: steps averaged before, from 1; the weights of the first step are taken as they are.
    """
    return min(ema, (1 + step) / (10 + step))


def average_of(net: nn.Module, ema: float) -> AveragedModel:
    """Return the averaged weights of a net, before the first step.

    Statistics that norms keep of their batches are averaged like the weights: those of the last
    step belong to the weights of the last step. What is no fraction, such as a count, is copied.

    Args:
        net: that learns; ``update_parameters`` takes it after each step.
        ema: the decay after the warm-up.
    """
    return AveragedModel(net, multi_avg_fn=_averaging(ema), use_buffers=True)


def _averaging(ema: float) -> Callable[[Any, Any, Any], None]:
    """Return how averaged tensors of one dtype are moved towards those of a step, in place."""

    @torch.no_grad()
    def update(averaged: Any, current: Any, steps: Tensor) -> None:
        if averaged[0].is_floating_point():
            torch._foreach_lerp_(averaged, current, 1 - ema_decay(ema, int(steps)))
        else:
            torch._foreach_copy_(averaged, current)

    return update
