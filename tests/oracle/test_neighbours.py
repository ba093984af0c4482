"""Neighbours against all images one by one in NumPy, and against the cell list of matscipy."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from matscipy_neighbours import neighbour_list
from pymatgen.core import Lattice

from stratus.crystals.neighbours import SHELL_A, nearest, within

SETS = ["mp20_partial/mp20_partial", "mpts52/mpts52_val_test"]
PER_SET = 100
CUTOFF_A = 5.4321


def all_images(lattice, frac, cutoff):
    """Every pair within a cutoff: centres, neighbours, shifts, distances."""
    spread = np.ptp(frac, axis=0)
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    reach = np.ceil(cutoff / heights + spread).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1)
    shifts = grid.reshape(-1, 3)
    here, moved = frac @ lattice, shifts @ lattice
    found = []
    for i in range(len(frac)):
        vectors = here[:, None] + moved[None] - here[i]
        distances = np.sqrt((vectors**2).sum(-1))
        j, s = np.nonzero(distances <= cutoff)
        itself = (j == i) & (shifts[s] == 0).all(1)
        j, s = j[~itself], s[~itself]
        found.append((np.full(len(j), i), j, shifts[s], distances[j, s]))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def edges(centres, neighbours, shifts):
    return set(zip(centres.tolist(), neighbours.tolist(), map(tuple, shifts.tolist()), strict=True))


def edges_of(found):
    assert len(edges(found.centres, found.neighbours, found.shifts)) == len(found)
    return edges(found.centres, found.neighbours, found.shifts)


def shells_of(everything, count, k):
    """The k nearest of each atom and those as far as the k-th, from all pairs."""
    centres, neighbours, shifts, distances = everything
    kept = np.zeros(len(centres), dtype=bool)
    for i in range(count):
        mine = np.flatnonzero(centres == i)
        kth = np.sort(distances[mine])[k - 1]
        kept[mine[distances[mine] <= kth + SHELL_A]] = True
    return edges(centres[kept], neighbours[kept], shifts[kept])


def real_cells(data_dir, name):
    table = pq.read_table(data_dir / f"{name}.parquet", columns=["cell", "frac_coords"])
    rows = np.random.default_rng(4).choice(len(table), PER_SET, replace=False)
    for row in table.take(rows).to_pylist():
        lattice = np.array(Lattice.from_parameters(*row["cell"]).matrix)
        yield lattice, np.array(row["frac_coords"]).reshape(-1, 3)


def made_up_cells():
    """Skewed, tiny, flat and left-handed cells, half of them with coordinates far outside."""
    rng = np.random.default_rng(11)
    for number in range(80):
        lattice = np.diag(rng.uniform(1.5, 7, size=3)) + rng.uniform(-0.7, 0.7, size=(3, 3))
        frac = rng.uniform(size=(int(rng.integers(1, 7)), 3))
        for _ in range(int(rng.integers(0, 4))):
            i, j = rng.choice(3, size=2, replace=False)
            lattice[i] += int(rng.integers(-3, 4)) * lattice[j]
        if number % 4 == 0:
            lattice[2] *= -1
        if number % 2:
            frac += rng.integers(-3, 4, size=frac.shape)
        yield lattice, frac


def check(lattice, frac):
    found = within(lattice, frac, CUTOFF_A)
    cutoff = CUTOFF_A + SHELL_A
    expected = all_images(lattice, frac, cutoff)
    assert edges_of(found) == edges(*expected[:3])
    vectors = (frac[found.neighbours] + found.shifts - frac[found.centres]) @ lattice
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(found.distances, abs=1e-9)
    i, j, shifts = neighbour_list(
        "ijS", positions=frac @ lattice, cell=lattice, pbc=[True] * 3, cutoff=cutoff
    )
    assert edges_of(found) == edges(i, j, shifts)
    twelve = nearest(lattice, frac, 12)
    if twelve.distances.max() < CUTOFF_A:
        assert edges_of(twelve) == shells_of(expected, len(frac), 12)
    both = edges_of(nearest(lattice, frac, 12, cutoff_a=CUTOFF_A))
    assert both == edges_of(twelve) & edges_of(found)
    return twelve.distances.max() < CUTOFF_A


@pytest.mark.parametrize("name", SETS)
def test_real_crystals_have_the_neighbours_of_the_peers(data_dir, name) -> None:
    compared = sum(check(lattice, frac) for lattice, frac in real_cells(data_dir, name))
    assert compared > PER_SET / 2


def test_strange_cells_have_the_neighbours_of_the_peers() -> None:
    compared = sum(check(lattice, frac) for lattice, frac in made_up_cells())
    assert compared > 40


@pytest.mark.parametrize("name", SETS)
def test_real_crystals_keep_their_neighbours_in_another_cell_and_with_six_decimals(
    data_dir, name
) -> None:
    rng = np.random.default_rng(9)
    for lattice, frac in real_cells(data_dir, name):
        counts = counts_of(lattice, frac)
        change = np.eye(3)
        for _ in range(4):
            i, j = rng.choice(3, size=2, replace=False)
            change[i] += int(rng.integers(-2, 3)) * change[j]
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        order = rng.permutation(len(frac))
        moved = frac[order] @ np.linalg.inv(change) + rng.random(3)
        assert np.array_equal(counts_of(change @ lattice @ turn, moved), counts[order])
        assert np.array_equal(counts_of(lattice.round(6), frac.round(6)), counts)


def counts_of(lattice, frac):
    return np.bincount(nearest(lattice, frac, 12, 8.0).centres, minlength=len(frac))
