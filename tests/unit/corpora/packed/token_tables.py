"""Small tables as `stratus encode` writes them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from stratus.crystals.composition import number_words

GROUPS = ("i1 aODD aDOD bOOO cOOO dOOO eOOO", "i0", "i1", "i1 cODD")
ELEMENTS = ("H", "Li", "O", "Na", "Cl", "Fe", "Sb", "Og")


def string(k: int) -> str:
    """The k-th of many different strings of the orbit dialect; word by word a crystal."""
    first, second = ELEMENTS[k % 8], ELEMENTS[(k // 8) % 8]
    number = " ".join(number_words(k + 1))
    return f"{GROUPS[k % 4]} | {first} 4a {second} 8c | {first} 1 {second} 2 | {number}"


def write_table(path, strings, *, dialect="orbit", ids=None, **options):
    """Write a Parquet of these strings."""
    strings = list(strings)
    pq.write_table(
        pa.table(
            {
                "id": pa.array(ids or [f"c-{k}" for k in range(len(strings))], type=pa.string()),
                "scope": pa.array(strings, type=pa.string()),
                "formula": pa.array(["X"] * len(strings), type=pa.string()),
                "dialect": pa.array(
                    [dialect] * len(strings) if isinstance(dialect, str) else dialect,
                    type=pa.string(),
                ),
            }
        ),
        path,
        **options,
    )
    return path
