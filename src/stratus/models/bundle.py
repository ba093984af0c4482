"""A model on disk: a sealed folder that is saved whole, and loaded only if all of it is right.

The layout is in ``docs/reference/bundles.md``. Loading runs nothing that is in the folder, imports
nothing that it names, and never asks the network.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from shutil import copymode
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from safetensors import SafetensorError

from stratus.corpora.documents import read_json, read_text, validated
from stratus.encoders.table import architecture as find_architecture
from stratus.errors import InputError, StratusError
from stratus.files.sealed import MANIFEST, sealing, verify
from stratus.heads.law import law_head
from stratus.heads.table import kind_of
from stratus.models.card import CARD_FILE, Card, read_card, write_card
from stratus.models.description import (
    DESCRIPTION_FILE,
    Description,
    HeadDescription,
    MemberDescription,
    ViewDescription,
    read_description,
)
from stratus.models.model import Model
from stratus.models.net import check_alike
from stratus.models.seen import SEEN_FILE, SeenFormulas, read_seen, write_seen
from stratus.models.skeleton import build_skeleton
from stratus.models.weights import (
    WEIGHTS_FILE,
    check_layout,
    fill,
    layout_of,
    read_layout,
    write_weights,
)
from stratus.tasks.conformal import Calibration
from stratus.tasks.domain import Domain
from stratus.views.table import VIEW_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from stratus.models.net import Net
    from stratus.views.view import View

METRICS_FILE: Final = "metrics.json"
CALIBRATION_FILE: Final = "calibration.json"
DOMAIN_FILE: Final = "domain.json"
CARRIED: Final = ("predictions.csv", "options.yaml")
"""Files for people that a bundle may hold; they are sealed with it, and never read."""

_ALWAYS: Final = frozenset({DESCRIPTION_FILE, WEIGHTS_FILE, CARD_FILE})
_SOMETIMES: Final = frozenset(
    {METRICS_FILE, CALIBRATION_FILE, DOMAIN_FILE, SEEN_FILE, *VIEW_FILES, *CARRIED}
)
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


def save_bundle(  # noqa: PLR0913 - everything that a model on disk is
    folder: str | Path,
    *,
    members: Sequence[Net],
    architecture: str,
    view: View,
    card: Card,
    metrics: Mapping[str, Any] = _NOTHING,
    calibration: Calibration | None = None,
    domain: Domain | None = None,
    seen: SeenFormulas | None = None,
    carried: Mapping[str, str] = _NOTHING,
    replace: bool = False,
) -> None:
    """Save a model as a folder, which appears whole or not at all.

    Args:
        folder: where to; it must not be there yet.
        members: encoders of the architecture, in float32, with their heads; all of one config
            and with heads for the same things.
        architecture: its name in the table of architectures.
        view: how its encoders see a crystal.
        card: what a person must know about it.
        metrics: plain values for ``metrics.json``, which is written if there are any.
        calibration: what intervals are made from, for ``calibration.json``.
        domain: what its heads learned from, for ``domain.json``.
        seen: the formulas that its weights have seen, for ``seen.safetensors``.
        carried: text of the files of :data:`CARRIED` that go with it, by name.
        replace: whether a folder that is there already is replaced.

    Raises:
        stratus.errors.InputError: the parts do not fit each other, or the folder is there
            already; the message names what is wrong.
        stratus.errors.StratusError: the disk is full or may not be written.
    """
    folder = Path(folder)
    where = f"{folder} cannot be saved"
    members = tuple(members)
    check_alike(members, where)
    for name in carried:
        if name not in CARRIED:
            raise InputError(f"{where}: a bundle carries {' and '.join(CARRIED)}, not {name}")
    description, files = describe(members, architecture, view), view.files()
    skeleton = build_skeleton(description, files, where)
    check_layout(layout_of(members), layout_of(skeleton.members), where)
    if calibration is not None:
        _check_calibration(calibration, skeleton.members, where)
    if domain is not None:
        _check_domain(domain, skeleton.members, where)
    with _room(folder), sealing(folder, replace=replace) as draft:
        _write(draft / DESCRIPTION_FILE, description.model_dump_json(indent=1))
        for name, text in files.items():
            _write(draft / name, text)
        write_card(draft, card)
        if metrics:
            _write(draft / METRICS_FILE, _metrics_text(metrics))
        if calibration is not None:
            _write(draft / CALIBRATION_FILE, calibration.model_dump_json())
        if domain is not None:
            write_domain(draft, domain)
        if seen is not None:
            write_seen(draft, seen)
        for name, text in carried.items():
            (draft / name).write_text(text, encoding="utf-8", newline="")
        write_weights(draft, members)
        copymode(draft / DESCRIPTION_FILE, draft / WEIGHTS_FILE)  # else only the owner may read it


@contextmanager
def _room(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise StratusError(
            f"{folder} could not be written ({error}); make room and repeat"
        ) from error


def load_bundle(folder: str | Path) -> Model:
    """Load a model from its folder, after checking all of it.

    Args:
        folder: a bundle.

    Returns:
        The model, on the CPU and in evaluation mode.

    Raises:
        stratus.errors.InputError: it is no bundle, a byte has changed, a file is missing or was
            added, a name or key is unknown, a tensor does not fit, or another version of stratus
            made it; the message names what is wrong.
    """
    folder = Path(folder)
    check_files(folder)
    description = read_description(folder)
    tensors = len(read_layout(folder / WEIGHTS_FILE))
    files = read_view_files(folder)
    skeleton = build_skeleton(description, files, folder / DESCRIPTION_FILE, tensors)
    card = read_card(folder)
    metrics = read_metrics(folder)
    calibration = _read_calibration(folder, skeleton.members)
    domain = _read_domain(folder, skeleton.members)
    seen = read_seen(folder)
    fill(skeleton.members, folder / WEIGHTS_FILE)
    return Model(
        members=skeleton.members,
        view=skeleton.view,
        card=card,
        architecture=description.architecture,
        metrics=metrics,
        calibration=calibration,
        domain=domain,
        seen=seen,
    )


def check_files(folder: Path) -> dict[str, str]:
    """Check that a folder holds the files of a bundle, each with its bytes.

    Returns:
        The SHA-256 of each file.

    Raises:
        stratus.errors.InputError: it does not; the message names the file.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "is not there"
        raise InputError(f"{folder} {what}; a model is a folder with {MANIFEST} in it")
    digests = verify(folder)
    for name in sorted(_ALWAYS - digests.keys()):
        raise InputError(f"{folder} is no bundle: it has no {name}")
    for name in sorted(digests.keys() - _ALWAYS - _SOMETIMES):
        raise InputError(f"{folder / name} is no file of a bundle; remove it")
    return digests


