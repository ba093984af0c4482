"""Symmetry in CIF files: cell, list, symbol and origin agree, or a note or a reject says so."""

from __future__ import annotations

import random
from functools import cache

import gemmi
import numpy as np
import pytest

import stratus
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.reading import ReadOptions
from stratus.crystals.reading.cif import parse_cif

LOOSE = ReadOptions(min_distance=0.01)
GENERAL = {"Na": (0.1372, 0.3119, 0.0713), "Cl": (0.4183, 0.0931, 0.2817)}
SITES = {"O": (0.0, 0.0, 0.0), **GENERAL}
TABLE = list({group.xhm(): group for group in gemmi.spacegroup_table()}.values())
MONOCLINIC = [group for group in TABLE if 3 <= group.number <= 15]
TWO_ORIGINS = [group for group in TABLE if group.ext in {"1", "2"}]


@cache
def cell_of(group: gemmi.SpaceGroup | None, xhm: str) -> tuple[float, ...]:
    """A cell that the operations of a setting keep, and no more than it must be alike."""
    del xhm  # SpaceGroup compares by identity
    basis = np.array([[9.1, 0.0, 0.0], [1.3, 10.7, 0.0], [-1.4, 1.5, 12.3]])
    turns = [np.array(operation.rot) / 24 for operation in group.operations()]
    metric = np.mean([turn.T @ (basis @ basis.T) @ turn for turn in turns], axis=0)
    lengths = np.sqrt(np.diag(metric))
    cosines = metric / np.outer(lengths, lengths)
    angles = np.degrees(np.arccos([cosines[1, 2], cosines[0, 2], cosines[0, 1]]))
    return (*lengths, *angles)


def cif(group, lines: str, sites=None, cell=None) -> str:
    names = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    cell = cell_of(group, group.xhm()) if cell is None else cell
    text = ["data_x", *(f"_cell_{n} {v:.5f}" for n, v in zip(names, cell, strict=True)), lines]
    text += ["loop_", "_atom_site_label", *(f"_atom_site_fract_{axis}" for axis in "xyz")]
    rows = SITES.items() if sites is None else sites
    return "\n".join([*text, *(f"{s} {x:.5f} {y:.5f} {z:.5f}" for s, (x, y, z) in rows), ""])


def listed(operations) -> str:
    return "\n".join(["loop_", "_symmetry_equiv_pos_as_xyz", *(f"'{o}'" for o in operations)])


def triplets(group) -> list[str]:
    return [operation.triplet() for operation in group.operations()]


def read(text: str) -> Entry | Reject:
    (found,) = parse_cif(text, id="x", source="x.cif", options=LOOSE)
    return found


@cache
def by_list(xhm: str) -> Entry:
    group = gemmi.SpaceGroup(xhm)
    found = read(cif(group, listed(triplets(group))))
    assert isinstance(found, Entry)
    assert found.notes == ()
    return found


def same(one: Entry, other: Entry) -> bool:
    """Whether two crystals have the same atoms in the same cell."""
    return placed(one) == placed(other)


def placed(entry: Entry) -> list[list[int]]:
    # no site of these tests, at 4 digits, comes near the edge of a step of 0.001
    steps = np.floor(entry.frac_coords * 1000 + 0.382).astype(int) % 1000
    return sorted(np.column_stack([entry.numbers, steps]).tolist())


def nearest(entry: Entry) -> float:
    delta = entry.frac_coords[:, None] - entry.frac_coords[None]
    distances = np.linalg.norm((delta - np.rint(delta)) @ entry.lattice, axis=-1)
    return float((distances + 10 * np.eye(len(entry))).min())


def name(symbol: str) -> str:
    return f"_symmetry_space_group_name_H-M '{symbol}'"


# --- origins ----------------------------------------------------------------------------------

