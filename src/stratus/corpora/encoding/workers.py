"""A pool of worker processes in which one crystal can hang or crash without harm to the others.

A worker writes into shared memory which crystal it is at and since when. The pool watches: a
crystal that takes too long costs its worker; a new worker gets the same chunk with that crystal
marked, and rejects it untried. A crystal on which two workers died is treated the same way.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
import sys
import threading
import time
from collections import Counter, deque
from multiprocessing import connection
from multiprocessing.sharedctypes import RawArray
from types import ModuleType
from typing import TYPE_CHECKING, Self

from stratus.corpora.encoding.chunks import Chunk, Stop, Stops, Work, encode_chunk
from stratus.corpora.encoding.messages import message
from stratus.corpora.encoding.worker import (
    CHUNK,
    DONE,
    FAILED,
    ITEM,
    OUTCOME,
    PHASE,
    READY,
    SINCE,
    serve,
)
from stratus.crystals.entry import Code
from stratus.errors import StratusError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from multiprocessing.process import BaseProcess

    from stratus.corpora.encoding.rows import ChunkResult

QUEUED_PER_WORKER = 2
WINDOW_PER_WORKER = 16
DEATHS_TO_GIVE_UP = 2


def run_here(chunks: Iterable[Chunk], work: Work) -> Iterator[ChunkResult]:
    """Encode chunks in this process; nothing watches for hangs or crashes."""
    for chunk in chunks:
        yield encode_chunk(chunk, work, {}, lambda *_: None)


class WorkerPool:
    """Worker processes that encode chunks and hand the results back in order.

    Args:
        work: the functions of a worker and their options.
        workers: number of processes, at least 1.
        timeout_s: longest time for one crystal, in seconds.
    """

    def __init__(self, work: Work, workers: int, timeout_s: float) -> None:
        self._work = work
        self._timeout_s = timeout_s
        self._tick_s = max(0.02, min(1.0, timeout_s / 4))
        self._stops: dict[int, Stops] = {}
        self._deaths: Counter[tuple[int, int, int]] = Counter()
        self._ready = False
        self._workers = [_Worker(work) for _ in range(workers)]

    def __enter__(self) -> Self:
        """Return the pool; its workers are starting already."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the workers."""
        self.close()

    def close(self) -> None:
        """Stop the workers, whatever they are doing."""
        for worker in self._workers:
            worker.kill()
        self._workers = []

    def processes(self) -> list[int]:
        """Return the process ids of the workers."""
        return [w.process.pid for w in self._workers if w.process.pid is not None]

    def run(self, chunks: Iterable[Chunk]) -> Iterator[ChunkResult]:
        """Encode chunks; results come in the order of the chunks, which must have distinct indices.

        The number of chunks in flight is bounded, so memory stays flat.

        Raises:
            stratus.errors.StratusError: a worker cannot start, or met a fault of stratus.
        """
        source = iter(chunks)
        order: deque[int] = deque()
        results: dict[int, ChunkResult] = {}
        more = True
        while True:
            while more and len(order) < WINDOW_PER_WORKER * len(self._workers):
                worker = min(self._workers, key=lambda w: len(w.queue))
                if len(worker.queue) >= QUEUED_PER_WORKER:
                    break
                chunk = next(source, None)
                if chunk is None:
                    more = False
                else:
                    order.append(chunk.index)
                    worker.give(chunk, {})
            if not order:
                return
            if order[0] not in results:
                self._collect(results)
            while order and order[0] in results:
                yield results.pop(order.popleft())

    def _collect(self, results: dict[int, ChunkResult]) -> None:
        """Wait a moment for results; replace the workers that hang or died."""
        waits = [w.connection for w in self._workers] + [w.process.sentinel for w in self._workers]
        connection.wait(waits, timeout=self._tick_s)
        for place, worker in enumerate(self._workers):
            if worker.failure is not None:
                raise StratusError(f"A chunk cannot be sent to a worker process: {worker.failure}")
            alive = worker.process.exitcode is None
            self._receive(worker, results)
            since = worker.state[SINCE]
            if alive and since and time.monotonic() - since > self._timeout_s:
                self._replace(place, results, hung_at=list(worker.state))
            elif not alive:
                self._replace(place, results, hung_at=None)

    def _receive(self, worker: _Worker, results: dict[int, ChunkResult]) -> None:
        try:
            while worker.connection.poll():
                kind, index, content = worker.connection.recv()
                if kind == READY:
                    worker.ready = True
                elif kind == FAILED:
                    raise StratusError(content)
                elif kind == DONE:
                    worker.queue.popleft()
                    self._stops.pop(index, None)
                    results[index] = content
        except (EOFError, OSError):
            worker.process.join(timeout=1.0)  # it died; its exit code says how

    def _replace(
        self, place: int, results: dict[int, ChunkResult], hung_at: list[float] | None
    ) -> None:
        """Put a new worker in the place of one that hangs or died, with the same chunks."""
        worker = self._workers[place]
        worker.kill(close=False)
        self._receive(worker, results)  # what it had finished before
        worker.connection.close()
        if not worker.ready:
            raise StratusError(
                "A worker process ended before it was ready "
                f"(exit code {worker.process.exitcode}); try workers=0, which needs none."
            )
        at = list(worker.state)
        if worker.queue and (hung_at is None or at == hung_at):
            chunk = worker.queue[0].index
            known = at[SINCE] > 0 and int(at[CHUNK]) == chunk
            where = (int(at[ITEM]), int(at[OUTCOME])) if known else (-1, -1)
            if hung_at is not None and known:
                detail = (
                    f"It took longer than {self._timeout_s:g} s; allow more time or leave it out."
                )
                self._stops.setdefault(chunk, {})[where] = Stop(
                    int(at[PHASE]), Code.TIMEOUT, detail
                )
            elif hung_at is None:
                self._deaths[chunk, *where] += 1
                if self._deaths[chunk, *where] >= DEATHS_TO_GIVE_UP:
                    how = _death(worker.process.exitcode)
                    if not known:
                        raise StratusError(f"Worker processes keep dying ({how}) between crystals")
                    detail = f"Its worker process died twice on it ({how}); please report it."
                    self._stops.setdefault(chunk, {})[where] = Stop(
                        int(at[PHASE]), Code.CRASHED, detail
                    )
        self._workers[place] = fresh = _Worker(self._work)
        for chunk_again in worker.queue:
            fresh.give(chunk_again, dict(self._stops.get(chunk_again.index, {})))


