"""The nets that a run has learned, on disk beside the model to be, so that no end of it loses them.

Each finished net is a sealed folder in ``OUT.parts``, and the one that is being learned has its
checkpoints there; a run that is taken up again goes on from them, and comes to the same bytes.
Where that disk is full, both are in the folder for temporary files. The curves of each net stay, in
``OUT.logs``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import stat
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stratus.errors import InputError, ResumeError, StratusError
from stratus.files.lock import sole_writer
from stratus.files.sealed import is_sealed
from stratus.files.whole import write_whole
from stratus.training.checkpoints import CheckpointWriteError, read_checkpoint, write_checkpoint
from stratus.training.device import is_first_process
from stratus.training.finetune.kept_checkpoint import write_kept_description
from stratus.training.fit import FitFolder, Fitted
from stratus.training.fit_options import FREE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stratus.corpora.tables.table import Table
    from stratus.models.net import Net
    from stratus.tasks.task import Task
    from stratus.training.finetune.options import FinetuneOptions
    from stratus.training.finetune.start import Start

RUN: Final = "run.json"
_log = logging.getLogger(__name__)


@contextmanager
def kept_nets(output: Path, *, resume: bool) -> Iterator[KeptNets]:
    """Keep the nets of a run until its model is there.

    Args:
        output: the folder of the model to be; nobody else may write it meanwhile.
        resume: go on with the nets that are there.

    Yields:
        What :func:`stratus.training.finetune.run.finetune` puts its nets into.

    Raises:
        InputError: another run is at it, or nets are there and ``resume`` is false.
        StratusError: as the block raised it, with the place of the nets.
    """
    if not is_first_process():  # the first holds the folder, and removes what is no longer needed
        yield KeptNets(output, resume=True)
        return
    with sole_writer(output):
        kept = KeptNets(output, resume=resume)
        try:
            yield kept
        except (StratusError, OSError) as error:
            if not kept.places:
                kept.remove()
                raise
            kind = InputError if isinstance(error, InputError) else StratusError
            raise kind(f"{error}. {kept.hint()}") from error
        except BaseException:
            if not kept.places:
                kept.remove()
            raise
        kept.remove()


class KeptNets:
    """The finished nets of a run.

    Args:
        output: the folder of the model to be.
        resume: go on with the nets that are there.

    Raises:
        InputError: nets are there and ``resume`` is false.
    """

    def __init__(self, output: Path, *, resume: bool) -> None:
        self._output = output
        self.folder = output.with_name(f"{output.name}.parts")
        self.logs = output.with_name(f"{output.name}.logs")
        self.refuge = _refuge(output)
        self._run, self._nets = "", 0
        self._start: Start | None = None
        self._new = True
        self._order = (self.folder, self.refuge)
        for place in self._order if not resume else ():
            if place.exists() and (place == self.folder or _is_own(place)):
                raise InputError(
                    f"{place} holds the nets of an interrupted run; go on with --resume, or delete "
                    "it to start anew"
                )

    @property
    def places(self) -> list[Path]:
        """The folders that hold nets, or checkpoints of one."""
        return [
            place
            for place in (self.folder, self.refuge)
            if any([*place.glob("net-*"), *place.glob("fit-*/step-*")])
            and (place != self.refuge or _is_own(place))
        ]

    @property
    def count(self) -> int:
        """How many nets are kept."""
        return sum(is_sealed(net) for place in self.places for net in place.glob("net-*"))

    def hint(self) -> str:
        """Say where the nets are and what to do; nothing where there is none."""
        if not self.places:
            return ""
        nets = "1 net is" if self.count == 1 else f"{self.count} nets are"
        nets = nets if self.count else "a net that is not finished is"
        where = " and ".join(map(str, self.places))
        return f"{nets} kept in {where}: mend the cause and go on with --resume"

    def begin(self, run: Mapping[str, Any], nets: int, start: Start) -> None:
        """Say what the nets depend on.

        Args:
            run: plain values.
            nets: how many there will be.
            start: where they start, which says what is written of each net beside its weights.

        Raises:
            ResumeError: the nets that are there belong to another run.
        """
        self._run = json.dumps(run, indent=1, sort_keys=True)
        self._nets = nets
        self._start = start
        for place in self.places:
            _check_same(place, json.loads(self._run))

    def learned(self, net: Net, seed: int, name: str, learn: Callable[..., Fitted]) -> Fitted:
        """Give a net its weights: those that are kept, or those that it learns now.

        Args:
            net: fresh; afterwards it has the weights.
            seed: of the net, and of no other.
            name: of the folder of its curves.
            learn: learns them, with ``run`` as where to write.

        Raises:
            StratusError: there is no room for the model to be, or for this net anywhere.
        """
        finished, unfinished = f"net-{seed:014x}", f"fit-{seed:014x}"
        for place in self.places:
            if is_sealed(place / finished):
                try:
                    state = read_checkpoint(place / finished)
                    net.load_state_dict(state["weights"])
                except (ResumeError, RuntimeError) as error:
                    _log.warning("a kept net is damaged and learned again: %s", error)
                    continue
                net.requires_grad_().eval()
                return Fitted(**state["fitted"])
        if self._new and is_first_process():
            self._check_room(net)
        begun = [place for place in self.places if any((place / unfinished).glob("step-*"))]
        place = next(iter(begun), self._order[0])
        logs = self.logs / re.sub(r"[^\w.-]", "_", name)
        if not is_first_process():
            return learn(run=FitFolder(place / unfinished, logs, required=False))
        can_keep = self._open(place, net, seed)
        fitted = learn(
            run=FitFolder(place / unfinished if can_keep else None, logs, required=False)
        )
        self._write(net, seed, {"weights": dict(net.state_dict()), "fitted": asdict(fitted)})
        shutil.rmtree(place / unfinished, ignore_errors=True)
        self._new = False
        return fitted

    def remove(self) -> None:
        """Delete what is kept."""
        for place in self._order:
            if place == self.folder or _is_own(place):
                shutil.rmtree(place, ignore_errors=True)

    def _check_room(self, net: Net) -> None:
        """Refuse before hours of work what there is no room for after them."""
        size = sum(value.numel() * value.element_size() for value in net.state_dict().values())
        need = size * self._nets
        free = shutil.disk_usage(self._output.parent).free
        if free < need + size * (self._nets - self.count):  # kept there, they would take the room
            self._order = (self.refuge, self.folder)
        if free < need:
            raise StratusError(
                f"{self._output} needs room for {need / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are "
                "free there; make room, or name another place"
            )

    def _open(self, place: Path, net: Net, seed: int) -> bool:
        """Make a place for nets, and say in it of which run, and what this net is.

        Returns:
            False where that cannot be.
        """
        try:
            place.mkdir(mode=0o700 if place == self.refuge else 0o777, exist_ok=True)
            if place == self.refuge and not _is_own(place):
                return False
            write_whole(place / RUN, self._run)
            if self._start is not None:
                write_kept_description(place, seed, net, self._start)
        except OSError as error:
            _log.warning("a net cannot be kept in %s (%s)", place, error)
            return False
        return True

    def _write(self, net: Net, seed: int, state: dict[str, Any]) -> None:
        for place in self._order:
            if not self._open(place, net, seed):
                continue
            try:
                write_checkpoint(state, place / f"net-{seed:014x}")
            except CheckpointWriteError as error:
                _log.warning("a net cannot be kept in %s (%s)", place, error)
            else:
                return
        raise StratusError(
            f"there is no room for a net that was learned, in {self.folder} or in {self.refuge}; "
            "make room and repeat"
        )


def run_of(
    table: Table,
    digests: Sequence[str],
    tasks: Sequence[Task],
    options: FinetuneOptions,
    start: Start,
) -> dict[str, Any]:
    """Return what the nets of a run depend on, as plain values that JSON can hold."""
    return {
        "options": options.model_dump(mode="json", exclude=set(FREE)),
        "tasks": [task.model_dump(mode="json") for task in tasks],
        "folds": list(digests),
        "table": _digest(
            *table.ids,
            *(part for crystal in table.crystals for part in crystal.identity),
            table.labels.tobytes(),
            *map(str, table.details),
        ),
        "start": [start.name, start.architecture, *_weights(start)],
    }


def _weights(start: Start) -> list[str]:
    return [
        _digest(*(value.detach().cpu().contiguous().numpy().tobytes() for value in tensors))
        for member in start.members
        for module in (member.encoder, *member.heads.values())
        if (tensors := list(module.state_dict().values()))
    ]


def _digest(*parts: str | bytes) -> str:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        found.update(len(raw).to_bytes(8, "big") + raw)
    return found.hexdigest()


def _check_same(place: Path, now: Mapping[str, Any]) -> None:
    path = place / RUN
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResumeError(f"{path} cannot be read ({error}); delete {place}") from None
    for name, value in now.items():
        if before.get(name) != value:
            raise ResumeError(
                f"the nets in {place} were learned with other {name}; repeat the command as it "
                f"was, or delete {place} and begin anew"
            )


def _refuge(output: Path) -> Path:
    """Return where nets are kept when the disk of the model is full."""
    digest = hashlib.blake2b(os.fsencode(output.absolute()), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"stratus-finetune-{digest}"


def _is_own(folder: Path) -> bool:
    """Whether a folder for temporary files was made by this user, for this user alone."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
