"""CIF through gemmi against pymatgen's parser and against symmetry worked out directly."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import gemmi
import numpy as np
import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.cif import parse_cif

LOOSE = ReadOptions(min_distance=0, max_atoms=100_000)
_ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("STRATUS_DATA", _ROOT.parent / "shared" / "data"))

needs_data = pytest.mark.skipif(
    not (DATA / "MANIFEST.md").exists(),
    reason="the data folder is absent; set STRATUS_DATA to run this test",
)

DIFFERS = {
    "test-files/cif/PF_sd_1002871.cif": "F4/mmm is unknown to pymatgen, and it reads NH3 as Nh",
    "tests/inputs/cif_molecule/2003398-mixed-normal-and-special-values.cif": (
        "the type symbols of the hydrogens are '?': pymatgen drops them, we use their labels"
    ),
    "test-files/cif/P24Ru4H252C296S24N16.cif": (
        "the list lacks the centring of C 1 2/c 1: pymatgen reads 4 Ru, the file has 8 units of 1"
    ),
}
"""Files on which we differ from pymatgen in what is in the cell, and why we are right."""


def ours(text: str, options: ReadOptions = LOOSE) -> list[Entry | Reject]:
    return list(parse_cif(text, id="x", source="x.cif", options=options))


def theirs(text: str) -> list:
    from pymatgen.io.cif import CifParser

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return CifParser.from_str(text).parse_structures(on_error="ignore")
        except (ValueError, TypeError, KeyError, IndexError, AssertionError, NotImplementedError):
            return []


def far_from(entry: Entry, coords: np.ndarray, numbers: np.ndarray) -> float:
    """Largest distance, in Å, from an atom of one to the nearest of its element in the other."""
    worst = 0.0
    for number in set(numbers.tolist()):
        mine = entry.frac_coords[entry.numbers == number]
        other = coords[numbers == number]
        delta = mine[:, None] - other[None]
        delta -= np.rint(delta)
        distance = np.linalg.norm(delta @ entry.lattice, axis=-1)
        worst = max(worst, distance.min(axis=0).max(), distance.min(axis=1).max())
    return worst


def disagreement(text: str) -> str | None:
    """What differs between the two readings of a file of ordered crystals, else ``None``."""
    found = [e for e in ours(text) if not (isinstance(e, Reject) and _disordered(e))]
    wanted = [s for s in theirs(text) if s.is_ordered]
    if not wanted:
        return None
    if len(found) < len(wanted):
        return f"{len(wanted)} crystals, we find {len(found)}"
    matched = [e for e in found if isinstance(e, Entry)]
    for structure in wanted:
        numbers = np.array([site.specie.Z for site in structure])
        same = [e for e in matched if e.numbers.tolist() == numbers.tolist()]
        if not same:
            return f"{structure.formula}: no crystal of ours has these elements in this order"
        if min(far_from(e, structure.frac_coords, numbers) for e in same) > 0.02:
            return f"{structure.formula}: atoms stand elsewhere"
        names = tuple(site.species_string for site in structure)
        if all(e.species is not None and e.species != names for e in same):
            return f"{structure.formula}: oxidation states differ"
    return None


def _disordered(reject: Reject) -> bool:
    return reject.code in {Code.PARTIAL_OCCUPANCY, Code.DUMMY_SPECIES}


def _texts(file: str, column: str, step: int) -> list[tuple[str, str]]:
    pq = pytest.importorskip("pyarrow.parquet")
    table = pq.read_table(DATA / file)
    names = table.column("path" if "path" in table.column_names else "file").to_pylist()
    pairs = list(zip(names, table.column(column).to_pylist(), strict=True))
    return pairs[::step]


@needs_data
@pytest.mark.parametrize(
    ("file", "column", "step"),
    [
        ("robustness_cifs/robustness_files.parquet", "text", 1),
        ("mp_3dsc/mp_source_cifs_4704.parquet", "cif", 19),
        ("mp_3dsc/3dsc_mp_final_cifs.parquet", "cif", 37),
    ],
)
def test_ordered_files_read_as_pymatgen_reads_them(file, column, step):
    step = 1 if os.environ.get("STRATUS_ALL") else step  # every file takes minutes
    pairs = [(n, t) for n, t in _texts(file, column, step) if n.lower().endswith("cif")]
    assert len(pairs) > 100
    found = {name: why for name, text in pairs if (why := disagreement(text)) is not None}
    unexplained = {name: why for name, why in found.items() if name not in DIFFERS}
    assert unexplained == {}
    listed = {name for name, _ in pairs} & set(DIFFERS)
    assert listed == set(found), "an exception in the list is no longer one"


# --- every setting of every group -------------------------------------------------------------


def settings() -> list[gemmi.SpaceGroup]:
    seen, out = set(), []
    for group in gemmi.spacegroup_table():
        if group.xhm() not in seen:
            seen.add(group.xhm())
            out.append(group)
    return out


SETTINGS = settings()
SITES = (
    ("Na", (0.0, 0.0, 0.0)),
    ("Cl", (0.1372, 0.3119, 0.0713)),  # on no special position of any setting
    ("O", (1 / 3, 2 / 3, 0.25)),  # written with four digits
)


def lattice_of(group: gemmi.SpaceGroup) -> tuple[np.ndarray, gemmi.UnitCell]:
    """A lattice that every operation of the setting maps onto itself."""
    basis = np.array([[9.1, 0.0, 0.0], [0.3, 10.7, 0.0], [-0.4, 0.5, 12.3]])
    metric = np.zeros((3, 3))
    rotations = [np.array(op.rot) / 24 for op in group.operations()]
    for rotation in rotations:
        metric += rotation.T @ (basis @ basis.T) @ rotation / len(rotations)
    lengths = np.sqrt(np.diag(metric))
    cosines = metric / np.outer(lengths, lengths)
    angles = np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]]))
    return metric, gemmi.UnitCell(*lengths, *angles)


def truth(group: gemmi.SpaceGroup) -> dict[str, np.ndarray]:
    """Every atom of the cell, from the operations alone, in exact 24ths and 1e-6 steps."""
    atoms = {}
    for symbol, place in SITES:
        images = {
            tuple(round(c % 1.0, 5) % 1.0 for c in op.apply_to_xyz(list(place)))
            for op in group.operations()
        }
        atoms[symbol] = np.array(sorted(images))
    return atoms


def cif(group: gemmi.SpaceGroup, symmetry: str) -> str:
    cell = lattice_of(group)[1]
    lines = ["data_test"]
    for tag, value in zip(("a", "b", "c"), (cell.a, cell.b, cell.c), strict=True):
        lines.append(f"_cell_length_{tag} {value:.8f}")
    for tag, value in zip(
        ("alpha", "beta", "gamma"), (cell.alpha, cell.beta, cell.gamma), strict=True
    ):
        lines.append(f"_cell_angle_{tag} {value:.8f}")
    lines += [symmetry, "loop_", "_atom_site_label"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    lines += [f"{s}1 {x:.4f} {y:.4f} {z:.4f}" for s, (x, y, z) in SITES]
    return "\n".join(lines) + "\n"


def listed(group: gemmi.SpaceGroup) -> str:
    operations = [f"'{op.triplet()}'" for op in group.operations()]
    return "\n".join(["loop_", "_symmetry_equiv_pos_as_xyz", *operations])


def wrong(group: gemmi.SpaceGroup, symmetry: str) -> str | None:
    (entry,) = ours(cif(group, symmetry))
    if isinstance(entry, Reject):
        return entry.detail
    expected = truth(group)
    wanted = {gemmi.Element(s).atomic_number: len(images) for s, images in expected.items()}
    counts = dict(zip(*np.unique(entry.numbers, return_counts=True), strict=True))
    if counts != wanted:
        return f"{counts} atoms instead of {wanted}"
    coords = np.concatenate(list(expected.values()))
    numbers = np.concatenate(
        [np.full(len(i), gemmi.Element(s).atomic_number) for s, i in expected.items()]
    )
    return None if far_from(entry, coords, numbers) < 1e-3 else "atoms stand elsewhere"


WAYS = {
    "operations": listed,
    "hall": lambda g: f"_space_group_name_Hall '{g.hall}'",
    "name": lambda g: f"_symmetry_space_group_name_H-M '{g.xhm()}'",
}


@pytest.mark.parametrize("way", WAYS)
def test_every_setting_expands_to_its_own_atoms(way):
    failures = {
        f"{g.number} {g.xhm()}": why
        for g in SETTINGS
        if (why := wrong(g, WAYS[way](g))) is not None
    }
    assert len(SETTINGS) > 530
    assert failures == {}


def test_a_number_alone_means_the_standard_setting():
    reference = {g.number: g for g in SETTINGS if g.is_reference_setting()}
    assert len(reference) == 230
    failures = {
        number: why
        for number, group in reference.items()
        if (why := wrong(group, f"_space_group_IT_number {number}")) is not None
    }
    assert failures == {}


WURTZITE = """data_x
_cell_length_a 12.0
_cell_length_b 12.0
_cell_length_c 9.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_Int_Tables_number 194
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Zn1 {x} {y} 0.25
"""


@pytest.mark.parametrize(
    ("x", "y", "pymatgen_sites"), [("0.3333", "0.6667", 2), ("0.333", "0.667", 6)]
)
def test_three_digits_on_a_special_position_are_one_atom_though_not_for_pymatgen(
    x, y, pymatgen_sites
):
    """Position 2c of P63/mmc has two atoms; pymatgen finds six, 0.01 Å apart, with 0.333."""
    text = WURTZITE.format(x=x, y=y)
    (structure,) = theirs(text)
    assert len(structure) == pymatgen_sites
    (entry,) = ours(text, ReadOptions())
    assert len(entry) == 2
    assert sorted(np.round(entry.frac_coords[:, 0], 9)) == sorted(np.round([1 / 3, 2 / 3], 9))


@pytest.mark.parametrize("number", range(1, 231))
def test_listed_operations_give_pymatgens_cell(number):
    groups = [g for g in SETTINGS if g.number == number]
    group = groups[number % len(groups)]
    text = cif(group, listed(group))
    (entry,) = ours(text)
    (structure,) = theirs(text)
    assert entry.numbers.tolist() == [site.specie.Z for site in structure]
    delta = structure.frac_coords - entry.frac_coords
    delta -= np.rint(delta)
    assert np.abs(delta @ entry.lattice).max() < 1e-3  # same atoms, in the same order
    assert np.allclose(structure.lattice.matrix, entry.lattice, atol=1e-8)
