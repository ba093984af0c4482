"""The SCOPE string: a crystal as space group, occupied Wyckoff orbits and composition."""

from stratus.scope.dialects import Dialect
from stratus.scope.encode import ScopeOptions, encode, provenance
from stratus.scope.orbit import Scope
from stratus.scope.paper import PaperScope
from stratus.scope.vocabulary import SCHEMA_VERSION, Role, Vocabulary, vocabulary

__all__ = [
    "SCHEMA_VERSION",
    "Dialect",
    "PaperScope",
    "Role",
    "Scope",
    "ScopeOptions",
    "Vocabulary",
    "encode",
    "provenance",
    "vocabulary",
]
