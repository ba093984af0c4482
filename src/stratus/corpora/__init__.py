"""Tables of crystals on disk: encoded, labelled, packed.

>>> from stratus.corpora import read_labelled
>>> table = read_labelled("labels.csv", ["band_gap"])  # doctest: +SKIP

Everything else is imported from the module that holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratus.corpora.tables.reading import read_labelled

__all__ = ["read_labelled"]


def __getattr__(name: str) -> object:
    """Import ``read_labelled`` when it is first used (PEP 562), as it imports pyarrow."""
    if name != "read_labelled":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from stratus.corpora.tables.reading import read_labelled

    return read_labelled
