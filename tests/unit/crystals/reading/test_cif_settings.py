"""What symbols of space groups mean, with all that stands behind them."""

from __future__ import annotations

import pytest

from stratus.crystals.reading.cif_settings import (
    stated_by_hall,
    stated_by_number,
    stated_by_reference,
    stated_by_symbol,
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("F d -3 m S", "F d -3 m:1"),
        ("Fd3mS", "F d -3 m:1"),
        ("F D -3 M : S", "F d -3 m:1"),
        ("I41/amdZ", "I 41/a m d:2"),
        ("P 4/n m m (origin choice 2)", "P 4/n m m:2"),
        ("P n n n (Origin at -1)", "P n n n:2"),
        ("F d -3 m, origin at centre (-3m)", "F d -3 m:2"),
        ("F d -3 m Origin at -43m", "F d -3 m:1"),
        ("F d -3 m - origin 1", "F d -3 m:1"),
        ("F d -3 m, setting 1", "F d -3 m:1"),
        ("F d -3 m Z (No. 227)", "F d -3 m:2"),
        ("P n m a (62)", "P n m a"),
        ("Pnma #62", "P n m a"),
        ("P n m a (origin at -1)", "P n m a"),
        ("R -3 m R", "R -3 m:R"),
        ("R-3mH", "R -3 m:H"),
        ("R -3 c, rhombohedral setting", "R -3 c:R"),
        ("H 3", "R 3:H"),
        ("P 2(1)/c", "P 1 21/c 1"),
        ("P2~1~/n", "P 1 21/n 1"),
        ("P 21/c unique axis c, cell choice 2", "P 1 1 21/n"),
        ("C 2/c :b3", "I 1 2/a 1"),
        ("B 2/b", "B 1 1 2/b"),
        ("C 2", "C 1 2 1"),
        ("F 41/d -3 2/m : 2", "F d -3 m:2"),
        ("P 21/n 21/m 21/a", "P n m a"),
        ("P 63/m 2/m 2/c", "P 63/m m c"),
        ("R -3 2/m :H", "R -3 m:H"),
        ("P 21 21 2 (a)", "P 21212(a)"),
        ("C m c e", "C m c a"),
    ],
)
def test_a_symbol_names_the_setting_that_people_mean(text, name):
    assert stated_by_symbol(text).settings[0].name == name


@pytest.mark.parametrize(
    "text",
    [
        "P n m a:2",
        "P n m a :cab",
        "P n m a (origin at 1/4,0,0)",
        "F m -3 m (226)",
        "R -3 m (reverse)",
        "R -3 m :H :R",
        "P m -3 m R",
        "F d -3 m:12",
        "F d -3 m (origin choice 1) origin choice 2",
        "P 1 21/c 1 (unique axis c)",
        "P 21/c (a+c,b,c)",
        "F d -3 m:1" + " origin 1" * 1_000_000,
        "F d -3 m" + "(" * 100_000,
        "origin 1",
        "P",
        "",
    ],
)
def test_a_symbol_that_is_not_understood_as_a_whole_names_no_setting(text):
    assert stated_by_symbol(text).settings == ()


def test_a_short_symbol_alone_is_open_to_other_axes():
    short, full = stated_by_symbol("P 21/c"), stated_by_symbol("P 1 21/c 1")
    assert {s.axes[0] for s in short.settings} == {"a", "b", "c"}
    assert [s.name for s in full.settings] == ["P 1 21/c 1"]


@pytest.mark.parametrize(("text", "name"), [("227", "F d -3 m:2"), ("227:1", "F d -3 m:1")])
def test_a_number_means_the_standard_setting_unless_it_says_more(text, name):
    assert stated_by_number(text).settings[0].name == name


@pytest.mark.parametrize("text", ["0", "231", "n/a", "-1", "1e400", "12345", ""])
def test_what_is_no_number_of_a_group_says_nothing(text):
    assert stated_by_number(text) is None


def test_a_reference_symbol_names_the_group_in_any_setting():
    assert "P b n m" in {s.name for s in stated_by_reference("P n m a").settings}


def test_a_hall_symbol_names_one_setting_even_one_of_no_table():
    assert stated_by_hall("-F 4vw 2vw 3").settings[0].name == "F d -3 m:2"
    (moved,) = stated_by_hall("-P 2ybc (x-z,y,z)").settings
    assert moved.number == 14
    assert not stated_by_hall("-P 4 2 (x+y,x-y,z)").settings  # the cell has twice the volume
    assert not stated_by_hall("Xmc21").settings
