"""The same chunks through Ray Data, for teams with more than one machine.

One task finds the inputs and streams chunks; actors on all machines encode them; results come
back here in order. Each actor supervises one worker process, so that a hang or a crash costs one
crystal there too. Ray is used as the caller initialised it; else a process of its own connects to
``RAY_ADDRESS`` or starts Ray on this machine. All machines must have stratus, and see the inputs
under the same path.
"""

from __future__ import annotations

import inspect
import os
import sys
from contextlib import closing, contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from stratus.corpora.encoding.chunks import Chunk, Work, chunked
from stratus.corpora.encoding.fingerprint import STANDARD_INPUT
from stratus.corpora.encoding.messages import message
from stratus.corpora.encoding.ray_process import in_own_process, not_started
from stratus.corpora.encoding.workers import WorkerPool
from stratus.crystals.reading import records
from stratus.errors import InputError, MissingExtraError, StratusError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from stratus.corpora.encoding.options import EncodeOptions
    from stratus.corpora.encoding.rows import ChunkResult

START_S: Final = 120.0
"""Longest time for Ray to start or to answer, in seconds; an idle machine takes five."""

_ONE_CHUNK_A_BLOCK = 1  # bytes a block is filled up to


def run_on_ray(
    inputs: Sequence[object], work: Work, options: EncodeOptions, skip: int
) -> Generator[ChunkResult, None, None]:
    """Encode the chunks of the inputs on a Ray cluster, in order.

    Args:
        inputs: paths.
        work: the functions of a worker and their options.
        options: ``workers`` is the number of actors; all processors of the cluster if not set.
        skip: number of leading chunks that are passed over.

    Raises:
        stratus.errors.MissingExtraError: Ray is not installed.
        stratus.errors.InputError: an input is no path.
        stratus.errors.StratusError: Ray did not start in time, or failed.
    """
    paths = [_path(item) for item in inputs]
    produce = partial(_encoded, paths, work, options, skip, str(Path.cwd()))
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        results = produce(lambda: None)
    elif find_spec("ray") is None:
        raise MissingExtraError("ray", "ray")
    else:
        results = in_own_process(produce, START_S)
    with closing(results):
        for content in results:
            yield ForkingPickler.loads(content)


def _encoded(
    paths: list[str],
    work: Work,
    options: EncodeOptions,
    skip: int,
    folder: str,
    ready: Callable[[], None],
) -> Generator[bytes, None, None]:
    """Yield the result of each chunk as a message; ``ready`` is called when Ray answers."""
    try:
        ray: Any = import_module("ray")
        data: Any = import_module("ray.data")
    except ImportError as error:
        raise MissingExtraError("ray", "ray") from error
    with _cluster(ray), _settings(data.DataContext.get_current()):
        actors = options.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        ready()
        read = partial(_blocks, paths, work, options.chunk_rows, skip, folder)
        source = data.read_datasource(_source(read), override_num_blocks=1, **_no_processor(data))
        results = source.map_batches(
            _Supervisor,
            fn_constructor_args=(message((work, options.timeout_s)), folder),
            batch_size=1,
            compute=data.ActorPoolStrategy(size=actors),
            num_cpus=1,
        )
        try:
            for row in results.iter_rows():
                yield row["result"]
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            reason = " ".join(str(cause).split())
            raise StratusError(f"Ray stopped the run: {reason}") from error


class _Supervisor:
    """An actor with one worker process."""

    def __init__(self, content: bytes, folder: str) -> None:
        _enter(folder)
        work, timeout_s = ForkingPickler.loads(content)
        self._pool = WorkerPool(work, 1, timeout_s)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        chunks: list[Chunk] = [ForkingPickler.loads(content) for content in batch["chunk"]]
        return {"result": [message(result) for result in self._pool.run(chunks)]}


def _blocks(
    paths: list[str], work: Work, chunk_rows: int, skip: int, folder: str
) -> Iterator[pa.Table]:
    _enter(folder)
    for chunk in chunked(records(paths, work.read), chunk_rows, skip):
        yield pa.table({"chunk": pa.array([message(chunk)], pa.large_binary())})


def _source(read: partial[Iterator[pa.Table]]) -> Any:
    """Return a Ray data source with one task, which streams."""
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    class Chunks(Datasource):
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, *_: object, **__: object) -> list[Any]:
            nothing = {"num_rows": None, "size_bytes": None, "input_files": None}
            return [ReadTask(read, BlockMetadata(**nothing, exec_stats=None))]

    source: Any = Chunks
    return source()


def _no_processor(data: Any) -> dict[str, Any]:
    """Return what keeps the reading task from taking a processor, old Ray and new."""
    none = {"num_cpus": 0}
    named = "num_cpus" in inspect.signature(data.read_datasource).parameters
    return none if named else {"ray_remote_args": none}


@contextmanager
def _cluster(ray: Any) -> Iterator[None]:
    """Use the cluster that is there, or start one and stop it after."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        ray.get(ray.remote(num_cpus=0)(_answer).remote())  # a node that can start a process
    except Exception as error:
        ray.shutdown()
        reason = " ".join(str(error).split())
        raise StratusError(not_started(f"did not start ({reason})")) from error
    try:
        yield
    finally:
        ray.shutdown()


def _answer() -> None:
    """Do nothing, in a process of the cluster."""


@contextmanager
def _settings(context: Any) -> Iterator[None]:
    """Keep the order, stream small blocks, draw no bars; then restore."""
    execution = context.execution_options
    before = (
        execution.preserve_order,
        context.target_max_block_size,
        context.enable_progress_bars,
    )
    execution.preserve_order = True
    context.target_max_block_size = _ONE_CHUNK_A_BLOCK
    context.enable_progress_bars = False
    try:
        yield
    finally:
        execution.preserve_order, context.target_max_block_size = before[:2]
        context.enable_progress_bars = before[2]


def _path(item: object) -> str:
    if not isinstance(item, str | os.PathLike) or item == STANDARD_INPUT:
        raise InputError("Ray reads files and folders; write other inputs to a file first")
    return os.fspath(item)


def _enter(folder: str) -> None:
    """Make relative paths mean on this machine what they mean to the caller."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise InputError(f"{folder} is not there on every machine of the cluster") from error
