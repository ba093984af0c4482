"""A small table of made-up crystals with four targets, and options of seconds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from stratus import Scope
from stratus.corpora.tables.folds import kfold
from stratus.corpora.tables.table import Kind, Table
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.scope.dialects import Dialect
from stratus.tasks.task import Task, make_task
from stratus.training.finetune.options import make_finetune_options

ELEMENTS = ("H", "Li", "O", "Na", "Cl", "Fe", "Sb", "C", "Zr", "Ti", "Ba")
GROUPS = (2, 14, 62, 139, 166, 194, 221, 225)
TINY = {"layers": 2, "hidden": 32, "heads": 2, "feed_forward": 64}
ROWS = 96


def crystal(random) -> Scope:
    group = int(random.choice(GROUPS))
    positions = wyckoff_positions(group)
    letters = random.choice(list(positions), size=int(random.integers(1, 5)))
    taken = [w for k, w in enumerate(letters) if w not in letters[:k] or not positions[w].is_fixed]
    return Scope.from_orbits(group, [(str(random.choice(ELEMENTS)), w) for w in taken])


@pytest.fixture(scope="session")
def made() -> Table:
    random = np.random.default_rng(0)
    crystals: dict[str, Scope] = {}
    while len(crystals) < ROWS:
        one = crystal(random)
        crystals.setdefault(str(one), one)
    n_atoms = np.array([one.n_atoms for one in crystals.values()], dtype=np.int64)
    table = Table(
        ids=tuple(f"c{k}" for k in range(ROWS)),
        crystals=Dialect.ORBIT.crystals(tuple(crystals), n_atoms),
        targets=("gap", "heat", "metal", "family"),
        kinds=(Kind.REGRESSION, Kind.REGRESSION, Kind.BINARY, Kind.MULTICLASS),
        labels=np.zeros((ROWS, 4)),
        classes={"metal": ("0", "1"), "family": ("a", "b", "c")},
    )
    gap = table.fractions() @ random.normal(size=118)
    labels = np.column_stack(
        [
            gap,
            (gap + 3) * n_atoms,
            gap > np.median(gap),
            np.digitize(gap, np.quantile(gap, [0.4, 0.7])),
        ]
    ).astype(np.float64)
    labels[::7, 0] = np.nan  # some labels are absent
    labels[1::9, 2] = np.nan
    return dataclasses.replace(table, labels=labels)


@pytest.fixture(scope="session")
def fold(made):
    return kfold(made, 4, 0)[0]


@pytest.fixture(scope="session")
def gap() -> Task:
    return make_task({"column": "gap", "unit": "eV"})


@pytest.fixture(scope="session")
def tasks(gap) -> tuple[Task, ...]:
    return (
        gap,
        make_task({"column": "heat", "unit": "J/K", "per": "cell", "loss": "gaussian"}),
        make_task({"column": "metal", "kind": "binary"}),
        make_task({"column": "family", "kind": "multiclass", "classes": ("a", "b", "c")}),
    )


@pytest.fixture(scope="session")
def quick():
    """Make options of a tiny encoder."""

    def make(**values):
        return make_finetune_options(
            {"encoder": "orbit-set", "model": TINY, "epochs": 3, "batch_size": 16}, values
        )

    return make
