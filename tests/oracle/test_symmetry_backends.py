"""moyo and spglib give one and the same string."""

from __future__ import annotations

import numpy as np
import pytest

import stratus
from stratus.crystals.synthesis import random_crystal
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.scope import Scope


@pytest.mark.parametrize("number", range(1, 231))
def test_both_backends_recover_the_orbits_a_crystal_was_made_of(number: int) -> None:
    rng = np.random.default_rng(1000 + number)
    letters = list(wyckoff_positions(number))
    # two general positions make sure that the group is no larger
    orbits = [("K", letters[-1]), ("Br", letters[-1]), ("Si", letters[0])]
    entry = random_crystal(number, orbits, rng, volume_per_atom=20)
    expected = Scope.from_orbits(number, orbits)
    assert stratus.encode(entry, symprec=1e-3) == expected
    assert stratus.encode(entry, symprec=1e-3, backend="spglib") == expected
