"""Tables of crystals on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratus.corpora.encoding.job import encode_corpus
    from stratus.corpora.encoding.options import EncodeOptions
    from stratus.corpora.encoding.summary import EncodeSummary, Progress
    from stratus.corpora.tokens.build import build_tokens
    from stratus.corpora.tokens.corpus import TokenCorpora, TokenCorpus, open_tokens
    from stratus.corpora.tokens.info import CorpusInfo

__all__ = [
    "CorpusInfo",
    "EncodeOptions",
    "EncodeSummary",
    "Progress",
    "TokenCorpora",
    "TokenCorpus",
    "build_tokens",
    "encode_corpus",
    "open_tokens",
]

_HOME = {
    "encode_corpus": "stratus.corpora.encoding.job",
    "EncodeOptions": "stratus.corpora.encoding.options",
    "EncodeSummary": "stratus.corpora.encoding.summary",
    "Progress": "stratus.corpora.encoding.summary",
    "build_tokens": "stratus.corpora.tokens.build",
    "open_tokens": "stratus.corpora.tokens.corpus",
    "TokenCorpora": "stratus.corpora.tokens.corpus",
    "TokenCorpus": "stratus.corpora.tokens.corpus",
    "CorpusInfo": "stratus.corpora.tokens.info",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
