"""The Wyckoff table is right, and its exchanges are those of the normaliser."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from moyopy import Cell, MoyoDataset, Setting

from stratus.crystals.synthesis import random_crystal, random_orbits, wyckoff_orbit
from stratus.crystals.wyckoff import letter_permutations, wyckoff_positions

NUMBERS = range(1, 231)
GENERIC = np.array([0.1234567, 0.2718281, 0.3819660])


def test_there_are_1731_positions_and_186_symbols() -> None:
    every = [p for number in NUMBERS for p in wyckoff_positions(number).values()]
    assert len(every) == 1731
    assert len({p.symbol for p in every}) == 186


@pytest.mark.parametrize("number", NUMBERS)
def test_each_multiplicity_is_the_length_of_the_orbit(number: int) -> None:
    for letter, position in wyckoff_positions(number).items():
        assert len(wyckoff_orbit(number, letter, GENERIC)) == position.multiplicity


@pytest.mark.parametrize("number", NUMBERS)
def test_the_exchanges_are_a_group_that_keeps_multiplicities(number: int) -> None:
    rows = letter_permutations(number)
    assert rows[0].tolist() == list(range(len(wyckoff_positions(number))))
    known = {tuple(row) for row in rows.tolist()}
    assert len(known) == len(rows)
    some = rows[:: max(1, len(rows) // 40)]
    assert all(tuple(a[b].tolist()) in known for a in some for b in some)
    sizes = np.array([p.multiplicity for p in wyckoff_positions(number).values()])
    assert (sizes[rows] == sizes).all()


@pytest.mark.parametrize("number", NUMBERS)
def test_the_euclidean_normaliser_of_moyo_is_among_the_exchanges(number: int) -> None:
    rng = np.random.default_rng(number)
    letters = list(wyckoff_positions(number))
    place = {letter: k for k, letter in enumerate(letters)}
    known = letter_permutations(number)
    for _ in range(4):
        entry = random_crystal(number, random_orbits(number, rng), rng, volume_per_atom=40)
        cell = Cell(entry.lattice.tolist(), entry.frac_coords.tolist(), entry.numbers.tolist())
        dataset = MoyoDataset(cell, symprec=1e-4, setting=Setting.standard())
        if dataset.number != number:
            continue
        action = dataset.normalizer_wyckoff_positions()
        before = [place[w.letter] for w in action.wyckoffs]
        for _, after in action.coset_representatives:
            moved = dict(zip(before, (place[w.letter] for w in after), strict=True))
            columns = list(moved)
            assert (known[:, columns] == list(moved.values())).all(axis=1).any()


@pytest.fixture(scope="module")
def table_script(repo_root: Path) -> ModuleType:
    path = repo_root / "scripts" / "make_wyckoff_table.py"
    spec = importlib.util.spec_from_file_location("make_wyckoff_table", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", [14, 15, 47, 62, 123, 166, 194, 216, 225, 227])
def test_the_script_makes_the_table(table_script: ModuleType, number: int) -> None:
    positions = {
        letter: (p.multiplicity, p.site_symmetry, p.coordinates)
        for letter, p in wyckoff_positions(number).items()
    }
    letters = list(positions)
    made = table_script.permutations(number, positions)
    assert made == ["".join(letters[k] for k in row) for row in letter_permutations(number)]
