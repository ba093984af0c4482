"""Stand-ins for a run on Ray that another process can import: they start, hang, die or fail."""

from __future__ import annotations

import os
import signal
import time

from stratus.errors import MissingExtraError, StratusError


def three(ready):
    """Yield three results and the process that made them."""
    ready()
    for text in ("one", "two", str(os.getpid())):
        yield text.encode()


def never_ready(path, _ready):
    """Write the process id, then wait."""
    path.write_text(str(os.getpid()))
    time.sleep(600)
    yield b"too late"


def deaf(path, ready):
    """Give one result, then wait and hear no request to stop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    path.write_text(str(os.getpid()))
    ready()
    yield b"one"
    time.sleep(600)


def tidy(path, ready):
    """Give one result, then wait; say so when asked to stop."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(path.write_text("stopped")))
    ready()
    yield b"one"
    time.sleep(600)


def dies(after, ready):
    """Be killed after as many messages."""
    for count in range(after):
        ready() if count == 0 else None
        yield b"one"
    os.kill(os.getpid(), signal.SIGKILL)


def fails(kind, ready):
    """Raise after the first result."""
    ready()
    yield b"one"
    if kind == "missing":
        raise MissingExtraError("ray", "ray")
    raise (StratusError("this is why") if kind == "stratus" else KeyError("a fault"))
