"""A checkpoint of a pre-training run, opened without the run going on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stratus.errors import InputError
from stratus.training.checkpoints import STATE, net_weights, read_checkpoint
from stratus.training.option_layers import read_options
from stratus.training.options import make_options
from stratus.training.pretrain import make_net
from stratus.training.run_folder import RunFolder

if TYPE_CHECKING:
    from stratus.models.net import Net
    from stratus.training.options import PretrainOptions
    from stratus.views.token_view import TokenView


@dataclass(frozen=True)
class RunCheckpoint:
    """The net of a pre-training run after some steps.

    Attributes:
        net: in evaluation mode, with the weights of that step; averaged ones where the run
            averages.
        view: how its encoder sees a crystal.
        options: of the run.
        step: steps done.
    """

    net: Net
    view: TokenView
    options: PretrainOptions
    step: int


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder is a checkpoint, and no bundle."""
    return (folder / STATE).is_file()


def open_checkpoint(folder: str | Path) -> RunCheckpoint:
    """Open ``RUN/checkpoints/step-000123``.

    Raises:
        stratus.errors.InputError: it is no checkpoint of a run of ``stratus pretrain``.
        stratus.errors.ResumeError: it is damaged.
    """
    folder = Path(folder)
    run = RunFolder(folder.resolve().parent.parent)
    if not run.options.is_file():
        raise InputError(
            f"{folder} lies in no run of `stratus pretrain`: {run.options} is missing, which says "
            "what net it is of"
        )
    options = make_options(read_options(run.options))
    net, view, _ = make_net(options)
    state = read_checkpoint(folder)
    try:
        net.load_state_dict(net_weights(state))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{folder} holds no weights of this net ({reason})") from None
    return RunCheckpoint(net.eval(), view, options, int(state["global_step"]))
