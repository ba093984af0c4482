"""Ray is used by a process of its own, so that it can hang or die without harm to the caller.

Ray ends whatever process uses it when its node process dies, and may wait without end for one that
does not come up. Here that process is a child, and the caller says what happened.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import closing
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any

from stratus.corpora.encoding.messages import message
from stratus.corpora.encoding.worker import leave_with_parent
from stratus.corpora.encoding.workers import start_alone
from stratus.errors import MissingExtraError, StratusError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    Produce = Callable[[Callable[[], None]], Generator[bytes, None, None]]

READY, RESULT, FAILED, MISSING, DONE, DIED, LATE = (
    "ready", "result", "failed", "missing", "done", "died", "late"
)  # fmt: skip
"""What the child tells, and the two that the caller has to find out."""

_LEAVE_S = 15.0
"""Longest time for the child to stop Ray, in seconds; then both are killed."""


def in_own_process(produce: Produce, start_s: float) -> Generator[bytes, None, None]:
    """Give what a function yields in a process of its own.

    Args:
        produce: importable by that process; called with a function that it calls when Ray answers.
        start_s: longest time until then, in seconds.

    Raises:
        stratus.errors.MissingExtraError: Ray is not installed.
        stratus.errors.StratusError: it did not start in time, died, or failed.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(theirs, message(produce)), daemon=True)
    start_alone(child)
    theirs.close()
    kind, content = READY, b""
    try:
        kind, content = _receive(ours, child, start_s)
        if kind == LATE:
            raise StratusError(not_started(f"did not start within {start_s:g} s"))
        if kind == DIED:
            raise StratusError(not_started(f"died while it started ({content})"))
        while kind in (READY, RESULT):
            if kind == RESULT:
                yield content
            kind, content = _receive(ours, child, None)
        if kind == MISSING:
            raise MissingExtraError("ray", "ray")
        if kind != DONE:
            raise StratusError(_ENDED.format(content) if kind == DIED else str(content))
    finally:
        ours.close()
        if kind in (READY, RESULT):
            child.terminate()  # it stops Ray; if nothing came of it yet, there is none
        child.join(0 if kind == LATE else _LEAVE_S)
        child.kill()  # and what it started of Ray ends with it
        child.join()


_ENDED = (
    "Ray ended in the middle of the run ({}): its node process may have died. Finished rows are "
    "kept: go on with `--resume`, on Ray or with `--engine local`"
)


def not_started(how: str) -> str:
    """Return a sentence that says what to do where Ray did not start."""
    address = os.environ.get("RAY_ADDRESS")
    where = f"at {address} (RAY_ADDRESS)" if address else "on this machine"
    return (
        f"Ray {where} {how}; try again when there is less to do, use `--engine local`, or name a "
        "cluster that is running: RAY_ADDRESS=HOST:PORT"
    )


def _receive(ours: Connection, child: BaseProcess, limit_s: float | None) -> tuple[str, Any]:
    """Wait for a message; one that was sent is found before the death of the sender."""
    if not connection.wait([ours, child.sentinel], limit_s):
        return LATE, b""
    try:
        if ours.poll():
            kind, content = ours.recv()
            return kind, content
    except (EOFError, OSError):
        pass
    child.join(_LEAVE_S)
    return DIED, f"exit code {child.exitcode}"


def _serve(theirs: Connection, content: bytes) -> None:
    """Send what the function yields, then how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        produce: Produce = ForkingPickler.loads(content)
        with closing(produce(lambda: theirs.send((READY, b"")))) as results:
            for result in results:
                theirs.send((RESULT, result))
        theirs.send((DONE, b""))
    except BrokenPipeError:
        return  # nobody waits for it any more
    except MissingExtraError:
        theirs.send((MISSING, b""))
    except StratusError as error:
        theirs.send((FAILED, str(error)))
    except Exception as error:  # noqa: BLE001 - travels to the parent, which raises it
        theirs.send((FAILED, f"Ray stopped the run: {type(error).__name__}: {error}"))