ICSD = {"1": "S", "2": "Z"}
SITE = {"1": "-4", "2": "-1"}
ORIGINS = {
    "colon": lambda hm, o: name(f"{hm}:{o}"),
    "colon apart": lambda hm, o: name(f"{hm} :{o}"),
    "colon icsd": lambda hm, o: name(f"{hm}:{ICSD[o]}"),
    "colon icsd apart": lambda hm, o: name(f"{hm} : {ICSD[o]}"),
    "icsd": lambda hm, o: name(f"{hm} {ICSD[o]}"),
    "icsd closed up": lambda hm, o: name(f"{hm.replace(' ', '')}{ICSD[o]}"),
    "O1": lambda hm, o: name(f"{hm} O{o}"),
    "o1": lambda hm, o: name(f"{hm} o{o}"),
    "OR 1": lambda hm, o: name(f"{hm} OR {o}"),
    "choice in brackets": lambda hm, o: name(f"{hm} (origin choice {o})"),
    "choice after comma": lambda hm, o: name(f"{hm}, origin choice {o}"),
    "choice bare": lambda hm, o: name(f"{hm.replace(' ', '')} origin choice {o}"),
    "origin": lambda hm, o: name(f"{hm} (origin {o})"),
    "Origin": lambda hm, o: name(f"{hm} [Origin No. {o}]"),
    "roman": lambda hm, o: name(f"{hm} (origin {'I' * int(o)})"),
    "ordinal": lambda hm, o: name(f"{hm} ({'first' if o == '1' else 'second'} origin)"),
    "2nd": lambda hm, o: name(f"{hm} ({'1st' if o == '1' else '2nd'} origin choice)"),
    "choice": lambda hm, o: name(f"{hm} (choice {o})"),
    "setting": lambda hm, o: name(f"{hm} setting {o}"),
    "site": lambda hm, o: name(f"{hm} (origin at {SITE[o]})"),
    "other site": lambda hm, o: name(f"{hm} (origin at {'-4 3 m' if o == '1' else '2/m'})"),
    "centre": lambda hm, o: name(f"{hm} (origin at {'222' if o == '1' else 'centre'})"),
    "site, bare": lambda hm, o: name(f"{hm} origin at {SITE[o]}"),
    "digit in brackets": lambda hm, o: name(f"{hm} ({o})"),
    "underscores": lambda hm, o: name(f"{hm.replace(' ', '_')}:{o}"),
    "code": lambda hm, o: f"{name(hm)}\n_space_group_IT_coordinate_system_code {o}",
    "old code": lambda hm, o: f"{name(hm)}\n_symmetry_IT_coordinate_system_code '{o}'",
    "number and code": lambda hm, o: (
        f"_space_group_IT_number {gemmi.SpaceGroup(f'{hm}:{o}').number}\n"
        f"_space_group_IT_coordinate_system_code {o}{gemmi.SpaceGroup(f'{hm}:{o}').qualifier}"
    ),
    "alt": lambda hm, o: f"_space_group_name_H-M_alt '{hm} (origin choice {o})'",
    "with number": lambda hm, o: (
        f"{name(f'{hm} {ICSD[o]}')}\n_symmetry_Int_Tables_number {gemmi.SpaceGroup(hm).number}"
    ),
}


@pytest.mark.parametrize("spelling", ORIGINS)
def test_each_way_to_say_the_origin_gives_the_crystal_of_the_listed_operations(spelling):
    assert len({group.number for group in TWO_ORIGINS}) == 24
    wrong = {}
    for group in TWO_ORIGINS:
        expected = by_list(group.xhm())
        found = read(cif(group, ORIGINS[spelling](group.hm, group.ext)))
        if isinstance(found, Reject):
            wrong[group.xhm()] = found.detail
        elif not same(found, expected):
            wrong[group.xhm()] = found.notes
    assert wrong == {}


@pytest.mark.parametrize(
    "tail",
    [
        "(origin at 1/4,1/4,1/4 from -1)",
        "(origin shifted by 1/8)",
        ":3",
        ":x",
        "foo",
        "(origin choice 3)",
        "(a-b,a+b,c)",
        "(origin choice 1) (origin choice 2)",
        "Q",
        "(reverse)",
    ],
)
def test_what_is_not_understood_behind_a_symbol_is_never_dropped(tail):
    for group in TWO_ORIGINS[::3]:
        symbol = f"{group.hm} {tail}"
        number = f"_symmetry_Int_Tables_number {group.number}"
        found = read(cif(group, f"{name(symbol)}\n{number}"))
        assert isinstance(found, Reject), (symbol, found.notes)
        assert symbol in found.detail
        found = read(cif(group, f"{name(symbol)}\n{listed(triplets(group))}"))
        assert isinstance(found, Entry)
        assert any(symbol in note for note in found.notes)


# --- the cell ---------------------------------------------------------------------------------


def group_of(entry: Entry) -> int:
    return stratus.encode(entry.structure).space_group


def short(symbol: str) -> str:
    lattice, *parts = symbol.split()
    return " ".join([lattice, *(part for part in parts if part != "1")])


NAMES = {
    "number": lambda group: f"_space_group_IT_number {group.number}",
    "standard short": lambda group: name(
        short(gemmi.get_spacegroup_reference_setting(group.number).hm)
    ),
    "own short": lambda group: name(short(group.hm)),
    "closed up": lambda group: name(short(group.hm).replace(" ", "_")),
    "full": lambda group: name(group.hm),
    "full and number": lambda group: (
        f"{name(group.hm)}\n_symmetry_Int_Tables_number {group.number}"
    ),
    "number and code": lambda group: (
        f"_space_group_IT_number {group.number}\n"
        f"_space_group_IT_coordinate_system_code {group.qualifier}"
    ),
}


