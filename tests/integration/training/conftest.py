"""A table of a few hundred made-up SCOPE strings, and options of a model that trains in seconds."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that worker processes find `killable`

NAMES = ("rock-salt", "rutile", "perovskite", "fluorite", "spinel", "corundum", "quartz")


@pytest.fixture(scope="session")
def table(tmp_path_factory, example_cifs) -> Path:
    """The bundled examples with other elements in the place of theirs."""
    from stratus.crystals.elements import SYMBOLS
    from stratus.scope.encode import encode
    from stratus.scope.vocabulary import Role, vocabulary

    words = vocabulary()
    texts = [str(encode(example_cifs / f"{name}.cif")) for name in NAMES]
    elements = [symbol for symbol in SYMBOLS if symbol in words.index]
    draw = random.Random(7)
    made: dict[str, None] = {}
    while len(made) < 450:
        swap: dict[str, str] = {}
        made[
            " ".join(
                swap.setdefault(word, draw.choice(elements))
                if words.role(word) is Role.ELEMENT
                else word
                for word in draw.choice(texts).split(" ")
            )
        ] = None
    path = tmp_path_factory.mktemp("table") / "strings.parquet"
    columns = {
        "id": [f"made-{k}" for k in range(len(made))],
        "scope": list(made),
        "dialect": ["orbit"] * len(made),
    }
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture(scope="session")
def labels(table, tmp_path_factory) -> Path:
    """Some of the strings with a label: how many words they have."""
    import csv

    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    scopes = pq.read_table(table)["scope"].to_pylist()[:80]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = [(f"m{k}", text, len(text.split())) for k, text in enumerate(scopes)]
        csv.writer(file).writerows([("id", "scope", "size"), *rows])
    return path


@pytest.fixture(scope="session")
def tiny() -> dict[str, object]:
    """Options: 2 epochs of 6 steps, dropout on, a checkpoint every 4 steps."""
    return {
        "encoder": "cloud",
        "model": {"hidden": 32, "layers": 2, "heads": 2, "feed_forward": 64, "dropout": 0.1},
        "epochs": 2,
        "batch_size": 64,
        "log_every": 1,
        "checkpoint_every": 4,
        "fractions": [0.8, 0.1, 0.1],
        "accelerator": "cpu",
        "precision": "32",
    }


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Threads that wait for each other make tiny models slow on a busy machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
