"""The worker's side of the pool: a process that encodes the chunks it is sent.

Nothing heavy is imported here before the thread settings stand in the environment.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence
    from multiprocessing.connection import Connection

ITEM, OUTCOME, PHASE, CHUNK, SINCE = range(5)
"""Places of the shared state: what the worker is doing, and since when (``time.monotonic``, s).

``SINCE`` is 0 while it waits for a chunk.
"""

READY, DONE, FAILED = "ready", "done", "failed"
"""Kinds of message a worker sends: (kind, chunk index, content)."""

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def serve(connection: Connection, state: MutableSequence[float]) -> None:
    """Encode chunks until the pipe closes.

    The first message is the :class:`~stratus.corpora.encoding.chunks.Work`; each later one is a
    chunk with its stops.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=leave_with_parent, daemon=True).start()
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    logging.getLogger().addHandler(logging.NullHandler())  # keep warnings off the progress bar

    from stratus.corpora.encoding.chunks import SEARCHING, encode_chunk

    def publish(item: int, outcome: int, phase: int) -> None:
        if phase != SEARCHING:
            state[SINCE] = 0.0
            state[ITEM] = item
            state[OUTCOME] = outcome
            state[PHASE] = phase
            state[SINCE] = time.monotonic()
        else:
            state[PHASE] = phase

    try:
        work = connection.recv()
        connection.send((READY, -1, None))
        while True:
            chunk, stops = connection.recv()
            state[CHUNK] = chunk.index
            try:
                result = encode_chunk(chunk, work, stops, publish)
            except Exception as error:  # noqa: BLE001 - travels to the parent, which raises it
                connection.send((FAILED, chunk.index, f"{type(error).__name__}: {error}"))
                continue
            finally:
                state[SINCE] = 0.0
            connection.send((DONE, chunk.index, result))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent closed the pipe or is gone


def leave_with_parent() -> None:
    """End this process as soon as its parent has ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
