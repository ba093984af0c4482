"""The first look passes only what the exact check passes, and most of the good crystals."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.checks import check
from stratus.crystals.entry import Entry
from stratus.crystals.first_look import first_look
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.building import build, build_all
from stratus.crystals.synthesis import random_crystal, random_orbits

OPTIONS = [
    ReadOptions(),
    ReadOptions(min_distance=0),
    ReadOptions(min_distance=1.9),
    ReadOptions(max_atoms=7),
]
SPOILERS = [np.nan, np.inf, -np.inf, 0.0, 1e-9, 0.05, 0.3, 1e3, 1e5, 1e6, 1e7, 1e160, 1e300]


def random_entry(rng: np.random.Generator) -> Entry:
    """Return a cell of any shape, dense or not, often with a fault."""
    count = int(rng.choice([0, 1, 2, 5, 9, 20, 63, 64, 65, 70]))
    lattice = rng.normal(size=(3, 3)) * rng.choice([0.3, 1.5, 4, 9, 300])
    coords = rng.uniform(-1, 2, (count, 3))
    fault = rng.integers(10)
    if fault == 0:
        lattice[2] = lattice[0] + rng.choice([0, 1e-12, 0.01, 0.3]) * lattice[1]
    elif fault == 1:
        lattice[tuple(rng.integers(3, size=2))] = rng.choice(SPOILERS)
    elif fault == 2:
        lattice *= rng.choice(SPOILERS)
    elif fault == 3 and count:
        coords[rng.integers(count), rng.integers(3)] = rng.choice(SPOILERS)
    elif fault == 4 and count > 1:
        near = rng.normal(size=3)
        near *= rng.choice([0, 0.3, 0.4999999, 0.5, 0.5000001, 0.6]) / np.linalg.norm(near)
        coords[1] = coords[0] + near @ np.linalg.pinv(lattice) + rng.integers(-2, 3, 3)
    elif fault == 5:
        lattice = np.diag(rng.choice([0.4, 0.5, 0.99, 1.0, 1.01, 5], 3))
    elif fault == 6:
        lattice[1] += rng.choice([3, 1000]) * lattice[0]
    return Entry(str(rng.integers(1_000_000)), lattice, np.full(count, 6), coords)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_nothing_passes_that_the_exact_check_refuses(options):
    rng = np.random.default_rng(7)
    entries = [random_entry(rng) for _ in range(3000)]
    certain = []
    for start in range(0, len(entries), 50):
        certain += first_look(entries[start : start + 50], options)[1]
    with np.errstate(all="ignore"):
        refused = [check(entry, options) is not None for entry in entries]
    passed = [entry.id for entry, sure in zip(entries, certain, strict=True) if sure]
    assert not [
        e.id for e, sure, bad in zip(entries, certain, refused, strict=True) if sure and bad
    ]
    assert len(passed) > 100
    assert sum(refused) > 300


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_block_is_built_as_its_crystals_one_by_one(options):
    rng = np.random.default_rng(8)
    drafts = [random_entry(rng) for _ in range(600)]
    with np.errstate(all="ignore"):
        together = build_all(drafts, options)
        for draft, outcome in zip(drafts, together, strict=True):
            alone = build(
                id=draft.id,
                source=draft.source,
                lattice=draft.lattice,
                numbers=draft.numbers,
                frac_coords=draft.frac_coords,
                options=options,
            )
            assert type(alone) is type(outcome)
            if isinstance(alone, Entry):
                assert alone.lattice.tobytes() == outcome.lattice.tobytes()
                assert alone.frac_coords.tobytes() == outcome.frac_coords.tobytes()
            else:
                assert alone == outcome


def test_nearly_every_good_crystal_passes_at_once():
    rng = np.random.default_rng(9)
    numbers = rng.integers(1, 231, 60).tolist()
    crystals = [random_crystal(n, random_orbits(n, rng), rng, id=str(n)) for n in numbers]
    few = [crystal for crystal in crystals if len(crystal) <= 64]
    assert sum(first_look(few, ReadOptions())[1]) >= 0.9 * len(few)


def test_an_empty_block_is_no_fault():
    assert first_look([], ReadOptions()) == ([], [])
    assert build_all([], ReadOptions()) == []