@pytest.mark.parametrize("way", NAMES)
def test_a_monoclinic_group_is_read_on_the_axis_that_the_cell_has(way):
    """13 groups, each on the axes a, b, c with all cell choices."""
    wrong, read_ones = {}, 0
    for group in MONOCLINIC:
        found = read(cif(group, NAMES[way](group)))
        if isinstance(found, Reject):
            if way in {"number", "full", "full and number"}:
                wrong[group.hm] = found.detail
            continue
        read_ones += 1
        if group_of(found) != group.number:
            wrong[group.hm] = (group_of(found), found.notes)
        elif way.startswith("full") and not same(found, by_list(group.xhm())):
            wrong[group.hm] = "atoms stand elsewhere"
    assert wrong == {}
    assert read_ones >= 0.9 * len(MONOCLINIC)


@pytest.mark.parametrize("seed", range(200))
def test_operations_that_a_cell_does_not_keep_are_refused_and_the_cell_named(seed):
    """The cell of one setting under the operations or the full name of another."""
    rng = random.Random(seed)
    groups = [g for g in TABLE if g.number > 2]
    for _ in range(1000):
        group, other = rng.sample(groups, 2)
        cell = cell_of(other, other.xhm())
        if misfit(group, cell) > 0.1:
            break
    text = cif(group, listed(triplets(group)) if seed % 2 else name(group.xhm()), cell=cell)
    found = read(text)
    assert isinstance(found, Reject)
    assert found.code is Code.DOUBTFUL_SYMMETRY
    assert f"a={cell[0]:.5g}"[:5] in found.detail


def misfit(group, cell) -> float:
    lattice = np.array(gemmi.UnitCell(*cell).orth.mat.tolist()).T
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    turns = [np.array(operation.rot) / 24 for operation in group.operations()]
    return max(
        np.abs((turn.T @ metric @ turn - metric) / np.outer(lengths, lengths)).max()
        for turn in turns
    )


@pytest.mark.parametrize("gap", [0.0, 1e-4, 3e-3])
def test_a_cell_that_nearly_keeps_the_operations_is_read_and_more_than_nearly_is_said(gap):
    for group in [g for g in TABLE if 75 <= g.number <= 142][::4]:
        a, b, c, *angles = cell_of(group, group.xhm())
        found = read(cif(group, listed(triplets(group)), cell=(a, b * (1 + gap), c, *angles)))
        assert isinstance(found, Entry)
        assert any("the cell" in note for note in found.notes) == (gap > 1e-3)


# --- list and symbol --------------------------------------------------------------------------


def products(operations: list[gemmi.Op]) -> list[gemmi.Op]:
    """The group that operations generate."""
    found = {gemmi.Op("x,y,z").triplet(): gemmi.Op("x,y,z")}
    fresh = list(found.values())
    while fresh:
        new = [(one * two).wrap() for one in operations for two in fresh]
        fresh = [
            op for op in {op.triplet(): op for op in new}.values() if op.triplet() not in found
        ]
        found.update((op.triplet(), op) for op in fresh)
    return list(found.values())


def incomplete(kind: str, group, rng: random.Random) -> list[str] | None:
    operations = list(group.operations())
    if kind == "identity":
        return ["x,y,z"]
    if kind == "no centring":
        kept = {}
        for operation in operations:
            kept.setdefault(str(operation.rot), operation)
        return None if len(kept) == len(operations) else [op.triplet() for op in kept.values()]
    if kind == "generators":
        chosen: list[gemmi.Op] = []
        closed = products([gemmi.Op("x,y,z")])
        rest = [op for op in operations if op.triplet() != "x,y,z"]
        rng.shuffle(rest)
        for op in rest:
            if op.triplet() not in {o.triplet() for o in closed}:
                chosen.append(op)
                closed = products(chosen)
        assert len(closed) == len(operations)
        return [op.triplet() for op in chosen]
    some = products(rng.sample(operations, min(2, len(operations))))  # a subgroup
    return None if len(some) == len(operations) else [op.triplet() for op in some]


def formula(entry: Entry, divisor: int = 1) -> str:
    counts = {"O": 8, "Na": 11, "Cl": 17}
    return " ".join(f"{s}{(entry.numbers == z).sum() // divisor}" for s, z in counts.items())


