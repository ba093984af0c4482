"""A table of made-up SCOPE strings."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

TITANIA = "i1 bOOO gDDD cDDD | {} 2a {} 4f | {} 2 {} 1 | 6"
FIRST = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os", "Mo", "W", "Nb", "Ta", "Re")


@pytest.fixture(scope="session")
def strings(tmp_path_factory) -> Path:
    texts = [TITANIA.format(a, b, b, a) for a in FIRST for b in ("O", "F", "S", "Se")]
    path = tmp_path_factory.mktemp("strings") / "corpus.parquet"
    columns = {
        "id": list(map(str, range(len(texts)))),
        "scope": texts,
        "dialect": ["orbit"] * len(texts),
    }
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
