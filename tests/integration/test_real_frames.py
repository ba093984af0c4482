"""Frames of real data sets: stress in the unit and sign that their physics asks for."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

from stratus.crystals.entry import Entry
from stratus.crystals.reading import read
from stratus.crystals.stress import GPA


def first(path, count: int, **options) -> list[Entry]:
    found = list(islice(read(path, **options), count))
    assert all(isinstance(entry, Entry) for entry in found)
    return found


@pytest.mark.parametrize("pressure", [25, 50, 150])
def test_crystals_relaxed_under_pressure_have_its_stress(data_dir, pressure) -> None:
    path = data_dir / "efs" / f"alex_pressure_P{pressure:03d}.parquet"
    entries = first(path, 200, stress="ase")
    means = [np.trace(entry.labels["stress"]) / 3 / GPA for entry in entries]
    assert np.median(means) == pytest.approx(-pressure, abs=1)
    assert means == pytest.approx([-pressure] * len(means), abs=3)
    for entry in entries:
        assert entry.arrays["forces"].shape == (len(entry), 3)
        assert np.abs(entry.arrays["forces"]).max() < 0.1
        assert entry.notes == ()


def test_without_a_word_on_its_unit_the_stress_of_a_table_is_left_out(data_dir) -> None:
    for entry in first(data_dir / "mlff" / "monbtaw_efs.parquet", 50):
        assert not {"stress", "virial_stress"} & set(entry.labels)
        assert [note.partition(":")[0] for note in entry.notes] == ["virial_stress left out"]
        assert entry.arrays["forces_eV_A"].shape == (len(entry), 3)


def test_the_stress_of_vasp_follows_the_energy_of_elastic_series(data_dir) -> None:
    """Energies of near cells of one metal differ by the work that the mean stress says."""
    path = data_dir / "mlff" / "monbtaw_efs.parquet"
    entries = [e for e in first(path, 5658, stress="vasp") if "virial_stress" in e.labels]
    slopes = []
    for one, other in pairwise(entries):
        same = one.numbers.tolist() == other.numbers.tolist()
        if not same or not np.allclose(one.frac_coords, other.frac_coords, atol=1e-6):
            continue
        strain = np.linalg.solve(one.lattice, other.lattice) - np.eye(3)
        strain = (strain + strain.T) / 2
        volume = one.volume_per_atom * len(one)
        stress = (one.labels["virial_stress"] + other.labels["virial_stress"]) / 2
        work = volume * float(np.sum(stress * strain))
        if np.abs(strain).max() < 0.03 and abs(work) > 0.02:
            slopes.append((other.labels["energy_eV"] - one.labels["energy_eV"]) / work)
    assert len(slopes) > 20
    assert np.median(slopes) == pytest.approx(1, abs=0.05)
