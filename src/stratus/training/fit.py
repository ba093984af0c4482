"""The one way to fit a net: optimiser, trainer, checkpoints, logs, and the best weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.optim.lr_scheduler import LambdaLR

from stratus.errors import InputError, ResumeError, StratusError
from stratus.training.checkpoints import SealedCheckpoints, newest, step_folder, sweep
from stratus.training.device import (
    device_here,
    is_first_process,
    own_random_numbers,
    resolve_precision,
    trainer_precision,
)
from stratus.training.events import FitStarted
from stratus.training.layers import parameter_groups
from stratus.training.learner import Learner
from stratus.training.lightning_logging import quiet_lightning
from stratus.training.loader import Endless, Loader
from stratus.training.logs import CsvLog, cut_after
from stratus.training.schedule_callback import ScheduleCallback
from stratus.training.throughput import Meter, n_parameters, peak_flops

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from stratus.objectives.objective import Objective, Source, Step
    from stratus.training.events import FitEvent, OnFitEvent
    from stratus.training.fit_options import FitOptions

TENSORBOARD: Final = "tensorboard"


@dataclass(frozen=True)
class FitFolder:
    """Where a fit writes, and from where it goes on.

    Attributes:
        checkpoints: folder of the checkpoints; None: none are written.
        logs: folder of the curves, as CSV and for TensorBoard.
        required: whether a checkpoint that cannot be written ends the fit.
    """

    checkpoints: Path | None
    logs: Path
    required: bool = True


@dataclass(frozen=True)
class Fitted:
    """What a fit came to.

    Attributes:
        epochs: how many there were.
        best_epoch: the one whose weights were chosen, from 1.
        best_step: the step whose weights were chosen.
        validation_loss: of these weights.
        train_losses: up to each validation, mean over the training rows as the steps since the
            last one saw them, with dropout and with whatever was hidden.
        validation_losses: of each validation.
        speed: amounts, seconds and rates of the steps done now; empty where none was.
    """

    epochs: int
    best_epoch: int
    best_step: int
    validation_loss: float
    train_losses: tuple[float, ...]
    validation_losses: tuple[float, ...]
    speed: Mapping[str, float] = field(default_factory=dict, compare=False)


def fit(  # noqa: PLR0913 - all that a fit depends on
    net: nn.Module,
    objective: Objective,
    train: Source,
    validation: Source,
    options: FitOptions,
    *,
    seed: int,
    dropout_key: Callable[[int, int], tuple[int, ...]],
    run: FitFolder | None = None,
    flops: Callable[[Step], int] | None = None,
    on_event: OnFitEvent | None = None,
) -> Fitted:
    """Fit a net; afterwards it has the weights with the lowest validation loss.

    Args:
        net: has an ``encoder``; on the CPU before and after, and in evaluation mode after.
        objective: what is learned.
        train: rows to learn from.
        validation: rows to choose the weights with, always the same.
        options: of the run.
        seed: decides the order of the rows.
        dropout_key: makes of rank and step the numbers that dropout depends on.
        run: where checkpoints and curves go; a fit that was interrupted goes on from its newest
            checkpoint, on one device to the same bits as if it had not been. None: nowhere.
        flops: operations of a step of this process, forward and backward, if they are counted.
        on_event: called with what happens, in the first process.

    Raises:
        stratus.errors.StratusError: the disk is full, or a loss is not finite.
    """
    per_epoch = len(Loader(train, options.batch_size, seed))
    steps = options.n_steps(per_epoch)
    device = device_here(options.accelerator)
    precision = resolve_precision(options.precision, device)
    checkpoints = run.checkpoints if run else None
    first_step, state = (newest(checkpoints) if checkpoints else None) or (0, None)
    if run is not None and is_first_process():
        cut_after(run.logs, first_step)
    if checkpoints is not None and is_first_process():
        sweep(checkpoints)

    def loader(trainer: Trainer, source: Source, *, shuffle: bool) -> Loader:
        return Loader(
            source,
            options.batch_size,
            seed,
            rank=trainer.global_rank,
            world=trainer.world_size,
            shuffle=shuffle,
        )

    def make_meter(trainer: Trainer) -> Meter:
        peak = peak_flops(trainer.strategy.root_device, precision) if flops else None
        return Meter(peak * trainer.world_size if peak else None, objective.unit)

    def started(trainer: Trainer) -> None:
        if trainer.is_global_zero:
            tell(_started(net, trainer, steps, per_epoch, first_step, precision))

    tell = on_event or _ignore
    callback = ScheduleCallback(
        options=options,
        steps=steps,
        steps_per_epoch=per_epoch,
        validation=lambda trainer: loader(trainer, validation, shuffle=False),
        flops=flops,
        meter=make_meter,
        checkpoints=checkpoints,
        on_start=started,
        on_event=tell,
    )
    if state is not None:
        callback.load_state_dict(state["callbacks"][ScheduleCallback.__name__])
    if first_step < steps and not callback.stops_early:
        learner = Learner(
            net,
            objective,
            optimiser=lambda: make_optimiser(net, options, steps),
            batches=lambda trainer: Endless(loader(trainer, train, shuffle=True), first_step),
            dropout_key=dropout_key,
            ema=options.ema,
            frozen_steps=options.freeze_epochs * per_epoch,
        )
        with quiet_lightning(), own_random_numbers(device):
            trainer = _trainer(options, steps, callback, device, precision, run, first_step)
            path = str(step_folder(checkpoints, first_step)) if checkpoints and state else None
            try:
                trainer.fit(learner, ckpt_path=path)
            except OSError as error:
                if run is None:
                    raise
                raise StratusError(
                    f"{run.logs.parent} could not be written ({error}): make room, then go on "
                    "with --resume"
                ) from error
    net.cpu()
    if callback.weights:  # of FSDP, they are in the first process alone
        net.load_state_dict(callback.weights)
    net.requires_grad_().eval()
    return Fitted(
        epochs=callback.epoch_of(callback.step),
        best_epoch=callback.epoch_of(callback.best_step),
        best_step=callback.best_step,
        validation_loss=callback.best_loss,
        train_losses=tuple(callback.train_losses),
        validation_losses=tuple(callback.losses),
        speed=callback.meter.total() if callback.meter else {},
    )


def check_devices(options: FitOptions, *, resume: bool) -> None:
    """Refuse devices that are not there.

    Raises:
        stratus.errors.InputError: a device is not here, or there are more than crystals in a batch.
        stratus.errors.ResumeError: the strategy cannot go on with a run.
    """
    cuda = torch.cuda.is_available()
    if options.strategy == "fsdp" and not cuda:
        raise InputError(
            "strategy fsdp needs GPUs with CUDA and there is none here; use ddp or auto"
        )
    if options.strategy == "fsdp" and resume:
        raise ResumeError("a run with strategy fsdp cannot be resumed yet; use ddp, which can")
    if options.strategy == "fsdp" and options.ema is not None:
        raise InputError("weights cannot be averaged with strategy fsdp; leave ema out or use ddp")
    if options.accelerator == "cuda" and not cuda:
        raise InputError("accelerator cuda needs a GPU with CUDA and there is none here; use cpu")
    if options.batch_size < options.world:
        raise InputError(
            f"a batch of {options.batch_size} crystals cannot be shared by {options.world} devices"
        )


def make_optimiser(net: nn.Module, options: FitOptions, steps: int) -> Any:
    """Return AdamW (arXiv 1711.05101) with a rate for each layer, and the schedule of steps."""
    optimizer = torch.optim.AdamW(
        parameter_groups(
            net,
            rate=options.peak_rate,
            weight_decay=options.weight_decay,
            layer_decay=options.layer_decay,
        ),
        betas=options.betas,
        eps=options.epsilon,
        fused=options.strategy != "fsdp",
    )
    schedule = LambdaLR(optimizer, options.schedule(steps))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _trainer(  # noqa: PLR0917 - private, called once
    options: FitOptions,
    steps: int,
    callback: ScheduleCallback,
    device: torch.device,
    precision: str,
    run: FitFolder | None,
    first_step: int,
) -> Trainer:
    return Trainer(
        accelerator=device.type,
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=_strategy(options),
        precision=trainer_precision(precision),
        max_steps=steps,
        max_epochs=-1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        gradient_clip_val=options.clip_norm,
        logger=_loggers(run, first_step) if run else False,
        callbacks=[callback],
        plugins=[SealedCheckpoints(required=run.required)] if run else None,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=run.logs.parent if run else None,
    )


def _loggers(run: FitFolder, first_step: int) -> list[Any]:
    began = (run.logs / TENSORBOARD).exists()
    tensorboard = TensorBoardLogger(  # it hides what an interrupted run logged after its checkpoint
        run.logs, name="", version=TENSORBOARD, purge_step=first_step + 1 if began else None
    )
    return [CsvLog(run.logs), tensorboard]


def _strategy(options: FitOptions) -> Any:
    if options.strategy == "fsdp":
        from lightning.pytorch.strategies import FSDPStrategy

        from stratus.encoders.transformer import Block

        return FSDPStrategy(auto_wrap_policy={Block}, state_dict_type="full", use_orig_params=True)
    return "ddp" if options.world > 1 or options.strategy == "ddp" else "auto"


def _started(
    net: nn.Module, trainer: Trainer, steps: int, per_epoch: int, first_step: int, precision: str
) -> FitStarted:
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return FitStarted(
        parameters=n_parameters(net),
        steps=steps,
        steps_per_epoch=per_epoch,
        from_step=first_step,
        device=name if trainer.world_size == 1 else f"{trainer.world_size} x {name}",
        precision=precision,
    )


def _ignore(_: FitEvent) -> None:
    """Nobody listens."""
