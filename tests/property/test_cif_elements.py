"""The element of each site of a CIF, beside the formula that the file states of itself."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from stratus.crystals.elements import DEUTERIUM, NUMBERS, SYMBOLS
from stratus.crystals.entry import Code, Entry, Reject
from stratus.crystals.formula import read_formula, read_noted
from stratus.crystals.reading import ReadOptions, Record, parse
from stratus.errors import InputError

COUNT = 250
TWO_WAYS = tuple(
    symbol
    for symbol in SYMBOLS[1:100]
    if len(symbol) == 2 and (symbol[0] in NUMBERS or symbol[0] == "D") and symbol != "No"
)
"""Calcium and its like: in capitals the first letter is an element as well."""
OTHERS = ("Na", "Mg", "Al", "Ti", "Zn", "Ga", "Rb", "Zr", "Mo", "La", "Eu", "Lu")
GRID = [(x / 4, y / 4, z / 4) for x in range(4) for y in range(4) for z in range(4)]


def first_of(symbol: str) -> str:
    return "H" if symbol[0] == "D" else symbol[0]


def read(data: str | bytes, kind: str = "cif") -> Entry | Reject:
    (found,) = parse(Record("x", "x", kind, data if kind == "extxyz" else data.encode()), OPTIONS)
    return found


OPTIONS = ReadOptions()


def cif(words: list[str], *, formula: str = "", units: int | None = None, typed: bool) -> str:
    """Write a cell of atoms that are 4 Å apart; words are type symbols or labels."""
    lines = ["data_x", *(f"_cell_length_{axis} 16" for axis in "abc")]
    if formula:
        lines.append(f"_chemical_formula_sum '{formula}'")
    if units is not None:
        lines.append(f"_cell_formula_units_Z {units}")
    lines += ["loop_", "_atom_site_label", *(["_atom_site_type_symbol"] if typed else [])]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    for site, (word, place) in enumerate(zip(words, GRID, strict=False)):
        own = f"S{site} {word}" if typed else word
        lines.append(" ".join([own, *map(str, place)]))
    return "\n".join(lines) + "\n"


def written(counts: Counter[str], rng: random.Random) -> str:
    symbols = list(counts)
    rng.shuffle(symbols)
    return " ".join(
        f"{s}{counts[s] if counts[s] > 1 or rng.random() < 0.5 else ''}" for s in symbols
    )


def elements(entry: Entry | Reject) -> Counter[str]:
    assert isinstance(entry, Entry), entry
    return Counter(SYMBOLS[number] for number in entry.numbers)


def multiple(counts: Counter[str], factor: int) -> Counter[str]:
    return Counter({symbol: count * factor for symbol, count in counts.items()})


def labels_of(symbol: str, count: int, rng: random.Random) -> list[str]:
    ends = rng.sample(range(1, 99), count)
    return [f"{symbol.upper()}{end}{rng.choice(('', '', 'A', chr(39)))}" for end in ends]


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_labels_in_capitals_are_read_by_the_formula_or_refused(part):
    rng = random.Random(part)
    for _ in range(50):
        symbol, other = rng.choice(TWO_WAYS), rng.choice(OTHERS)
        first = first_of(symbol)
        if other in {symbol, first}:
            continue
        count, units = rng.randint(1, 4), rng.choice((None, 1, 2, 3))
        words = labels_of(symbol, count, rng) + [f"{other}{n}" for n in range(rng.randint(1, 3))]
        for meant in (symbol, first):
            own = Counter({meant: count, other: len(words) - count})
            sites = words * (units or 1)
            formula = written(own, rng)
            found = read(cif(sites, formula=formula, units=units, typed=False))
            assert elements(found) == multiple(own, units or 1), (formula, found)
            assert any("formula" in note for note in found.notes) is (meant == first)
        neither = written(Counter({other: 1, "Ge": 1, "Ru": 2}), rng)
        refused = (
            read(cif(words, formula="Ru Ar2", typed=False)),
            read(cif(words, formula=neither, typed=False)),
        )
        for found in (*refused, read(cif(words, typed=False))):
            assert isinstance(found, Reject), found
            assert found.code is Code.DOUBTFUL_ELEMENT
            assert symbol in found.detail or other in found.detail


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_labels_that_a_formula_allows_twice_are_read_by_its_amounts_or_refused(part):
    rng = random.Random(1000 + part)
    for _ in range(50):
        symbol, other = rng.choice(TWO_WAYS), rng.choice(OTHERS)
        first = first_of(symbol)
        if other in {symbol, first}:
            continue
        loose, sure = rng.sample(range(1, 6), 2)
        own = Counter({symbol: loose, first: sure, other: 2})
        words = [f"{symbol.upper()}{n}" for n in range(1, loose + 1)]
        words += [f"{first}{n}" for n in range(1, sure + 1)] + [f"{other}1", f"{other}2"]
        found = read(cif(words, formula=written(own, rng), typed=False))
        if isinstance(found, Entry):
            assert elements(found) == own
        else:
            assert found.code is Code.DOUBTFUL_ELEMENT
        if first != "H":  # hydrogens are often left out, so their number decides nothing
            assert isinstance(found, Entry), found
        lacking = own + Counter({other: 3, "Ar": 2})
        again = read(cif(words, formula=written(lacking, rng), typed=False))
        assert isinstance(again, Reject), again
        assert again.code is Code.DOUBTFUL_ELEMENT


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_proper_labels_keep_their_element(part):
    rng = random.Random(2000 + part)
    for _ in range(50):
        kinds = rng.sample(SYMBOLS[1:95], rng.randint(1, 5))
        own = Counter(rng.choices(kinds, k=rng.randint(1, 20)))
        words = [f"{s}{n}" for n, s in enumerate(own.elements(), start=1)]
        assert elements(read(cif(words, typed=False))) == own
        found = read(cif(words, formula=written(own, rng), typed=False))
        assert elements(found) == own
        assert not any("formula" in note for note in found.notes)


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_tetrahedral_sites_are_no_atoms(part):
    rng = random.Random(3000 + part)
    names = (
        "T",
        "T1",
        "T2",
        "T1(o)",
        "T1m",
        "T(1)",
        "T12",
        "T_1",
        "T1A",
        "T'",
        "T-1",
        "Tet1",
        "Oct2",
    )
    for _ in range(50):
        words = rng.choices(["O1", "Na1", "Si1"], k=rng.randint(1, 6))
        words.insert(rng.randrange(len(words) + 1), rng.choice(names))
        typed = rng.random() < 0.5
        found = read(cif(words, formula=rng.choice(("", "Na O2 Si")), typed=typed))
        assert isinstance(found, Reject), words
        assert found.code is Code.DUMMY_SPECIES


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_what_the_formula_has_and_no_site_holds_is_counted(part):
    rng = random.Random(4000 + part)
    for _ in range(50):
        kinds = rng.sample(SYMBOLS[2:95], rng.randint(1, 4))
        unit = Counter(rng.choices(kinds, k=rng.randint(1, 9)))
        units = rng.randint(1, 4)
        cell = multiple(unit, units)
        words = list(cell.elements())
        rng.shuffle(words)
        style = rng.choice(((unit, units), (cell, units), (cell, None), (unit, None)))
        whole = read(cif(words, formula=written(style[0], rng), units=style[1], typed=True))
        assert elements(whole) == cell
        assert not any("formula" in note for note in whole.notes), whole.notes
        water = rng.randint(1, 12)
        lacking = unit + Counter({"H": water})
        found = read(cif(words, formula=written(lacking, rng), units=units, typed=True))
        assert elements(found) == cell
        assert any(f": {water} H per formula unit" in note for note in found.notes), found.notes
        if len(unit) > 2:  # with two elements nothing says which of them is the measure
            gone = rng.choice(sorted(unit))
            rest = [word for word in words if word != gone]
            found = read(cif(rest, formula=written(unit, rng), units=units, typed=True))
            wanted = f": {unit[gone]} {gone} per formula unit"
            assert any(wanted in note for note in found.notes), found.notes


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_a_site_whose_element_the_formula_denies_is_refused(part):
    rng = random.Random(5000 + part)
    for _ in range(50):
        kinds = rng.sample(SYMBOLS[2:95], rng.randint(2, 5))
        stranger = kinds.pop()
        unit = Counter(kinds) + Counter(rng.choices(kinds, k=rng.randint(0, 6)))
        words = list(unit.elements())
        words[rng.randrange(len(words))] = stranger
        units = rng.choice((None, 1))
        found = read(cif(words, formula=written(unit, rng), units=units, typed=True))
        assert isinstance(found, Reject), (unit, words, found.notes)
        assert found.code is Code.DOUBTFUL_ELEMENT
        assert stranger in found.detail
        words = [*unit.elements(), stranger]
        beside = read(cif(words, formula=written(unit, rng), units=1, typed=True))
        assert elements(beside) == unit + Counter({stranger: 1})
        assert any(f"1 {stranger} per" in note for note in beside.notes), beside.notes


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_two_elements_that_change_places_are_refused(part):
    rng = random.Random(6000 + part)
    for _ in range(50):
        one, other, *rest = rng.sample(SYMBOLS[2:95], rng.randint(2, 4))
        few, many = sorted(rng.sample(range(1, 7), 2))
        unit = Counter({one: few, other: many, **dict.fromkeys(rest, 1)})
        swapped = Counter({**unit, one: many, other: few})
        units = rng.randint(1, 2)
        words = list(multiple(swapped, units).elements())
        found = read(cif(words, formula=written(unit, rng), units=units, typed=True))
        assert isinstance(found, Reject), (unit, swapped)
        assert found.code is Code.DOUBTFUL_ELEMENT


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_deuterium_is_hydrogen_in_every_format(part):
    rng = random.Random(7000 + part)
    for _ in range(50):
        words = rng.choices([*OTHERS, "O", "H", "D"], k=rng.randint(1, 12))
        words.sort()
        expected = Counter("H" if word == "D" else word for word in words)
        places = [[16 * x for x in place] for place in GRID[: len(words)]]
        vectors = "16 0 0 0 16 0 0 0 16"
        rows = [f"{w} {x} {y} {z}" for w, (x, y, z) in zip(words, places, strict=True)]
        xyz = f'{len(words)}\nLattice="{vectors}" Properties=species:S:1:pos:R:3\n'
        counts = Counter(words)
        poscar = ["x", "16", "1 0 0", "0 1 0", "0 0 1", " ".join(counts)]
        poscar += [" ".join(map(str, counts.values())), "Direct"]
        poscar += [" ".join(map(str, place)) for place in GRID[: len(words)]]
        lattice = [[16, 0, 0], [0, 16, 0], [0, 0, 16]]
        sites = [
            {"species": [{"element": w, "occu": 1}], "abc": list(place)}
            for w, place in zip(words, GRID, strict=False)
        ]
        plain = {"lattice_mat": lattice, "elements": words, "coords": GRID[: len(words)]}
        optimade = {
            "lattice_vectors": lattice,
            "cartesian_site_positions": places,
            "species_at_sites": words,
        }
        found = [
            read(cif(words, typed=True)),
            read(xyz + "\n".join(rows) + "\n", "extxyz"),
            read("\n".join(poscar) + "\n", "poscar"),
            *(
                outcome
                for value in ({"lattice": {"matrix": lattice}, "sites": sites}, plain, optimade)
                for outcome in parse(Record("x", "x", "mapping", value), OPTIONS)
            ),
        ]
        assert len(found) == 6
        for outcome in found:
            assert elements(outcome) == expected
            assert (DEUTERIUM in outcome.notes) is ("D" in words)


@pytest.mark.parametrize("part", range(COUNT // 50))
def test_deuterium_is_hydrogen_in_formulas(part):
    rng = random.Random(8000 + part)
    for _ in range(50):
        kinds = rng.sample([*OTHERS, "O", "H", "Dy"], rng.randint(1, 4))
        amounts = {symbol: rng.randint(1, 20) for symbol in [*kinds, "D"]}
        order = sorted(amounts, key=lambda _: rng.random())
        text = "".join(f"{symbol}{amounts[symbol]}" for symbol in order)
        expected = {symbol: n for symbol, n in amounts.items() if symbol != "D"}
        expected["H"] = expected.get("H", 0) + amounts["D"]
        assert read_noted(text).amounts == expected
        assert read_noted(text).notes == (DEUTERIUM,)
        with pytest.raises(InputError, match="write H"):
            read_formula(text)
        assert read_noted(text.replace("D" + str(amounts["D"]), "Na")).notes == ()


def test_long_words_where_numbers_belong_take_no_time():
    rng = random.Random(8)
    parts = ("1" * 40_000, "0." + "3" * 40_000, "1e" + "1" * 40_000, "-" * 9000, "Na" * 20_000)
    for _ in range(200):
        words = ["0.1", "0.2", "0.3"]
        words[rng.randrange(3)] = rng.choice(parts) + rng.choice(("x", "", "(", "e", "+", "(1"))
        text = cif(["Na", "Cl"], typed=True).replace("0.0 0.0 0.25", " ".join(words))
        started = time.process_time()
        found = read(text)
        assert time.process_time() - started < 0.5
        assert isinstance(found, Entry | Reject)


def test_many_sites_that_share_their_places_take_no_time():
    rng = random.Random(9)
    places = rng.sample(range(100**3), 4000)
    sites = [f"0.{n % 100:02d} 0.{n // 100 % 100:02d} 0.{n // 10_000:02d} 0.5" for n in places]
    rows = [f"Na{n}{end} {site}" for n, site in enumerate(sites) for end in "ab"]
    text = cif([], typed=False) + "_atom_site_occupancy\n" + "\n".join(rows) + "\n"
    started = time.process_time()
    found = read(text)
    assert time.process_time() - started < 5
    assert isinstance(found, Reject)
    assert found.code is Code.TOO_MANY_ATOMS  # 4,000: the halves of each were joined


@pytest.mark.parametrize("form", ["_cell_x{} 1\n", "loop_\n_cell_x{}\n1\n"])
def test_tags_without_end_in_a_broken_file_are_refused(form):
    text = cif(["Na"], typed=True) + "_broken 'x\n" + "".join(form.format(n) for n in range(20_000))
    started = time.process_time()
    found = read(text)
    assert time.process_time() - started < 5
    assert isinstance(found, Reject)
    assert found.code is Code.UNREADABLE
    assert len(found.detail) <= 1000
