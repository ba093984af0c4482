"""The paper dialect against the published recipe, carried out with pymatgen itself."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

import stratus
from stratus.crystals.entry import Entry
from stratus.crystals.synthesis import random_crystal, random_orbits
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.scope.paper import paper_encoding

SETS = (
    "matbench_structures/matbench_phonons_structures.parquet",
    "mp20_partial/mp20_partial.parquet",
    "perov5/perov5_structures.parquet",
)


def published(structure: Structure) -> str:
    """SCOPE as the published converter makes it (reduced form), step by step."""
    analyzer = SpacegroupAnalyzer(structure)
    number = analyzer.get_space_group_number()
    letters = analyzer.get_symmetry_dataset().wyckoffs
    positions = wyckoff_positions(number)
    symbols = []
    for letter in letters:
        symbol = f"{positions[letter].multiplicity}{letter}"
        if symbol not in symbols:
            symbols.append(symbol)
    amounts = structure.composition.fractional_composition.get_el_amt_dict()
    words = [f"{element} {np.round(amount, 2)}" for element, amount in amounts.items()]
    return f"{' '.join(paper_encoding(number))} | {' '.join(symbols)} | {' '.join(words)}"


@pytest.mark.parametrize("file", SETS)
def test_real_structures_give_the_published_string(data_dir: Path, file: str) -> None:
    entries = [e for e in stratus.read(data_dir / file) if isinstance(e, Entry)]
    step = max(1, len(entries) // 300)
    differing = [
        (entry.id, str(stratus.encode(entry, dialect="paper")), published(entry.structure))
        for entry in entries[::step]
        if str(stratus.encode(entry, dialect="paper")) != published(entry.structure)
    ]
    assert differing == []


def test_made_up_structures_give_the_published_string() -> None:
    rng = np.random.default_rng(5)
    for number in range(1, 231, 3):
        structure = random_crystal(number, random_orbits(number, rng), rng).structure
        assert str(stratus.encode(structure, dialect="paper")) == published(structure)


def test_oxidation_states_split_sites_as_pymatgen_splits_them() -> None:
    rng = np.random.default_rng(6)
    structure = random_crystal(225, [("Fe", "a"), ("O", "b")], rng).structure
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        structure.add_oxidation_state_by_site([2, 3, 2, 3, -2, -2, -2, -3])
    assert str(stratus.encode(structure, dialect="paper")) == published(structure)
