"""The generator strings give the 230 space groups."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest
import spglib

from stratus.crystals.spacegroups import (
    COUNT,
    close_group,
    find_space_group,
    generator_operation,
    read_space_group,
    space_group,
    split_encoding,
)
from stratus.errors import InputError

NUMBERS = range(1, COUNT + 1)


def reference_orders() -> dict[int, int]:
    """Number of operations of each group in spglib's database (conventional cell)."""
    orders = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        operations = spglib.get_symmetry_from_database(hall)
        orders.setdefault(kind.number, len(operations["rotations"]))
    return orders


ORDERS = reference_orders()


@pytest.mark.parametrize("number", NUMBERS)
def test_generators_close_to_the_group_of_that_number(number: int) -> None:
    group = space_group(number)
    rotations, translations = close_group(group.generators, inversion=group.inversion)
    assert len(rotations) == ORDERS[number]
    identity = np.array([np.array_equal(r, np.eye(3)) for r in rotations])
    assert identity.sum() == group.centring_order
    found = spglib.get_spacegroup_type_from_symmetry(
        rotations, translations, lattice=_lattice(group.crystal_system)
    )
    assert found.number == number


def _lattice(system: str) -> np.ndarray:
    shapes = {
        "triclinic": [[3, 0, 0], [0.7, 4.1, 0], [0.4, 0.9, 5.3]],
        "monoclinic": [[3, 0, 0], [0, 4.1, 0], [-0.9, 0, 5.3]],
        "orthorhombic": np.diag([3, 4.1, 5.3]),
        "tetragonal": np.diag([3, 3, 5.3]),
        "trigonal": [[3, 0, 0], [-1.5, 1.5 * 3**0.5, 0], [0, 0, 5.3]],
        "hexagonal": [[3, 0, 0], [-1.5, 1.5 * 3**0.5, 0], [0, 0, 5.3]],
        "cubic": np.diag([4, 4, 4]),
    }
    return np.array(shapes[system], dtype=float)


def test_the_table_is_pymatgens_own() -> None:
    theirs = json.loads(files("pymatgen.symmetry").joinpath("symm_data.json").read_text("utf-8"))
    encodings = {v["int_number"]: v["enc"] for v in theirs["space_group_encoding"].values()}
    assert {number: space_group(number).encoding for number in NUMBERS} == encodings
    for letter, matrix in theirs["generator_matrices"].items():
        assert generator_operation(f"{letter}OOO")[0].tolist() == matrix


def test_all_strings_are_distinct() -> None:
    groups = [space_group(number) for number in NUMBERS]
    assert len({group.encoding for group in groups}) == COUNT
    assert sum(bool(group.origin) for group in groups) == 24


def test_a_group_is_found_by_its_generators() -> None:
    for number in NUMBERS:
        group = space_group(number)
        assert (
            find_space_group(
                inversion=group.inversion, generators=group.generators, origin=group.origin
            )
            is group
        )
    assert find_space_group(inversion=True, generators=("bOOO",) * 7, origin="") is None


@pytest.mark.parametrize("text", ["", "0", "05bOOO0", "01bOOQ0", "01bOOO2", "01bOOO1ZZ", "xx"])
def test_a_broken_generator_string_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="generator string"):
        split_encoding(text)


@pytest.mark.parametrize("number", [0, 231, -3])
def test_a_number_outside_1_to_230_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="numbered 1 to 230"):
        space_group(number)


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (225, 225),
        ("225", 225),
        (225.0, 225),
        ("Fm-3m", 225),
        ("F m -3 m", 225),
        ("P2_1/c", 14),
        ("P21/n", 14),
        ("Pbnm", 62),
        ("R-3m:H", 166),
    ],
)
def test_a_space_group_is_found_by_number_and_by_symbol(given: object, number: int) -> None:
    assert read_space_group(given) == number


def test_every_symbol_of_the_table_is_read_as_its_number() -> None:
    for number in range(1, 231):
        assert read_space_group(space_group(number).symbol) == number


@pytest.mark.parametrize(
    "given", [0, 231, -1, 1.5, "", "x", None, True, float("nan"), "1e2", "²", "."]
)
def test_what_is_no_space_group_is_refused(given: object) -> None:
    with pytest.raises(InputError, match="no space group"):
        read_space_group(given)
