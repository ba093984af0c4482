"""Reading small text files; it lives in :mod:`stratus.corpora.documents` now."""

from stratus.corpora.documents import read_json, read_text, read_yaml, validated

__all__ = ["read_json", "read_text", "read_yaml", "validated"]
