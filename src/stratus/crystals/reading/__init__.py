"""Any file, table or object that holds crystals, as a stream of entries and rejects."""

from stratus.crystals.reading.parse import parse, read
from stratus.crystals.reading.record import ReadOptions, Record
from stratus.crystals.reading.sources import records

__all__ = ["ReadOptions", "Record", "parse", "read", "records"]
