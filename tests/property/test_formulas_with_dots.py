"""Units joined by dots are added up; a decimal point stays one; what can be either is refused."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stratus.crystals.composition import reduce_composition
from stratus.crystals.formula import read_formula, read_noted
from stratus.errors import InputError
from stratus.scope.partial import noted_scope, partial_scope, write_partial

MIDDLE = "·•∙⋅・･‧*×∗"
STOPS = ".．"  # a full stop, and the wide one of Chinese and Japanese texts

SALTS = {
    "CuSO4": {"Cu": 1, "S": 1, "O": 4},
    "Na2S": {"Na": 2, "S": 1},
    "NaBr": {"Na": 1, "Br": 1},
    "LiCl": {"Li": 1, "Cl": 1},
    "CoCl2": {"Co": 1, "Cl": 2},
    "BaO": {"Ba": 1, "O": 1},
    "Fe2O3": {"Fe": 2, "O": 3},
    "Al2O3": {"Al": 2, "O": 3},
    "SiO2": {"Si": 1, "O": 2},
    "MgCl2": {"Mg": 1, "Cl": 2},
    "K2SO4": {"K": 2, "S": 1, "O": 4},
    "Al2(SO4)3": {"Al": 2, "S": 3, "O": 12},
    "Ca(NO3)2": {"Ca": 1, "N": 2, "O": 6},
    "K4[Fe(CN)6]": {"K": 4, "Fe": 1, "C": 6, "N": 6},
    "Na(CH3COO)": {"Na": 1, "C": 2, "H": 3, "O": 2},
    "[Co(NH3)6]Cl3": {"Co": 1, "N": 6, "H": 18, "Cl": 3},
}
MOLECULES = {
    "H2O": {"H": 2, "O": 1},
    "OH2": {"H": 2, "O": 1},
    "(H2O)": {"H": 2, "O": 1},
    "NH3": {"N": 1, "H": 3},
    "H2O2": {"H": 2, "O": 2},
}
METALS = ("Li", "Na", "K", "La", "Sr", "Ba", "Fe", "Co", "Ni", "Mn", "Bi", "Zr", "Y")

coefficients = st.integers(1, 24)
salts = st.sampled_from(sorted(SALTS))
molecules = st.sampled_from(sorted(MOLECULES))


@st.composite
def sums(draw: st.DrawFn, dots: str) -> tuple[str, Counter[str]]:
    """A salt, perhaps other salts, perhaps a molecule, each with a coefficient."""
    units = [draw(salts), *draw(st.lists(salts, max_size=2))]
    if draw(st.booleans()) or len(units) == 1:
        units.append(draw(molecules))
    text, amounts = "", Counter[str]()
    for unit in units:
        number = draw(coefficients)
        dot = draw(st.sampled_from(dots)) if text else ""
        space = draw(st.sampled_from(["", "", " "]))
        text += f"{space}{dot}{space if dot not in STOPS else ''}" if text else ""
        text += f"{number if number > 1 else ''}{unit}"
        for symbol, amount in {**SALTS, **MOLECULES}[unit].items():
            amounts[symbol] += number * amount
    return text, amounts


@given(sums(MIDDLE))
@settings(max_examples=400)
def test_units_that_a_middle_dot_joins_are_added_up(made: tuple[str, Counter[str]]) -> None:
    text, amounts = made
    assert read_formula(text) == amounts
    assert partial_scope(text) == write_partial(dict(amounts))
    (note,) = read_noted(text).notes
    assert " + " in note


@given(sums(STOPS))
@settings(max_examples=400)
@example(("Na2S.9H2O", Counter({"Na": 2, "S": 1, "H": 18, "O": 9})))
@example(("NaBr.2H2O", Counter({"Na": 1, "Br": 1, "H": 4, "O": 2})))
@example(("K4[Fe(CN)6].3H2O", Counter({"K": 4, "Fe": 1, "C": 6, "N": 6, "H": 6, "O": 3})))
@example(("CoCl2.6NH3", Counter({"Co": 1, "Cl": 2, "N": 6, "H": 18})))
@example(("BaO.6Fe2O3", Counter({"Ba": 1, "Fe": 12, "O": 19})))
@example(("CuSO4.5OH2", Counter({"Cu": 1, "S": 1, "O": 9, "H": 10})))
def test_a_full_stop_that_joins_is_read_with_a_note_or_refused(
    made: tuple[str, Counter[str]],
) -> None:
    text, amounts = made
    try:
        found = read_noted(text)
    except InputError as error:
        assert "decimal point" in str(error)  # noqa: PT017 - either is right
    else:
        assert found.amounts == amounts
        assert len(found.notes) == 1
    with pytest.raises(InputError, match=r"decimal point|full stop"):  # no place for a note
        read_formula(text)


@given(salts, molecules, st.integers(1, 24), st.sampled_from(STOPS))
@settings(max_examples=300)
def test_the_water_of_a_salt_is_read_with_every_dot(salt, molecule, number, dot) -> None:
    number = "" if number == 1 else number
    expected = read_formula(f"{salt}·{number}{molecule}")
    assert read_noted(f"{salt}{dot}{number}{molecule}").amounts == expected
    text, notes = noted_scope(f"{salt}{dot}{number}{molecule}")
    assert text == write_partial(expected)
    assert notes


@given(salts, molecules, st.integers(1, 12), st.integers(2, 9), st.sampled_from(MIDDLE + "."))
def test_fractions_of_a_unit_are_read(salt, molecule, above, below, dot) -> None:
    amounts = {s: Fraction(n) for s, n in SALTS[salt].items()}
    for symbol, amount in MOLECULES[molecule].items():
        amounts[symbol] = amounts.get(symbol, 0) + Fraction(above, below) * amount
    whole = {symbol: int(amount * below) for symbol, amount in amounts.items()}
    found = read_noted(f"{salt}{dot}{above}/{below}{molecule}").amounts
    assert reduce_composition(found) == reduce_composition(whole)


@pytest.mark.parametrize("half", ["0.5", "1/2", "½"])
@pytest.mark.parametrize("dot", [*MIDDLE, *STOPS])
def test_a_hemihydrate_is_read_however_its_half_is_written(half: str, dot: str) -> None:
    expected = {"Ca": 2, "S": 2, "O": 9, "H": 2}
    assert read_noted(f"CaSO4{dot}{half}H2O").amounts == expected
    assert read_noted(f"2CaSO4{dot}H2O").amounts == expected


@given(
    st.lists(st.sampled_from(METALS), min_size=2, max_size=4, unique=True),
    st.data(),
    st.sampled_from(["", "O3", "O2", "O", "(PO4)2", "Te"]),
    st.booleans(),
)
@settings(max_examples=400)
def test_decimals_of_solid_solutions_stay_decimals(metals, data, rest, zero) -> None:
    """``Fe.5Co.5``, ``Na0.5K0.5NbO3``, ``La.7Sr.3MnO3``: a sum of shares, not of units."""
    shares = [data.draw(st.integers(1, 9)) for _ in metals]
    text = "".join(f"{m}{'0' if zero else ''}.{s}" for m, s in zip(metals, shares, strict=True))
    expected = {m: Fraction(s, 10) for m, s in zip(metals, shares, strict=True)}
    found = read_formula(text + rest)
    ratio = Fraction(found[metals[0]]) / expected[metals[0]]
    assert {m: found[m] for m in metals} == {m: n * ratio for m, n in expected.items()}
    assert read_noted(text + rest).notes == ()


@given(st.sampled_from(METALS), st.integers(1, 9), salts)
@settings(max_examples=200)
@example("Li", 5, "SiO2")
def test_a_share_before_a_compound_stays_a_decimal(metal, share, compound) -> None:
    assume(metal not in SALTS[compound])
    found = read_formula(f"{metal}.{share}{compound}")
    symbol = next(iter(SALTS[compound]))
    assert Fraction(found[metal], found[symbol]) == Fraction(share, 10 * SALTS[compound][symbol])


@given(st.sampled_from([*METALS, "Cl", "Br", "Xe"]), st.integers(1, 9), st.integers(1, 99))
@settings(max_examples=200)
def test_water_behind_an_element_can_be_either_and_is_refused(element, before, number) -> None:
    text = f"{element}{before}.{number}H2O"
    with pytest.raises(InputError, match="decimal point or join two units") as caught:
        read_noted(text)
    joined, otherwise = str(caught.value).split("write ")[1].split(" if it joins, else ")
    amounts = read_formula(joined)  # both of what the sentence offers are read
    assert amounts[element] == before
    assert read_noted(otherwise).notes == ()
    shares = read_formula(otherwise)
    assert Fraction(shares[element], shares["O"]) == Fraction(f"{before}.{number}")


@given(st.text("NaClH2O5.·*0 ()½/", max_size=14))
@settings(max_examples=500)
def test_any_row_of_dots_is_read_or_refused(text: str) -> None:
    try:
        found = read_noted(text)
    except InputError:
        return
    assert found.amounts
    assert all(amount > 0 for amount in found.amounts.values())


def test_no_formula_of_a_public_table_is_taken_for_a_sum(data_dir) -> None:
    files = {
        "composition/supercon_stanev.parquet": "name",
        "composition/crabnet_benchmarks.parquet": "formula",
        "composition/roost_expt_non_metals.parquet": "composition",
        "matbench_labels/matbench_expt_gap.parquet": "composition",
        "matbench_labels/matbench_glass.parquet": "composition",
        "matbench_labels/matbench_steels.parquet": "composition",
    }
    texts = {
        text
        for file, column in files.items()
        for text in pq.read_table(data_dir / file, columns=[column])[column].to_pylist()
        if text is not None and "." in text
    }
    some = sorted(texts)[::4]
    assert len(some) > 3000
    mistyped = 0
    for text in some:
        try:
            assert read_noted(text) == (read_formula(text), ()), text
        except InputError as error:
            assert "full stop" not in str(error)  # noqa: PT017 - such as TI for Ti
            mistyped += 1
    assert mistyped < 20
