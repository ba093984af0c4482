"""Flags as options: what was not given is left to a file or a default."""

from __future__ import annotations

from typing import Any


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the flags that were given."""
    return {name: value for name, value in values.items() if value is not None}