class _Worker:
    """One process, its pipe, and the thread that feeds it.

    The pool must never block on a worker that does not read, so a thread does the sending.
    """

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.state = RawArray("d", SINCE + 1)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.state), daemon=True)
        start_alone(self.process)
        theirs.close()
        self.queue: deque[Chunk] = deque()
        self.ready = False
        self.failure: Exception | None = None
        self._outbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._outbox.put(work)
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def give(self, chunk: Chunk, stops: Stops) -> None:
        self.queue.append(chunk)
        self._outbox.put((chunk, stops))

    def kill(self, *, close: bool = True) -> None:
        self._outbox.put(None)
        self.process.kill()
        self.process.join()
        self._sender.join()
        if close:
            self.connection.close()

    def _send(self) -> None:
        while (content := self._outbox.get()) is not None:
            try:
                self.connection.send_bytes(message(content))
            except OSError:
                return  # the process is gone, which the pool sees by itself
            except Exception as error:  # noqa: BLE001 - the pool raises it
                self.failure = error
                return


def start_alone(process: BaseProcess) -> None:
    """Start a process that does not run the user's script again.

    A spawned process imports the module ``__main__`` of its parent, with all that it imports: in a
    script that uses torch this takes seconds, and a script without a guard would run twice.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main


def _death(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f"signal {-exit_code}"