@pytest.mark.parametrize("stated", ["nothing", "Z", "sum of the cell"])
@pytest.mark.parametrize("kind", ["identity", "no centring", "generators", "subgroup"])
def test_a_list_that_is_not_the_whole_group_is_completed_or_refused_or_said(kind, stated):
    rng = random.Random(f"{kind} {stated}")
    tried, right = 0, 0
    for group in rng.sample([g for g in TABLE if g.number > 1], 120):
        operations = incomplete(kind, group, rng)
        if operations is None:
            continue
        tried += 1
        expected = by_list(group.xhm())
        lines = f"{name(group.xhm())}\n{listed(operations)}"
        if stated == "Z":
            units = int(np.gcd.reduce(np.unique(expected.numbers, return_counts=True)[1]))
            lines += f"\n_chemical_formula_sum '{formula(expected, units)}'"
            lines += f"\n_cell_formula_units_Z {units}"
        elif stated != "nothing":
            lines += f"\n_chemical_formula_sum '{formula(expected)}'"
        found = read(cif(group, lines))
        if isinstance(found, Reject):
            assert group.xhm() in found.detail
            continue
        assert found.notes, group.xhm()
        assert same(found, expected), (group.xhm(), found.notes)
        right += 1
    assert tried > 40
    if kind == "generators" or stated == "Z":
        assert right == tried


@pytest.mark.parametrize("stated", [False, True])
def test_the_whole_cell_under_the_identity_is_read_as_it_is(stated):
    """Programs write all atoms, the list x,y,z, and the symbol that the crystal once had."""
    for group in random.Random(7).sample([g for g in TABLE if g.number > 1], 120):
        expected = by_list(group.xhm())
        if nearest(expected) < 0.5:
            continue
        symbols = {8: "O", 11: "Na", 17: "Cl"}
        sites = [
            (symbols[z], xyz)
            for z, xyz in zip(expected.numbers.tolist(), expected.frac_coords, strict=True)
        ]
        lines = f"{name(group.xhm())}\n{listed(['x,y,z'])}"
        if stated:
            lines += f"\n_chemical_formula_sum '{formula(expected)}'"
        found = read(cif(group, lines, sites))
        assert isinstance(found, Entry), (group.xhm(), found.detail)
        assert same(found, expected)
        assert any(repr(group.xhm()) in note for note in found.notes)


@pytest.mark.parametrize("line", [name("P 1"), "_space_group_IT_number 1", ""])
def test_the_identity_under_p1_needs_no_note(line):
    for group in TABLE[::3]:
        found = read(cif(group, f"{line}\n{listed(['x, y, z'])}"))
        assert isinstance(found, Entry)
        assert len(found) == len(SITES)
        assert found.notes == ()


def test_a_list_in_any_order_and_spelling_is_the_group_of_its_symbol():
    """Also of an older or fuller symbol, and of one for other axes of the same group."""
    rng = random.Random(5)
    for group in TABLE:
        operations = triplets(group)
        rng.shuffle(operations)
        symbol = rng.choice([group.hm, group.short_name(), group.hm.replace(" ", "")])
        found = read(cif(group, f"{name(symbol)}\n{listed(operations)}"))
        assert isinstance(found, Entry), (group.xhm(), found.detail)
        assert same(found, by_list(group.xhm()))
        if group.ext not in {"H", "R"} and "a" not in group.hm[-2:]:
            assert found.notes == (), (symbol, group.xhm(), found.notes)


@pytest.mark.parametrize("listing", [False, True])
def test_lines_that_contradict_each_other_end_in_a_note_or_a_reject(listing):
    rng = random.Random(11)
    for _ in range(200):
        group, other = rng.sample([g for g in TABLE if g.number > 2], 2)
        if group.number == other.number or misfit(other, cell_of(group, group.xhm())) > 1e-6:
            continue
        lines = f"{name(group.xhm())}\n_space_group_IT_number {other.number}"
        found = read(cif(group, f"{lines}\n{listed(triplets(group))}" if listing else lines))
        said = found.detail if isinstance(found, Reject) else " ".join(found.notes)
        assert f"{str(other.number)!r}" in said


def test_the_atoms_tell_the_origin_that_nothing_names():
    """A formula of the cell decides, where the two origins give different amounts."""
    told = 0
    for group in TWO_ORIGINS:
        expected = by_list(group.xhm())
        other = by_list(f"{group.hm}:{'12'.replace(group.ext, '')}")
        lines = f"{name(group.hm)}\n_chemical_formula_sum '{formula(expected)}'"
        found = read(cif(group, lines))
        assert isinstance(found, Entry)
        assert any("origin" in note for note in found.notes)
        if len(expected) != len(other):
            told += 1
            assert same(found, expected), group.xhm()
    assert told > 20


def test_a_symbol_with_something_unknown_behind_it_still_speaks_against_a_list():
    for group in random.Random(3).sample([g for g in TABLE if g.number > 2], 100):
        if nearest(by_list(group.xhm())) < 0.5:
            continue
        symbol = f"{group.hm} foo"
        found = read(cif(group, f"{name(symbol)}\n{listed(['x,y,z'])}"))
        said = found.detail if isinstance(found, Reject) else " ".join(found.notes)
        assert repr(symbol) in said
        assert isinstance(found, Reject) or same(found, by_list(group.xhm()))
