"""Tables of crystals on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratus.corpora.encoding.job import encode_corpus
    from stratus.corpora.encoding.options import EncodeOptions
    from stratus.corpora.encoding.summary import EncodeSummary, Progress
    from stratus.corpora.labelled.disjoint import Overlap, check_disjoint, digest
    from stratus.corpora.labelled.folds import Fold, from_column, kfold, without_test
    from stratus.corpora.labelled.joining import join_tables
    from stratus.corpora.labelled.reading import read_labelled
    from stratus.corpora.labelled.several import read_tables
    from stratus.corpora.labelled.table import Kind, LabelledTable
    from stratus.corpora.tokens.build import build_tokens
    from stratus.corpora.tokens.corpus import TokenCorpora, TokenCorpus, open_tokens
    from stratus.corpora.tokens.info import CorpusInfo

__all__ = [
    "CorpusInfo",
    "EncodeOptions",
    "EncodeSummary",
    "Fold",
    "Kind",
    "LabelledTable",
    "Overlap",
    "Progress",
    "TokenCorpora",
    "TokenCorpus",
    "build_tokens",
    "check_disjoint",
    "digest",
    "encode_corpus",
    "from_column",
    "join_tables",
    "kfold",
    "open_tokens",
    "read_labelled",
    "read_tables",
    "without_test",
]

_HOME = {
    "encode_corpus": "stratus.corpora.encoding.job",
    "EncodeOptions": "stratus.corpora.encoding.options",
    "EncodeSummary": "stratus.corpora.encoding.summary",
    "Progress": "stratus.corpora.encoding.summary",
    "Overlap": "stratus.corpora.labelled.disjoint",
    "check_disjoint": "stratus.corpora.labelled.disjoint",
    "digest": "stratus.corpora.labelled.disjoint",
    "Fold": "stratus.corpora.labelled.folds",
    "from_column": "stratus.corpora.labelled.folds",
    "kfold": "stratus.corpora.labelled.folds",
    "without_test": "stratus.corpora.labelled.folds",
    "join_tables": "stratus.corpora.labelled.joining",
    "read_labelled": "stratus.corpora.labelled.reading",
    "read_tables": "stratus.corpora.labelled.several",
    "Kind": "stratus.corpora.labelled.table",
    "LabelledTable": "stratus.corpora.labelled.table",
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
