"""A formula is read exactly or refused; nothing is guessed."""

from __future__ import annotations

import pytest

from stratus.crystals.formula import LARGEST, LONGEST, read_formula, read_noted
from stratus.errors import InputError


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("NaCl", {"Na": 1, "Cl": 1}),
        ("NaN", {"Na": 1, "N": 1}),
        ("Na1 Cl1", {"Na": 1, "Cl": 1}),
        ("Na 1 Cl 1", {"Na": 1, "Cl": 1}),
        ("CO", {"C": 1, "O": 1}),
        ("Co", {"Co": 1}),
        ("Ca(NO3)2", {"Ca": 1, "N": 2, "O": 6}),
        ("K4[Fe(CN)6]", {"K": 4, "Fe": 1, "C": 6, "N": 6}),
        ("{Na}2O", {"Na": 2, "O": 1}),
        ("HNaH", {"H": 2, "Na": 1}),
        ("Fe₂O₃", {"Fe": 2, "O": 3}),
        ("Na4Cl4", {"Na": 4, "Cl": 4}),
        ("Sr0.0Cu1", {"Cu": 1}),
        ("Sr0Cu", {"Cu": 1}),
        ("CuSO4.500H2O", {"Cu": 2, "S": 2, "O": 11, "H": 4}),
        ("La0.5H2O", {"La": 1, "H": 4, "O": 2}),
        ("La1.5H2Os", {"La": 3, "H": 4, "Os": 2}),
        ("CuSO4·5H2O", {"Cu": 1, "S": 1, "O": 9, "H": 10}),
        ("CuSO4 * 5 H2O", {"Cu": 1, "S": 1, "O": 9, "H": 10}),
        ("Fe₂(SO₄)₃·9H₂O", {"Fe": 2, "S": 3, "O": 21, "H": 18}),
        ("KCl·MgCl2·6H2O", {"K": 1, "Cl": 3, "Mg": 1, "H": 12, "O": 6}),
        ("(H2SO4·2H2O)2", {"H": 12, "S": 2, "O": 12}),
        ("Na.5K.5NbO3·H2O", {"Na": 1, "K": 1, "Nb": 2, "O": 8, "H": 4}),
    ],
)
def test_formulas_as_people_write_them(text: str, amounts: dict[str, int]) -> None:
    assert read_formula(text) == amounts


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Fe0.5O0.5", {"Fe": 1, "O": 1}),
        ("Na.5Cl.5", {"Na": 1, "Cl": 1}),
        ("Hg0.7Cd0.3Te", {"Hg": 7, "Cd": 3, "Te": 10}),
        ("La1.85Sr0.15CuO4", {"La": 37, "Sr": 3, "Cu": 20, "O": 80}),
        ("Li0.333Co0.667", {"Li": 1, "Co": 2}),
        ("Li0.333333Co0.6666667", {"Li": 1, "Co": 2}),
        ("Li0.3333Co0.6666", {"Li": 1, "Co": 2}),  # cut off, not rounded
        ("Fe0.30000000000000004O0.7", {"Fe": 3, "O": 7}),  # as Python writes 0.1 + 0.2
        ("(Fe0.333)3O2", {"Fe": 1, "O": 2}),
        ("Na0.334Cl0.666", {"Na": 167, "Cl": 333}),  # no thirds to the digits that are written
        ("Na0.33Cl0.67", {"Na": 33, "Cl": 67}),  # two digits are a measurement
        ("Fe0.620C0.000953Mn0.000521", {"Fe": 620000, "C": 953, "Mn": 521}),
    ],
)
def test_decimal_amounts_are_made_whole_exactly(text: str, amounts: dict[str, int]) -> None:
    found = read_formula(text)
    assert {symbol: n * sum(amounts.values()) for symbol, n in found.items()} == {
        symbol: n * sum(found.values()) for symbol, n in amounts.items()
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("nacl", "capital letter"),
        ("nan", "capital letter"),
        ("Xx2", "'Xx', which is no chemical element"),
        ("Vac", "'Va', which is no"),
        ("D2O", "isotope"),
        ("T2", "isotope"),
        ("Na+", "charges"),
        ("Fe3+", "charges"),
        ("Na-1", "charges and negative"),
        ("Ca(NO3", "does not close"),
        ("CaNO3)2", "not opened"),
        ("Ca(NO3]2", "not opened"),
        ("Na()", "nothing between"),
        ("2NaCl", "number 2 where an element was expected"),
        ("Fe1 2", "number 2"),
        ("Na1.2.3", "number .3"),
        ("Fe1e3", "'e'"),
        ("Na٣", "belongs to no formula"),
        ("MgO2@", "belongs to no formula"),
        ("Na0", "no atoms"),
        ("CuSO4.5H2O", "write CuSO4·5H2O"),
        ("Na2SO4.10H2O", "write Na2SO4·10H2O"),
        ("CuSO4.5(H2O)", "a full stop is a decimal point as well"),
        ("LiCl.H2O", "write LiCl·H2O"),
        ("CuSO4·", "nothing on one side"),
        ("·H2O", "nothing on one side"),
        ("CuSO4··5H2O", "nothing on one side"),
        ("(CaO·)2", "nothing on one side"),
        ("CuSO4·xH2O", "how many units"),
        ("CuSO4·1/0H2O", "the fraction 1/0"),
        ("CuSO4..5H2O", "two full stops"),
        ("(2H2O)", "number 2 where an element was expected"),
        (f"NaCl{LARGEST + 1}", "beyond reason"),
        ("NaCl" + "9" * 500, "digits"),
        ("NaCl" * LONGEST, "characters"),
        ("(" * 20 + "Na" + ")" * 20, "too many brackets"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("+", r"\+").replace(".3", r"\.3")):
        read_formula(text)


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("Na2S.9H2O", "Na2S + 9 H2O"),
        ("NaBr.2H2O", "NaBr + 2 H2O"),
        ("K4[Fe(CN)6].3H2O", "K4[Fe(CN)6] + 3 H2O"),
        ("CoCl2.6NH3", "CoCl2 + 6 NH3"),
        ("BaO.6Fe2O3", "BaO + 6 Fe2O3"),
        ("Al2O3.2SiO2", "Al2O3 + 2 SiO2"),
        ("CuSO4.5OH2", "CuSO4 + 5 OH2"),
        ("CuO.CuSO4", "CuO + CuSO4"),
        ("3CaO.Al2O3.6H2O", "3 CaO + Al2O3 + 6 H2O"),
        ("K2SO4.Al2(SO4)3.24H2O", "K2SO4 + Al2(SO4)3 + 24 H2O"),
        ("CaSO4.0.5H2O", "CaSO4 + 0.5 H2O"),
        ("CaSO4.1/2H2O", "CaSO4 + 1/2 H2O"),
        ("CuSO4 . 5 H2O", "CuSO4 + 5 H2O"),
        ("CuSO₄.5H₂O", "CuSO₄ + 5 H₂O"),
        ("CuSO4·5H2O", "CuSO4 + 5 H2O"),
    ],
)
def test_joined_units_are_said_in_a_note(text: str, read_as: str) -> None:
    found = read_noted(text)
    assert found.notes == (f"units joined by a dot: read as {read_as}",)
    parts = [part.replace(" ", "") for part in read_as.split(" + ")]
    assert found.amounts == read_formula("·".join(parts))


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("Na2.9H2O", "Na2·9H2O", "Na2.900H2O"),
        ("Cl2.7H2O", "Cl2·7H2O", "Cl2.700H2O"),
        ("Na.5CoO2.1H2O", "Na.5CoO2·1H2O", "Na.5CoO2.100H2O"),
        ("Na1Cl1.2H2O", "Na1Cl1·2H2O", "Na1Cl1.200H2O"),
        ("KH2.5PO4", "KH2·5PO4", "KH2.500PO4"),
        ("La3Sb.33SiS7", "La3Sb·33SiS7", "La3Sb0.33SiS7"),
        ("C60.2C6H6", "C60·2C6H6", "C60.200C6H6"),
        ("SbI3.3S8", "SbI3·3S8", "SbI3.300S8"),
        ("Na2CO3.1.5H2O", "Na2CO3·1.5H2O", "Na2CO3.1·5H2O"),
    ],
)
def test_a_full_stop_that_can_be_either_is_refused(text: str, one: str, other: str) -> None:
    with pytest.raises(InputError, match="decimal point or join two units") as caught:
        read_noted(text)
    assert str(caught.value).endswith(f"write {one} if it joins, else {other}")
    assert read_noted(one).amounts != read_noted(other).amounts


@pytest.mark.parametrize(
    "text",
    [
        "Fe.5Co.5",
        "Li.5CoO2",
        "La.7Sr.3MnO3",
        "Cd1Hg6.5As4Cl6",
        "EuMo6.35S8",
        "Ca2CuCl2.15O2",
        "Li0.84H1Fe1.14Se1O1",
        "GaAs.5P.5",
    ],
)
def test_amounts_of_solid_solutions_carry_no_note(text: str) -> None:
    assert read_noted(text) == (read_formula(text), ())


@pytest.mark.parametrize("given", [None, float("nan"), 3])
def test_what_is_no_text_is_refused(given: object) -> None:
    with pytest.raises(InputError, match="a formula is a text"):
        read_formula(given)  # type: ignore[arg-type]
