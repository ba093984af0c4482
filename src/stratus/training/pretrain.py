"""Pre-train an encoder on a table of SCOPE strings, in a folder from which it can go on."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from stratus.encoders.table import architecture, configure, in_words
from stratus.errors import InputError, ResumeError, StratusError
from stratus.files.lock import sole_writer
from stratus.scope.vocabulary import vocabulary
from stratus.tasks.masked_tokens import MaskedTokenHead
from stratus.training.checkpoints import (
    SealedCheckpoints,
    newest,
    read_checkpoint,
    step_folder,
)
from stratus.training.data import MaskedBatches
from stratus.training.device import (
    device_here,
    own_random_numbers,
    resolve_precision,
    trainer_precision,
)
from stratus.training.epochs import n_batches
from stratus.training.events import Started
from stratus.training.finish import PretrainSummary, finish, make_card, read_summary
from stratus.training.lightning_logging import quiet_lightning
from stratus.training.logs import CsvLog, cut_after
from stratus.training.module import MaskedTokenModule
from stratus.training.options import PretrainOptions
from stratus.training.run_folder import RunFolder, is_first_process
from stratus.training.schedule_callback import Rhythm
from stratus.training.throughput import Meter, cost_of, n_parameters, peak_flops
from stratus.views.table import view as make_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from stratus.corpora.tokens.corpus import TokenCorpora
    from stratus.training.events import Event, OnProgress
    from stratus.views.view import View

TENSORBOARD: Final = "tensorboard"


def pretrain(
    table: str | Path,
    run_folder: str | Path,
    options: PretrainOptions | None = None,
    *,
    resume: bool = False,
    card: Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> PretrainSummary | None:
    """Pre-train an encoder by guessing masked tokens (BERT, arXiv 1810.04805).

    Args:
        table: the Parquet of ``stratus encode``, in the orbit dialect.
        run_folder: where everything goes: options, token corpus, checkpoints, logs, metrics and,
            at the end, the model as ``bundle``.
        options: what may be set.
        resume: whether to go on with the run in ``run_folder``. The result is then, on one device,
            the same bit for bit as if it had never been interrupted.
        card: values for the model's card that the run cannot know: licences, origin of the data.
        on_progress: told what happens.

    Returns:
        The scores of the model and of the baselines on the test split; None in the other
        processes of a run on several devices, of which the first does the rest.

    Raises:
        stratus.errors.InputError: the table, an option or the card cannot be used, or another
            run is writing the folder.
        stratus.errors.ResumeError: an option differs from that of the run.
        stratus.errors.StratusError: the disk is full, or the loss is not finite.
    """
    table, options = Path(table), options or PretrainOptions()
    make_card(card, options, table.name)  # refuse a wrong one before the work
    with sole_writer(Path(run_folder)) if is_first_process() else nullcontext():
        setup = _set_up(table, Path(run_folder), options, resume=resume)
        return _run(setup, card, on_progress or _ignore, resume=resume)


def _run(
    setup: _Setup, card: Mapping[str, Any] | None, tell: OnProgress, *, resume: bool
) -> PretrainSummary | None:
    run = setup.run
    if resume and run.metrics.exists():
        return read_summary(run)
    first_step, state = _last_state(run) if resume else (0, None)
    if is_first_process():
        run.sweep()
        cut_after(run.logs, first_step)
    with quiet_lightning(), own_random_numbers(_device(setup.options)):
        best_step, meter = _train(setup, first_step, state, tell)
    if not is_first_process():
        return None
    best = read_checkpoint(step_folder(run.checkpoints, best_step))
    setup.module.load_state_dict(best["state_dict"])
    return finish(
        run,
        setup.module,
        data=setup.data,
        corpora=setup.corpora,
        best_step=best_step,
        card=card,
        speed=meter.total() if meter else {},
        device=_device(setup.options),
    )


@dataclass
class _Setup:
    run: RunFolder
    options: PretrainOptions
    corpora: TokenCorpora
    config: BaseModel
    data: MaskedBatches
    module: MaskedTokenModule
    steps: int
    steps_per_epoch: int


def _set_up(table: Path, folder: Path, options: PretrainOptions, *, resume: bool) -> _Setup:
    _check_devices(options, resume=resume)
    if not table.is_file():
        raise InputError(f"{table} is no file; give the Parquet that `stratus encode` wrote")
    words = vocabulary()
    config: Any = configure(
        options.encoder, options.preset, **{"vocabulary_size": len(words)} | options.model
    )
    kind = architecture(options.encoder)
    view = make_view(kind.view, words, config.max_length)
    generator = torch.Generator().manual_seed(options.seed)
    encoder = kind.build(config, generator)
    head = MaskedTokenHead(config.hidden, len(words), view.fields, generator=generator)
    run = RunFolder(folder)
    corpora = _corpora(run, table, options, _most_tokens(view), resume=resume)
    data = MaskedBatches(corpora, view, options, 0)
    steps_per_epoch = n_batches(len(corpora.train), options.batch_size)
    steps = options.steps or options.epochs * steps_per_epoch
    module = MaskedTokenModule(encoder, head, options, steps)
    return _Setup(run, options, corpora, config, data, module, steps, steps_per_epoch)


def _corpora(
    run: RunFolder, table: Path, options: PretrainOptions, max_tokens: int, *, resume: bool
) -> TokenCorpora:
    if not is_first_process():
        return run.join()
    if resume:
        return run.go_on(table, options, max_tokens)
    return run.begin(table, options, max_tokens)


def _most_tokens(view: View) -> int:
    """Return the most tokens with which every string fits into the encoder."""
    most = view.max_length
    while view.length(most + 1) <= view.max_length:
        most += 1
    return most


def _last_state(run: RunFolder) -> tuple[int, dict[str, Any] | None]:
    def has_its_best(state: dict[str, Any]) -> None:
        step, best = state["global_step"], state["callbacks"][Rhythm.__name__]["best_step"]
        if best and best != step:
            read_checkpoint(step_folder(run.checkpoints, best))

    return newest(run.checkpoints, has_its_best) or (0, None)


def _train(
    setup: _Setup, first_step: int, state: dict[str, Any] | None, on_progress: OnProgress
) -> tuple[int, Meter | None]:
    """Do the steps that are left; return the best step and the work done."""
    run, options, module = setup.run, setup.options, setup.module
    setup.data.first_step = first_step
    config: Any = setup.config
    cost = cost_of(module.encoder, module.head, hidden=config.hidden, layers=config.layers)
    precision = _precision(options)

    def make_meter(trainer: Trainer) -> Meter:
        peak = peak_flops(trainer.strategy.root_device, precision)
        return Meter(peak * trainer.world_size if peak else None)

    def started(trainer: Trainer) -> None:
        if trainer.is_global_zero:
            on_progress(_started(setup, first_step, trainer, precision))

    rhythm = Rhythm(
        options=options,
        steps=setup.steps,
        steps_per_epoch=setup.steps_per_epoch,
        checkpoints=run.checkpoints,
        validation=setup.data.validation,
        cost=cost,
        meter=make_meter,
        on_start=started,
        on_progress=on_progress,
    )
    if state is not None:
        rhythm.load_state_dict(state["callbacks"][Rhythm.__name__])
    if first_step < setup.steps and not rhythm.stopped_early:
        trainer = _trainer(run, options, setup.steps, first_step, rhythm)
        path = step_folder(run.checkpoints, first_step) if state is not None else None
        try:
            trainer.fit(module, datamodule=setup.data, ckpt_path=str(path) if path else None)
        except OSError as error:
            raise StratusError(
                f"{run.path} could not be written ({error}): make room, then go on with --resume"
            ) from error
    return rhythm.best_step, rhythm.meter


def _trainer(
    run: RunFolder, options: PretrainOptions, steps: int, first_step: int, rhythm: Rhythm
) -> Trainer:
    began = (run.logs / TENSORBOARD).exists()
    tensorboard = TensorBoardLogger(  # it hides what an interrupted run logged after its checkpoint
        run.logs, name="", version=TENSORBOARD, purge_step=first_step + 1 if began else None
    )
    return Trainer(
        accelerator=_device(options).type,
        devices=options.devices,
        num_nodes=options.nodes,
        strategy=_strategy(options),
        precision=trainer_precision(_precision(options)),
        max_steps=steps,
        max_epochs=-1,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        gradient_clip_val=options.clip_norm,
        logger=[CsvLog(run.logs), tensorboard],
        callbacks=[rhythm],
        plugins=[SealedCheckpoints()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        default_root_dir=run.path,
    )


def _strategy(options: PretrainOptions) -> Any:
    if options.strategy == "fsdp":
        from lightning.pytorch.strategies import FSDPStrategy

        from stratus.encoders.transformer import Block

        return FSDPStrategy(auto_wrap_policy={Block}, state_dict_type="full", use_orig_params=True)
    several = options.devices * options.nodes > 1
    return "ddp" if several or options.strategy == "ddp" else "auto"


def _check_devices(options: PretrainOptions, *, resume: bool) -> None:
    cuda = torch.cuda.is_available()
    if options.strategy == "fsdp" and not cuda:
        raise InputError(
            "strategy fsdp needs GPUs with CUDA and there is none here; use ddp or auto"
        )
    if options.strategy == "fsdp" and resume:
        raise ResumeError("a run with strategy fsdp cannot be resumed yet; use ddp, which can")
    if options.accelerator == "cuda" and not cuda:
        raise InputError("accelerator cuda needs a GPU with CUDA and there is none here; use cpu")
    world = options.devices * options.nodes
    if options.batch_size < world:
        raise InputError(
            f"a batch of {options.batch_size} crystals cannot be shared by {world} devices"
        )


def _device(options: PretrainOptions) -> torch.device:
    return device_here(options.accelerator)


def _precision(options: PretrainOptions) -> str:
    return resolve_precision(options.precision, _device(options))


def _started(setup: _Setup, first_step: int, trainer: Trainer, precision: str) -> Started:
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    train = setup.corpora.train
    return Started(
        encoder=in_words(setup.options.encoder, setup.options.preset, setup.options.model),
        corpus=setup.corpora.info,
        parameters=n_parameters(setup.module),
        tokens_per_epoch=int(train.lengths.sum()),
        steps=setup.steps,
        steps_per_epoch=setup.steps_per_epoch,
        from_step=first_step,
        device=name if trainer.world_size == 1 else f"{trainer.world_size} x {name}",
        precision=precision,
    )


def _ignore(_: Event) -> None:
    """Nobody listens."""
