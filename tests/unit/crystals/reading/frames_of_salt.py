"""Frames of three atoms with energy, forces, stress and magnetic moments, to be read back."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.stress import full_3x3_to_voigt_6_stress

from stratus.crystals.entry import Entry
from stratus.crystals.reading import ReadOptions, Record, parse, read

RNG = np.random.default_rng(7)
CELL = np.array([[4.0, 0.3, 0.0], [0.0, 4.2, 0.1], [0.2, 0.0, 4.4]])
PLACES = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, 0.0, 0.02]])
FORCES = RNG.normal(size=(3, 3))
STRESS = np.array([[0.1, 0.02, 0.03], [0.02, 0.2, 0.05], [0.03, 0.05, 0.4]])
VOIGT = full_3x3_to_voigt_6_stress(STRESS)
VOLUME = abs(float(np.linalg.det(CELL)))
MAGMOMS = np.array([1.0, -2.0, 0.5])
SAY = "say how stress is written with the option stress (--stress)"


def finished(**more) -> Atoms:
    """Atoms with a calculator that has run on them."""
    atoms = Atoms("NaClO", scaled_positions=PLACES, cell=CELL, pbc=True)
    results = {"energy": -7.5, "forces": FORCES, "stress": VOIGT, "magmoms": MAGMOMS}
    atoms.calc = SinglePointCalculator(atoms, **{**results, **more})
    return atoms


def one(source, **options) -> Entry:
    (entry,) = read(source, **options)
    assert isinstance(entry, Entry), entry
    return entry


def parsed(record: Record, **options) -> Entry:
    (entry,) = parse(record, ReadOptions(**options))
    assert isinstance(entry, Entry), entry
    return entry


def assert_is_whole(entry: Entry, *, places: float = 1e-12) -> None:
    """Energy, forces, stress and moments are those of :func:`finished`, at their atoms."""
    assert entry.numbers.tolist() == [11, 17, 8]
    assert entry.labels["energy"] == -7.5
    np.testing.assert_allclose(entry.labels["stress"], STRESS, atol=places)
    np.testing.assert_allclose(entry.arrays["forces"], FORCES, atol=places)
    np.testing.assert_allclose(entry.arrays["magmoms"], MAGMOMS, atol=places)
    for array in entry.arrays.values():
        assert array.dtype == np.float64
        assert len(array) == len(entry)
