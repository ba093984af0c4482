"""How chunks travel to worker processes: a slice of a table goes without the rest of its table."""

from __future__ import annotations

import io
from multiprocessing.reduction import ForkingPickler
from typing import Any

import pyarrow as pa


class _Sender(ForkingPickler):
    """Sends record batches as IPC streams; Arrow itself would send their whole table."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, pa.RecordBatch):
            return _batch, (_stream(value),)
        return NotImplemented


def message(content: object) -> bytes:
    """Return what ``Connection.send_bytes`` takes and ``Connection.recv`` gives back."""
    buffer = io.BytesIO()
    _Sender(buffer, 5).dump(content)
    return buffer.getvalue()


def _stream(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream


def _batch(stream: bytes) -> pa.RecordBatch:
    with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
        return reader.read_next_batch()
