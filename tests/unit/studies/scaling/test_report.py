"""A table becomes a fit with everything that must be known before it is used."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from stratus.errors import InputError
from stratus.studies.scaling.documents import read_fit
from stratus.studies.scaling.fitted import FitOptions
from stratus.studies.scaling.forms import LAW
from stratus.studies.scaling.report import fit_power, fit_table

TRUE = {"E": 0.25, "A": 30.0, "alpha": 0.41, "B": 400.0, "beta": 0.45}
QUICK = FitOptions(coarse=True, draws=20)


def write(path, sizes, tokens, *, sigma=0.01, repeat=1, extra=()):
    draw = np.random.default_rng(0)
    grid = np.meshgrid(sizes, tokens)
    rows = []
    for k, (n, d) in enumerate(zip(grid[0].ravel(), grid[1].ravel(), strict=True)):
        for _ in range(repeat):
            at = {"parameters": np.array([n]), "tokens": np.array([d])}
            loss = LAW.values(TRUE, at)[0] * np.exp(sigma * draw.standard_normal())
            rows.append((f"r{k}", n, d, loss))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("run", "parameters", "tokens", "loss"), *rows, *extra])
    return path


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide")
    return write(folder / "runs.csv", (3e3, 1e4, 5e4, 3e5), (3e5, 1e6, 3e6, 1e7))


@pytest.fixture(scope="module")
def fitted(wide):
    return fit_table(wide, QUICK, budgets=(1e12, 1e15))


def test_the_constants_are_recovered_inside_their_intervals(fitted):
    for name, value in TRUE.items():
        one = getattr(fitted, name)
        assert one.lo < value < one.hi
    total = TRUE["alpha"] + TRUE["beta"]
    assert fitted.a.lo < TRUE["beta"] / total < fitted.a.hi
    assert fitted.a.value + fitted.b.value == pytest.approx(1)
    assert fitted.source.decades == pytest.approx(
        {"parameters": 2.0, "tokens": np.log10(1e7 / 3e5)}
    )


def test_the_largest_run_is_predicted_from_the_others(fitted):
    [one] = fitted.held_out
    assert one.run == "r15"
    assert one.at == {"parameters": 3e5, "tokens": 1e7}
    assert one.predicted.value == pytest.approx(one.measured, rel=0.05)
    assert one.error == pytest.approx(one.predicted.value / one.measured - 1)
    assert one.times_larger == pytest.approx(10 / 3)


def test_budgets_say_whether_they_are_inside_what_was_measured(fitted):
    inside, outside = fitted.budgets
    assert (inside.inside, outside.inside) == (True, False)
    assert outside.parameters.lo < outside.parameters.value < outside.parameters.hi
    assert 6 * inside.parameters.value * inside.tokens.value == pytest.approx(1e12)


def test_a_fit_is_read_back_as_it_was_written(fitted, tmp_path):
    path = tmp_path / "fit.json"
    path.write_text(fitted.model_dump_json())
    assert read_fit(path) == fitted
    path.write_text('{"format": 1}')
    with pytest.raises(InputError, match="no fit of this version"):
        read_fit(path)


def test_less_than_a_decade_is_not_extrapolated_and_a_sentence_says_so(tmp_path):
    table = write(tmp_path / "runs.csv", (1e4, 2e4, 4e4, 8e4), (3e5, 1e6, 3e6, 1e7))
    found = fit_table(table, FitOptions(coarse=True, draws=0, held_out=0), budgets=(1e10, 1e18))
    sentence = found.notes[0]
    assert "parameters from 10000 to 80000, which is less than a decade" in sentence
    assert "nothing is extrapolated" in sentence
    beyond = found.budgets[1]
    assert beyond.refused == sentence
    assert (beyond.parameters, beyond.tokens, beyond.loss) == (None, None, None)
    single = fit_power(
        table, "parameters", FitOptions(coarse=True, draws=0, held_out=0), at=(5e4, 1e6)
    )
    assert single.at[0].refused is None
    assert "less than a decade" in single.at[1].refused
    assert single.at[1].power is None


def test_rows_of_a_run_are_held_out_and_drawn_together(tmp_path):
    table = write(tmp_path / "runs.csv", (3e3, 5e4, 3e5), (3e5, 1e6, 1e7), repeat=2)
    found = fit_table(table, FitOptions(coarse=True, draws=5))
    assert (found.source.rows, found.source.runs) == (18, 9)
    assert [one.run for one in found.held_out] == ["r8", "r8"]


def test_a_floor_is_told_from_none(tmp_path):
    x = np.geomspace(1e2, 1e6, 10)
    draw = np.random.default_rng(0)
    for floor, needed in ((0.5, True), (0.0, False)):
        path = tmp_path / f"{floor}.csv"
        loss = (floor + 6 * x**-0.4) * np.exp(0.005 * draw.standard_normal(10))
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("rows", "loss"), *zip(x, loss, strict=True)])
        found = fit_power(path, "rows", FitOptions(coarse=True, draws=20), at=(1e7,))
        if needed:
            assert found.floor_p < 1e-4
            assert found.power_with_floor.constants["E"].lo < floor
            assert found.power_with_floor.constants["E"].hi > floor
            assert found.at[0].power_with_floor.value == pytest.approx(0.51, rel=0.02)
        else:
            assert found.floor_p > 1e-4
            one = found.power.constants["gamma"]
            assert one.lo < 0.4 < one.hi


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parameters,tokens\n1,2\n", "no column of .* 'loss'"),
        ("parameters,tokens,los\n1,2,3\n", "did you mean los"),
        ("parameters,tokens,loss\n1,2,x\n", "line 2 of .* has loss = 'x'"),
        ("parameters,tokens,loss\n1,2\n", "line 2 of .* has 2 cells"),
        ("parameters,tokens,loss\n", "has no rows"),
        ("", "is empty"),
        ("loss,loss\n1,2\n", "names a column twice"),
    ],
)
def test_a_table_that_can_not_be_used_is_refused_with_its_place(tmp_path, text, said):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        fit_table(path, QUICK)


def test_other_columns_may_be_named(wide, tmp_path):
    path = tmp_path / "named.csv"
    path.write_text(wide.read_text().replace("parameters,tokens,loss", "N,D,L"))
    options = FitOptions(parameters="N", tokens="D", loss="L", coarse=True, draws=0, held_out=0)
    assert fit_table(path, options).alpha.value == pytest.approx(TRUE["alpha"], abs=0.1)


def test_a_law_that_does_not_hold_is_said_to(tmp_path, wide, fitted):
    assert not any("misses" in note for note in fitted.notes)
    table = list(csv.reader(wide.open()))
    for k, row in enumerate(table[1:]):
        row[3] = str(float(row[3]) * (1.4 if k % 3 else 0.7))
    path = tmp_path / "off.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(table)
    notes = fit_table(path, FitOptions(coarse=True, draws=0, held_out=0)).notes
    assert any("The law misses runs by up to" in note for note in notes)


def test_losses_that_fall_like_a_cliff_have_neither_floor_nor_exponent(tmp_path):
    path = tmp_path / "cliff.csv"
    rows = [
        (f"{n}-{d}", n, d, 10 * n**-0.3 * (1 if d > 1e6 else 3))
        for n in (3e3, 3e4, 3e5)
        for d in (3e5, 3e6, 6e6, 1e7)
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("run", "parameters", "tokens", "loss"), *rows])
    notes = fit_table(path, FitOptions(coarse=True, draws=0, held_out=0)).notes
    assert any(note.startswith("beta came out as") for note in notes)
    assert "E came out as 0: these runs are too far from a floor to tell it." in notes
