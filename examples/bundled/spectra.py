"""Labels of thermodynamics from densities of states, for tables that have these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from stratus.physics import spectrum
from stratus.tasks.task import Task, make_task

if TYPE_CHECKING:
    from pathlib import Path


def columns_of(wanted: dict[str, Any]) -> list[tuple[str, str, float]]:
    """Return column, quantity and temperature of each label."""
    return [
        (f"{quantity}@{kelvin:g}K", quantity, kelvin)
        for quantity in wanted["units"]
        for kelvin in wanted["temperatures_k"]
    ]


def law_tasks(wanted: dict[str, Any]) -> list[Task]:
    """Return a task for each label; those of a quantity count together as half a target."""
    weight = 0.5 / len(wanted["temperatures_k"])
    return [
        make_task(
            {
                "column": column,
                "unit": wanted["units"][quantity],
                "per": "atom",
                "weight": weight,
                "by": {
                    "law": wanted["law"],
                    "quantity": quantity,
                    "temperature_k": kelvin,
                },
            }
        )
        for column, quantity, kelvin in columns_of(wanted)
    ]


def with_labels(path: Path, density: dict[str, Any], wanted: dict[str, Any], out: Path) -> Path:
    """Write a table again with the labels that its densities of states come to.

    Args:
        path: the table.
        density: its column of densities, and their step in 1/cm, from 0.
        wanted: units and temperatures.
        out: folder of the new table.
    """
    table = pq.read_table(path)
    values = torch.from_numpy(np.array(table[density["column"]].to_pylist(), np.float64))
    grid = density["step_per_cm"] * torch.arange(values.shape[1])
    kelvins = torch.tensor(wanted["temperatures_k"], dtype=torch.float64)
    for quantity, unit in wanted["units"].items():
        found = spectrum.evaluate(quantity, grid, values, kelvins)
        found = found / 1000 if unit.startswith("k") else found
        for place, kelvin in enumerate(wanted["temperatures_k"]):
            column = pa.array(found[:, place].numpy())
            table = table.append_column(f"{quantity}@{kelvin:g}K", column)
    written = out / path.name
    pq.write_table(table, written)
    return written