def read_view_files(folder: Path) -> dict[str, str]:
    """Read the files of the view of a bundle, by name; those that are there.

    Raises:
        stratus.errors.InputError: one is no text.
    """
    return {name: read_text(folder / name) for name in VIEW_FILES if (folder / name).exists()}


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read ``metrics.json``; nothing if it is not there.

    Raises:
        stratus.errors.InputError: it is no table of plain values.
    """
    path = folder / METRICS_FILE
    if not path.exists():
        return {}
    values = read_json(path)
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no table of metrics")
    return values


def _read_calibration(folder: Path, members: Sequence[Net]) -> Calibration | None:
    path = folder / CALIBRATION_FILE
    if not path.exists():
        return None
    calibration = validated(Calibration, read_json(path), path)
    _check_calibration(calibration, members, path)
    return calibration


def write_domain(folder: Path, domain: Domain) -> None:
    """Write ``domain.json``."""
    _write(folder / DOMAIN_FILE, domain.model_dump_json(indent=1, exclude_none=True))


def _read_domain(folder: Path, members: Sequence[Net]) -> Domain | None:
    path = folder / DOMAIN_FILE
    if not path.exists():
        return None
    domain = validated(Domain, read_json(path), path)
    _check_domain(domain, members, path)
    return domain


def _check_domain(domain: Domain, members: Sequence[Net], where: object) -> None:
    known = members[0].tasks
    for name in domain.targets:
        if name not in known:
            raise InputError(f"{where}: {name!r} was learned from something, but is no head")
    if domain.law is not None and law_head(members[0].heads) is None:
        raise InputError(f"{where}: curves were learned, but there is no head of a law")


def _check_calibration(calibration: Calibration, members: Sequence[Net], where: object) -> None:
    groups = {member.group for member in members}
    known = members[0].tasks
    calibrated = [(task, of_task) for task, of_task in calibration.tasks.items()]
    for task, _ in calibrated:
        if task not in known:
            raise InputError(f"{where}: there is a calibration of {task!r}, but no such head")
    if calibration.curves and law_head(members[0].heads) is None:
        raise InputError(f"{where}: there is a calibration of curves, but no head of a law")
    for quantity, points in calibration.curves.items():
        calibrated += [(quantity, point.groups) for point in points]
    for task, of_task in calibrated:
        for group in of_task:
            if group not in groups:
                raise InputError(
                    f"{where}: {task} was calibrated for the group {group!r}, but no member is of "
                    "that group"
                )


def describe(members: Sequence[Net], architecture: str, view: View) -> Description:
    """Return what nets are, so that :func:`stratus.models.skeleton.build_skeleton` can build them.

    Args:
        members: nets of one architecture, all of one config.
        architecture: its name in the table of architectures.
        view: how its encoders see a crystal.

    Raises:
        stratus.errors.InputError: a name is unknown.
    """
    kind = find_architecture(architecture)
    return Description(
        architecture=architecture,
        numerics=kind.numerics,
        config=_plain(members[0].config),
        view=ViewDescription(name=view.name, config=_plain(view.config)),
        members=[_describe(member) for member in members],
    )


def _describe(member: Net) -> MemberDescription:
    return MemberDescription(
        group=member.group,
        heads={
            name: HeadDescription(kind=kind_of(head).name, config=_plain(head.config))
            for name, head in member.heads.items()
        },
    )


def _plain(config: BaseModel) -> dict[str, Any]:
    return config.model_dump(mode="json")


def _metrics_text(metrics: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(metrics), indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"metrics.json holds plain values only: {error}") from None


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
