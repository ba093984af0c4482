"""A formula is read exactly or refused; nothing is guessed."""

from __future__ import annotations

import pytest

from stratus.crystals.formula import LARGEST, LONGEST, read_formula
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
        ("CuSO4·5H2O", "hydrate"),
        ("CuSO4.5H2O", "hydrate"),
        ("Na2SO4.10H2O", "hydrate"),
        ("CuSO4.5(H2O)", "hydrate"),
        (f"NaCl{LARGEST + 1}", "beyond reason"),
        ("NaCl" + "9" * 500, "digits"),
        ("NaCl" * LONGEST, "characters"),
        ("(" * 20 + "Na" + ")" * 20, "too many brackets"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason.replace("+", r"\+").replace(".3", r"\.3")):
        read_formula(text)


@pytest.mark.parametrize("given", [None, float("nan"), 3])
def test_what_is_no_text_is_refused(given: object) -> None:
    with pytest.raises(InputError, match="a formula is a text"):
        read_formula(given)  # type: ignore[arg-type]
