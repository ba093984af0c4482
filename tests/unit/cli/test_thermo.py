"""``stratus thermo``: what is written, drawn and printed, and how it ends."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import stratus
from stratus.cli.app import app
from stratus.inference.jobs.thermo import ThermoSummary
from stratus.models.net import Net


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["thermo", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def crystals(tmp_path, example_cifs) -> Path:
    """Three crystals and a file that is none."""
    folder = tmp_path / "crystals"
    folder.mkdir()
    for name in ("rock-salt", "diamond", "rutile"):
        (folder / f"{name}.cif").write_bytes((example_cifs / f"{name}.cif").read_bytes())
    (folder / "torn.cif").write_text("data_d\n_cell_length_a banana\n")
    return folder


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_command_writes_what_python_gives_and_says_the_units(law_bundle, crystals, tmp_path):
    output = tmp_path / "out.csv"
    said = run(crystals, "-o", output, "--model", law_bundle, "--workers", 0,
               "--t-min", 100, "--t-max", 500, "--step", 200, "--per", "formula")  # fmt: skip
    good = [line for line in lines(output) if line["status"] == "ok"]
    assert [line["temperature_k"] for line in good] == ["100", "300", "500"] * 3
    names = [crystals / f"{line['id']}.cif" for line in good[::3]]
    curves = stratus.load(law_bundle).curves(names, [100, 300, 500], per="formula", interval=0.9)
    for name, values in {"cv": curves.cv.value, "u": curves.u.value, "cv_hi": curves.cv.hi}.items():
        found = np.array([float(line[name]) for line in good]).reshape(3, 3)
        np.testing.assert_allclose(found, values, rtol=1e-5)
    assert "cv in J/(mol K); u in kJ/mol; s in J/(mol K); f in kJ/mol" in said
    assert "per mole of formula units" in said
    assert f"4   {output}: 10 lines, 3 temperatures" in said
    assert "torn.cif" in said


def test_without_temperatures_they_go_to_1500_k(law_bundle, crystals, tmp_path):
    run(crystals / "rutile.cif", "-o", tmp_path / "out.csv", "--model", law_bundle, "-q",
        "--workers", 0)  # fmt: skip
    kelvin = [float(line["temperature_k"]) for line in lines(tmp_path / "out.csv")]
    assert kelvin == list(range(0, 1501, 10))


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_drawn_of_the_first_crystals(law_bundle, crystals, tmp_path, kind):
    picture = tmp_path / f"out.{kind}"
    said = run(crystals, "-o", tmp_path / "out.csv", "--model", law_bundle, "--workers", 0,
               "--plot", picture, "--step", 100)  # fmt: skip
    assert f"3   {picture}" in said
    head = picture.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if kind == "png" else b"<svg" in head or b"<?xml" in head


def test_quiet_prints_nothing(law_bundle, crystals, tmp_path):
    assert run(crystals, "-o", tmp_path / "out.csv", "--model", law_bundle, "--workers", 0, "-q",
               "--step", 500, "--plot", tmp_path / "out.png") == ""  # fmt: skip


def test_where_nothing_can_be_drawn_the_table_is_there_and_it_is_said(law_bundle, tmp_path):
    formulas = tmp_path / "formulas.csv"
    formulas.write_text("id,formula\nsalt,NaCl\n")
    said = run(formulas, "-o", tmp_path / "out.csv", "--model", law_bundle, "--per", "cell",
               "--plot", tmp_path / "out.png", code=2)  # fmt: skip
    assert "out.png was not drawn, because no crystal has curves" in said
    assert len(lines(tmp_path / "out.csv")) == 151
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--per", "mole"), "no value of per 'mole'"),
        (("--t-min", "-5"), "not from -5"),
        (("--t-min", "900", "--t-max", "300"), "not from 900 to 300"),
        (("--step", "0"), "above 0 K, not 0"),
        (("--plot", "out.jpg"), "must end in .png or .svg or .pdf"),
        (("--interval", "90"), "90"),
        (("--workers", "-1"), "workers cannot be -1"),
    ],
)
def test_a_wrong_flag_is_refused_with_a_sentence(law_bundle, crystals, tmp_path, flags, said):
    output = tmp_path / "out.csv"
    found = run(crystals, "-o", output, "--model", law_bundle, *flags, code=2)
    assert said in found
    assert not output.exists()


def test_a_model_without_a_law_is_refused_with_a_sentence(crystals, tmp_path, monkeypatch):
    from stratus.inference import predictor

    model = stratus.load("bundled").model
    bare = tuple(Net(one.encoder, {"gap": one.heads["band_gap"]}) for one in model.members)
    lawless = predictor.Predictor(replace(model, members=bare))
    monkeypatch.setattr(predictor, "load", lambda _: lawless)
    found = run(crystals, "-o", tmp_path / "out.csv", code=2)
    assert "has no head of a thermodynamic law" in found
    assert "stratus finetune TABLE --set law=mixture" in found


def test_a_summary_has_a_rate():
    summary = ThermoSummary(
        output="o.csv", crystals=10, temperatures=2, lines=20, rejects={}, first_rejects=(),
        seconds=4.0,
    )  # fmt: skip
    assert summary.rate == 2.5
