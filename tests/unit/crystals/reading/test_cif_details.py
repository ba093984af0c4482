"""What single lines of a CIF mean."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions, Record, parse
from stratus.crystals.reading.cif_symbols import label_reading, type_reading
from stratus.crystals.reading.refusal import Refusal

CELL = """_cell_length_a 5.64(2)
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
"""
LOOP = "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n"
OCCUPIED = LOOP + "_atom_site_occupancy\n"


def read_all(text: str | bytes, **options) -> list[Entry | Reject]:
    data = text.encode() if isinstance(text, str) else text
    return list(parse(Record("x", "x.cif", "cif", data), ReadOptions(**options)))


def one(body: str, cell: str = CELL, **options) -> Entry:
    (found,) = read_all(f"data_x\n{cell}{body}", **options)
    assert isinstance(found, Entry), found
    return found


def refused(body: str, cell: str = CELL, **options) -> Reject:
    (found,) = read_all(f"data_x\n{cell}{body}", **options)
    assert isinstance(found, Reject), found
    return found


def test_uncertainties_are_left_out():
    found = one(LOOP + "Na1 0.25(3) 0 -.5(1)\n")
    assert found.lattice[0, 0] == pytest.approx(5.64)
    assert found.frac_coords[0] == pytest.approx([0.25, 0, 0.5])


@pytest.mark.parametrize("occupancy", ["1", "1.0", "1.000(2)", "?", ".", "0.9995"])
def test_a_full_or_unknown_occupancy_is_an_atom(occupancy):
    assert len(one(OCCUPIED + f"Na1 0 0 0 {occupancy}\n")) == 1


@pytest.mark.parametrize("rows", ["Na1 0 0 0 0.9", "Na1 0 0 0 0.5\nK1 0 0 0 0.5", "Na1 0 0 0 1.2"])
def test_a_partly_occupied_or_mixed_site_is_refused(rows):
    found = refused(OCCUPIED + rows + "\n")
    assert found.code is Code.PARTIAL_OCCUPANCY
    assert "Na1" in found.detail


def test_halves_of_one_element_at_one_place_are_one_atom():
    found = one(OCCUPIED + "Na1 0 0 0 0.5\nNa2 0 0 0 0.5\n")
    assert len(found) == 1
    assert found.notes


def test_two_elements_at_one_place_are_refused_as_shared():
    assert refused(LOOP + "Na1 0 0 0\nK1 0 0 0\n").code is Code.PARTIAL_OCCUPANCY


def test_a_site_listed_twice_is_taken_once():
    found = one(LOOP + "Na1 0 0 0\nNa2 0 0 0\nCl1 0.5 0.5 0.5\n")
    assert found.numbers.tolist() == [11, 17]
    assert any("twice" in note for note in found.notes)


def test_an_empty_site_is_left_out_with_a_note():
    found = one(OCCUPIED + "Na1 0 0 0 1\nK1 0.5 0 0 0\n")
    assert found.numbers.tolist() == [11]
    assert any("K1" in note for note in found.notes)


@pytest.mark.parametrize("group", ["P 1", "F m -3 m"])
def test_a_cell_of_nothing_but_empty_sites_has_no_atoms(group):
    body = f"_symmetry_space_group_name_H-M '{group}'\n{OCCUPIED}Na1 0 0 0 0\n"
    assert refused(body).code is Code.NO_ATOMS


@pytest.mark.parametrize("place", ["nan 0 0", "inf 0 0", "1e300 0 0", "1e9 0 0"])
@pytest.mark.parametrize("occupancy", ["1", "0.5"])
def test_coordinates_that_are_no_numbers_are_refused(place, occupancy):
    assert refused(OCCUPIED + f"Na1 {place} {occupancy}\n").code is Code.BAD_COORDINATES


@pytest.mark.parametrize("place", ["? ? ?", ". . .", "0 0 ?"])
def test_a_site_without_coordinates_is_refused_and_named(place):
    found = refused(LOOP + f"Na1 0 0 0\nH1 {place}\n")
    assert found.code is Code.NOT_A_STRUCTURE
    assert "H1" in found.detail


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("Na1", 11),
        ("Ca1", 20),
        ("Cl", 17),
        ("O2-", 8),
        ("Fe3+", 26),
        ("H1A", 1),
        ("OW1", 8),
        ("Ow", 8),
        ("Wat1", 8),
        ("OH", 8),
        ("D1", 1),
        ("Hw2", 1),
        ("cl1", 17),
        ("V1", 23),
        ("NH3", 7),
        ("CN1", 6),
        ("NO3", 7),
        ("U(1)", 92),
        ("NO1", 7),
        ("ZN1", 30),
    ],
)
def test_labels_name_the_element_they_mean(label, number):
    reading = label_reading(label)
    assert reading.numbers[0] == number
    assert not reading.open


@pytest.mark.parametrize(
    ("label", "numbers"),
    [("CA1", (20, 6)), ("HO1", (67, 1)), ("NB1", (41, 7)), ("CO1", (27, 6)), ("Ds1", (110, 1))],
)
def test_labels_that_can_be_two_elements_are_left_open(label, numbers):
    reading = label_reading(label)
    assert reading.numbers == numbers
    assert reading.open


@pytest.mark.parametrize(
    ("symbol", "number"), [("CA", 20), ("Ca2+", 20), ("Og", 118), ("D", 1), ("CL1-", 17)]
)
def test_type_symbols_name_the_element_they_mean(symbol, number):
    reading = type_reading(symbol)
    assert reading.numbers[0] == number
    assert not reading.open


@pytest.mark.parametrize(
    "label",
    ["X1", "Vac", "Va1", "Q", "M1", "Dum", "A1", "1Fe", "?", "Xx", "*", "T", "T1", "T1(o)", "Tet1"],
)
def test_what_names_no_element_is_a_dummy(label):
    with pytest.raises(Refusal) as caught:
        label_reading(label)
    assert caught.value.code is Code.DUMMY_SPECIES


def test_deuterium_is_hydrogen_and_says_so():
    found = one(LOOP + "D1 0 0 0\n")
    assert found.numbers.tolist() == [1]
    assert found.notes


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("_cell_length_a 0", Code.BAD_LATTICE),
        ("_cell_length_a -5", Code.BAD_LATTICE),
        ("_cell_length_a ?", Code.BAD_LATTICE),
        ("_cell_length_a nan", Code.BAD_LATTICE),
        ("_cell_length_a 1e300", Code.BAD_LATTICE),
        ("", Code.BAD_LATTICE),
    ],
)
def test_a_bad_cell_is_refused(line, code):
    cell = CELL.replace("_cell_length_a 5.64(2)", line)
    assert refused(LOOP + "Na1 0 0 0\n", cell).code is code


@pytest.mark.parametrize("angles", ["180 90 90", "0 90 90", "120 120 120", "30 30 90"])
def test_angles_that_close_no_cell_are_refused(angles):
    cell = CELL
    for name, angle in zip(("alpha", "beta", "gamma"), angles.split(), strict=True):
        cell = cell.replace(f"_cell_angle_{name} 90", f"_cell_angle_{name} {angle}")
    assert refused(LOOP + "Na1 0 0 0\n", cell).code is Code.BAD_LATTICE


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_rounded_special_positions_are_one_atom_in_their_exact_place(digits):
    cell = "_cell_length_a 12\n_cell_length_b 12\n_cell_length_c 9\n_cell_angle_gamma 120\n"
    x, y = round(1 / 3, digits), round(2 / 3, digits)
    found = one(f"_symmetry_space_group_name_H-M 'P 63/m m c'\n{LOOP}Zn1 {x} {y} 0.25\n", cell)
    assert len(found) == 2
    expected = {(1 / 3, 2 / 3, 0.25), (2 / 3, 1 / 3, 0.75)}
    assert {tuple(np.round(c, 9)) for c in found.frac_coords} == {
        tuple(np.round(c, 9)) for c in expected
    }


def test_atoms_next_to_a_mirror_are_not_drawn_onto_it():
    body = f"_symmetry_space_group_name_H-M 'P m m m'\n{LOOP}Na1 0.1 0 0\n"
    assert len(one(body)) == 2  # 1.13 Å apart


def test_no_symmetry_is_read_as_p1_with_a_note():
    assert any("P1" in note for note in one(LOOP + "Na1 0 0 0\n").notes)


def test_an_unknown_space_group_is_refused_rather_than_guessed():
    assert refused(f"_symmetry_space_group_name_H-M 'Q 7'\n{LOOP}Na1 0 0 0\n").code is (
        Code.NOT_A_STRUCTURE
    )


def test_the_origin_that_a_name_leaves_open_is_noted():
    found = one(f"_symmetry_space_group_name_H-M 'F d -3 m'\n{LOOP}C1 0.125 0.125 0.125\n")
    assert len(found) == 8
    assert any("origin" in note for note in found.notes)


def test_a_broken_operation_is_refused():
    body = f"loop_\n_symmetry_equiv_pos_as_xyz\nx,y,z\nx,x,z\n{LOOP}Na1 0 0 0\n"
    assert refused(body).code is Code.UNREADABLE


def test_a_list_of_operations_without_end_is_refused():
    listed = "\n".join(f"x+.{i:06d},y,z" for i in range(20_000))
    body = f"loop_\n_symmetry_equiv_pos_as_xyz\n{listed}\n{LOOP}Na1 0 0 0\n"
    assert refused(body).code is Code.UNREADABLE


def test_magnetic_operations_move_positions():
    body = (
        "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1\n-x,-y,-z,-1\n"
        "loop_\n_space_group_symop_magn_centering.xyz\nx,y,z,+1\nx+1/2,y+1/2,z+1/2,-1\n"
        f"{LOOP}Mn1 0.1 0.2 0.3\n"
    )
    assert len(one(body)) == 4


def test_a_modulated_structure_is_refused():
    assert refused(f"_cell_modulation_dimension 1\n{LOOP}Cr1 0 0 0\n").code is Code.NOT_A_STRUCTURE


def test_oxidation_states_become_species_in_pymatgens_spelling():
    types = "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nFe3+ 3\nO2- -2\n"
    sites = LOOP.replace("label\n", "label\n_atom_site_type_symbol\n")
    found = one(types + sites + "O1 O2- 0 0 0\nFe1 Fe3+ 0.5 0.5 0.5\n")
    assert found.species == ("Fe3+", "O2-")
    assert [str(s.specie) for s in found.structure] == ["Fe3+", "O2-"]


def test_sites_stand_by_electronegativity_and_keep_their_order_within_an_element():
    found = one(LOOP + "O1 0 0 0.1\nNa1 0 0 0.3\nO2 0 0 0.5\nFe1 0 0 0.7\n")
    assert found.numbers.tolist() == [11, 26, 8, 8]
    assert found.frac_coords[:, 2] == pytest.approx([0.3, 0.7, 0.1, 0.5])


def test_several_blocks_are_several_crystals_with_their_own_ids():
    block = f"{CELL}{LOOP}Na1 0 0 0\n"
    text = f"data_a\n{block}data_global\n_publ_x y\ndata_b\n{block}data_a\n{block}"
    assert [e.id for e in read_all(text)] == ["x:a", "x:b", "x:a#2"]


def test_one_bad_block_does_not_take_the_others_with_it():
    block = f"{CELL}{LOOP}Na1 0 0 0\n"
    found = read_all(f"data_a\n{block}data_b\n{block.replace('Na1', 'X1')}data_c\n{block}")
    assert [type(e) for e in found] == [Entry, Reject, Entry]
    assert found[1].id == "x:b"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.NOT_A_STRUCTURE),
        ("hello, I am no CIF", Code.UNREADABLE),
        ("data_x\n_pd_x 1\n", Code.NOT_A_STRUCTURE),
        (f"data_x\n{CELL}", Code.NOT_A_STRUCTURE),
        (f"data_x\n{CELL}{LOOP}Na1 0 0\n", Code.UNREADABLE),
    ],
)
def test_what_is_no_crystal_gets_a_code_and_a_sentence(text, code):
    (found,) = read_all(text)
    assert found.code is code
    assert found.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_do_not_matter(encoding, newline):
    text = f"data_x\n_publ_author 'Müller, Å.'\n{CELL}{LOOP}Na1 0 0 0\n"
    (found,) = read_all(text.replace("\n", newline).encode(encoding))
    assert len(found) == 1


def test_a_loop_that_does_not_matter_may_be_broken():
    text = f"data_x\n{CELL}loop_\n_refln_a\n_refln_b\n1 2 3\n{LOOP}Na1 0 0 0\n"
    (found,) = read_all(text)
    assert len(found) == 1
    assert any("mended" in note for note in found.notes)


def test_the_parser_is_lazy():
    block = f"{CELL}{LOOP}Na1 0 0 0\n"
    found = parse(
        Record("x", "x", "cif", f"data_a\n{block}data_b\n{block}".encode()), ReadOptions()
    )
    assert next(found).id == "x:a"
    found.close()


def test_a_reason_is_no_longer_than_a_person_reads():
    found = refused(LOOP + f"Na1 {'1' * 20_000}x 0 0\n")
    assert len(found.detail) == 1000
    assert found.detail.endswith("...")


@pytest.mark.parametrize(
    ("formula", "sites", "note"),
    [
        ("Na4 Cl4", "Na1 0 0 0\nCl1 0.5 0.5 0.5\n", "holds 0.25 times"),
        ("'Na Cl'", "Na1 0 0 0\nCl1 0.5 0.5 0.5\n", "not 4 times"),
        ("'Na Cl (H2 O)2'", "Na1 0 0 0\nCl1 0.5 0.5 0.5\n", "4 H, 2 O per formula unit"),
        ("NaCl.2H2O", "Na1 0 0 0\nCl1 0.5 0.5 0.5\n", "no site holds: H, O"),
    ],
)
def test_what_the_formula_says_of_the_cell_is_compared(formula, sites, note):
    formula = formula if formula.startswith("'") else f"'{formula}'"
    found = one(f"_chemical_formula_sum {formula}\n_cell_formula_units_Z 4\n{LOOP}{sites}")
    assert any(note in text for text in found.notes), found.notes


@pytest.mark.parametrize(
    "formula",
    ["?", ".", "'Ph3 P Na Cl'", "rock salt", "'Na Cl'", "Na1Cl1", "'Cl1- Na1+'", "'Na+ , Cl -'"],
)
def test_a_formula_that_agrees_or_is_none_gives_no_note(formula):
    found = one(f"_chemical_formula_sum {formula}\n{LOOP}Na1 0 0 0\nCl1 0.5 0.5 0.5\n")
    assert not any("formula" in text for text in found.notes), found.notes


def test_the_list_of_types_stands_in_for_a_formula():
    types = "loop_\n_atom_type_symbol\nC\nH\n"
    assert one(types + LOOP + "CA1 0 0 0\nHO1 0.2 0 0\n").numbers.tolist() == [1, 6]
    assert refused(LOOP + "CA1 0 0 0\nHO1 0.2 0 0\n").code is Code.DOUBTFUL_ELEMENT
