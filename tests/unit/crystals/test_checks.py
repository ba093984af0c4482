"""What counts as a crystal."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.checks import MIN_HEIGHT, check, closest_pair, lattice_problem
from stratus.crystals.entry import Code, Entry, Stage
from stratus.crystals.reading import ReadOptions

CUBE = np.eye(3) * 5.0


def entry(lattice=CUBE, coords=((0, 0, 0), (0.5, 0.5, 0.5)), numbers=None) -> Entry:
    coords = np.array(coords, dtype=float).reshape(-1, 3)
    numbers = np.full(len(coords), 6) if numbers is None else np.array(numbers)
    return Entry("x", np.array(lattice, dtype=float), numbers, coords)


def code(given: Entry, **options) -> Code | None:
    found = check(given, ReadOptions(**options))
    assert found is None or (found.stage is Stage.CHECKING and found.detail)
    return None if found is None else found.code


def test_a_good_crystal_passes():
    assert check(entry(), ReadOptions()) is None


@pytest.mark.parametrize(
    ("given", "options", "expected"),
    [
        (entry(coords=()), {}, Code.NO_ATOMS),
        (entry(), {"max_atoms": 1}, Code.TOO_MANY_ATOMS),
        (entry(lattice=np.zeros((3, 3))), {}, Code.BAD_LATTICE),
        (entry(lattice=CUBE * np.nan), {}, Code.BAD_LATTICE),
        (entry(lattice=np.full((3, 3), np.inf)), {}, Code.BAD_LATTICE),
        (entry(lattice=CUBE * 1e300), {}, Code.BAD_LATTICE),
        (entry(lattice=[[5, 0, 0], [0, 5, 0], [5, 5, 0]]), {}, Code.BAD_LATTICE),
        (entry(lattice=[[5, 0, 0], [0, 5, 0], [5, 5, 0.05]]), {}, Code.BAD_LATTICE),
        (entry(coords=[[0, 0, np.nan]]), {}, Code.BAD_COORDINATES),
        (entry(coords=[[0, 0, 1e9]]), {}, Code.BAD_COORDINATES),
        (entry(coords=[[0, 0, 0], [0, 0, 0.05]]), {}, Code.OVERLAPPING_ATOMS),
        (entry(coords=[[0, 0, 0.01], [0, 0, 0.98]]), {}, Code.OVERLAPPING_ATOMS),
        (entry(coords=[[0, 0, 0], [0, 0, 0.05]]), {"min_distance": 0.2}, None),
        (entry(coords=[[0, 0, 0], [0, 0, 0]]), {"min_distance": 0}, None),
        (entry(lattice=np.diag([5, 5, 0.4]), coords=[[0, 0, 0]]), {}, Code.OVERLAPPING_ATOMS),
        (entry(lattice=np.diag([5, 5, 0.6]), coords=[[0, 0, 0]]), {}, None),
    ],
)
def test_each_fault_has_its_code(given, options, expected):
    assert code(given, **options) == expected


def test_the_limit_itself_is_allowed():
    assert code(entry(coords=[[0, 0, 0], [0, 0, 0.1]]), min_distance=0.5) is None
    assert code(entry(), max_atoms=2) is None
    assert lattice_problem(np.diag([5, 5, MIN_HEIGHT])) is None


def brute_force(lattice, coords, reach=4) -> float:
    steps = np.arange(-reach, reach + 1)
    shifts = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    delta = coords[:, None, None] - coords[None, :, None] + shifts
    distance = np.linalg.norm(delta @ lattice, axis=-1)
    return distance[distance > 1e-9].min()


@pytest.mark.parametrize("seed", range(60))
def test_the_closest_pair_is_exact_in_skewed_cells(seed):
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(0.6, 6, 3)) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    skew = np.eye(3)
    skew[0, 1], skew[0, 2], skew[1, 2] = rng.integers(-2, 3, 3)
    lattice = skew @ lattice
    coords = rng.uniform(-1, 2, (int(rng.integers(1, 7)), 3))
    wanted = brute_force(lattice, coords)
    for cutoff in (0.5, 1.1):
        first, second, found = closest_pair(lattice, coords, cutoff)
        assert 0 <= first < len(coords)
        assert 0 <= second < len(coords)
        if wanted < cutoff:
            assert found == pytest.approx(wanted, abs=1e-9)
        else:
            assert found >= cutoff - 1e-9


def test_a_cell_too_small_for_its_atoms_is_refused_at_once():
    coords = np.random.default_rng(0).uniform(size=(2000, 3))
    assert code(entry(CUBE / 20, coords)) == Code.OVERLAPPING_ATOMS


def test_a_sheared_cell_is_searched_without_repeating_it_out_of_measure():
    lattice = np.array([[5, 0, 0], [2000, 5, 0], [3000, 4000, 5.0]])
    assert code(entry(lattice)) is None


@pytest.mark.parametrize("distance", [0.3, 0.7])
def test_large_cells_are_searched_as_exactly_as_small_ones(distance):
    steps = np.arange(8) / 8
    coords = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    lattice = np.array([[16, 0, 0], [15.0, 16, 0], [3, -9, 16]])
    near = coords[100] + np.linalg.solve(lattice.T, [distance, 0, 0]) + [1, -2, 0]
    given = entry(lattice, np.vstack([coords, near]))
    expected = Code.OVERLAPPING_ATOMS if distance < 0.5 else None
    assert code(given) == expected
    if expected:
        assert "100 and 512" in check(given, ReadOptions()).detail
