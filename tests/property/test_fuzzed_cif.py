"""Ten thousand damaged CIF files: none crashes the reader, hangs it or gets lost."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, Record, parse

ROCK_SALT = """data_NaCl
_symmetry_space_group_name_H-M   'F m -3 m'
_symmetry_Int_Tables_number 225
_chemical_formula_sum   'Na Cl'
_cell_formula_units_Z 4
_cell_length_a 5.6402(2)
_cell_length_b 5.6402(2)
_cell_length_c 5.6402(2)
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_type_symbol
_atom_type_oxidation_number
Na+ 1
Cl- -1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Na1 Na+ 0 0 0 1
Cl1 Cl- 0.5 0.5 0.5 1.0
"""
HEXAGONAL = """# zinc oxide
data_ZnO
_chemical_formula_sum 'O1 Zn1'
_cell_length_a 3.25
_cell_length_b 3.25
_cell_length_c 5.207
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_publ_section_title
;
 Wurtzite, 'quoted' and "quoted"
;
loop_
_space_group_symop_id
_space_group_symop_operation_xyz
1 'x, y, z'
2 'x-y, x, z+1/2'
3 '-y, x-y, z'
4 '-x, -y, z+1/2'
5 '-x+y, -x, z'
6 'y, -x+y, z+1/2'
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Zn1 0.3333 0.6667 0.0
O1 0.3333 0.6667 0.3821(4)
"""
TWO_BLOCKS = ROCK_SALT + "\n" + HEXAGONAL
SEEDS = (ROCK_SALT, HEXAGONAL, TWO_BLOCKS)
COUNT = 10_000
SLOWEST_S = 5.0
NASTY = (
    b"'",
    b'"',
    b";",
    b"\n;\n",
    b"loop_",
    b"data_",
    b"_",
    b"#",
    b"?",
    b".",
    b"\0",
    b"\xff",
    b"nan",
    b"inf",
    b"-1",
    b"1e308",
    b"1e-308",
    b"0",
    b"x,y",
    b"save_",
    b"CO1",
    b"T1",
    b"D",
    b"global_",
    b"\r",
    b"9" * 400,
)


def damaged(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(SEEDS).encode())
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        kind = rng.randrange(6)
        at = rng.randrange(len(data)) if data else 0
        if kind == 0 and data:  # a byte turns into another
            data[at] = rng.randrange(256)
        elif kind == 1 and data:  # cut off
            del data[at:]
        elif kind == 2:  # a word goes
            words = bytes(data).split(b" ")
            del words[rng.randrange(len(words))]
            data = bytearray(b" ".join(words))
        elif kind == 3:  # a line comes twice, or goes
            lines = bytes(data).split(b"\n")
            line = rng.randrange(len(lines))
            lines[line : line + 1] = [lines[line]] * rng.choice((0, 2, 3))
            data = bytearray(b"\n".join(lines))
        elif kind == 4:  # something nasty goes in
            data[at:at] = rng.choice(NASTY)
        else:  # a word turns into something nasty
            words = bytes(data).split(b" ")
            words[rng.randrange(len(words))] = rng.choice(NASTY)
            data = bytearray(b" ".join(words))
    return bytes(data)


@pytest.mark.parametrize("part", range(4))
def test_ten_thousand_damaged_files_end_as_entries_or_rejects(part):
    rng = random.Random(20_261_120 + part)
    options = ReadOptions()
    codes = set(Code)
    entries = rejects = 0
    for number in range(COUNT // 4):
        data = damaged(rng)
        started = time.perf_counter()
        results = list(parse(Record(f"f{number}", "fuzz", "cif", data), options))
        assert time.perf_counter() - started < SLOWEST_S, data
        assert results, data  # nothing is lost
        for result in results:
            assert result.id.startswith(f"f{number}")
            if isinstance(result, Entry):
                entries += 1
                assert len(result.numbers) == len(result.frac_coords) > 0
                assert np.isfinite(result.frac_coords).all()
                assert np.linalg.det(result.lattice) > 0
                assert 1 <= result.numbers.min() <= result.numbers.max() <= 118
            else:
                rejects += 1
                assert isinstance(result, Reject)
                assert result.code in codes
                assert len(result.detail) > 10
    assert entries > 500  # the damage is not so great that nothing but rejects comes out
    assert rejects > 500


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_themselves_are_crystals(seed):
    results = list(parse(Record("s", "seed", "cif", seed.encode()), ReadOptions()))
    assert [type(r) for r in results] == [Entry] * seed.count("data_")
