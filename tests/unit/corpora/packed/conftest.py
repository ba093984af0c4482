"""Let tests import the tables of this folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def table(tmp_path):
    """400 crystals."""
    from token_tables import string, write_table

    return write_table(tmp_path / "table.parquet", map(string, range(400)))
