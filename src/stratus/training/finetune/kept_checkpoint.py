"""A net of a fine-tuning that is not finished, opened without the run going on.

Beside the weights of its nets, ``OUT.parts`` has a description of each in ``models``, as a bundle
has one: heads, tasks and normalisers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stratus.corpora.documents import read_json, validated
from stratus.errors import InputError
from stratus.files.whole import write_whole
from stratus.models.bundle import describe, read_view_files
from stratus.models.card import Card
from stratus.models.description import Description
from stratus.models.model import Model
from stratus.models.skeleton import build_skeleton
from stratus.training.checkpoints import net_weights, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from stratus.models.net import Net
    from stratus.training.finetune.start import Start

_MODELS: Final = "models"


def write_kept_description(place: Path, seed: int, net: Net, start: Start) -> None:
    """Write what a net is, beside where its weights go.

    Raises:
        OSError: it cannot be written.
    """
    text = describe([net], start.architecture, start.view).model_dump_json(indent=1)
    (place / _MODELS).mkdir(exist_ok=True)
    for name, content in start.view.files().items():
        write_whole(place / _MODELS / name, content)
    write_whole(place / _MODELS / f"{seed:014x}.json", text)


def is_kept(folder: str | Path) -> bool:
    """Return whether a folder is called as a net of an unfinished fine-tuning is."""
    folder = Path(folder).resolve()
    return folder.name.startswith("net-") or folder.parent.name.startswith("fit-")


def open_kept(folder: str | Path) -> Model:
    """Open ``OUT.parts/net-SEED``, which is finished, or ``OUT.parts/fit-SEED/step-000123``.

    Args:
        folder: of the weights; averaged ones are taken where the run averages.

    Returns:
        A model of this net alone, on the CPU and in evaluation mode, without calibration.

    Raises:
        stratus.errors.InputError: its description is missing or does not fit the weights.
        stratus.errors.ResumeError: the weights are damaged.
    """
    folder = Path(folder).resolve()
    finished = folder.name.startswith("net-")
    place, _, seed = (folder if finished else folder.parent).name.partition("-")
    models = (folder.parent if place == "net" else folder.parent.parent) / _MODELS
    path = models / f"{seed}.json"
    if not path.is_file():
        raise InputError(
            f"{folder} lies in no unfinished run of `stratus finetune`: {path} is missing, which "
            "says what net it is of"
        )
    description = validated(Description, read_json(path), path)
    skeleton = build_skeleton(description, read_view_files(models), path)
    state = read_checkpoint(folder)
    net = skeleton.members[0]
    weights = state["weights"] if finished else net_weights(state)
    if _shapes(weights) != _shapes(net.state_dict()):
        raise InputError(f"{folder} holds no weights of the net that {path} describes")
    net.load_state_dict(weights, assign=True, strict=False)  # its other tensors are built already
    return Model(
        members=(net.eval(),),
        view=skeleton.view,
        card=Card(
            name=f"{folder.parent.name}/{folder.name}",
            summary="A net of a fine-tuning that is not finished.",
            licence_code="MIT",
            licence_weights="not stated",
            intended_use="To be measured.",
            limits="Not calibrated, and not all nets of its run.",
        ),
        architecture=description.architecture,
    )


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
