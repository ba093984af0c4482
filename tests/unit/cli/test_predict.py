"""``stratus predict``: what is printed, what is written, and how it ends."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import stratus
from stratus.cli.app import app
from stratus.encoders.table import architecture
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    kind = architecture("cloud")
    config = kind.config(
        vocabulary_size=595, hidden=32, layers=2, heads=2, feed_forward=64, max_length=128
    )
    generator = torch.Generator().manual_seed(1)
    gap = make_task({"column": "gap", "unit": "eV"})
    folder = tmp_path_factory.mktemp("models") / "tiny"
    members = []
    for _ in range(2):
        head = make_property_head(gap, Normaliser(mean=1, std=2, rows=9), 32, generator)
        members.append(Net(kind.build(config, generator), {"gap": head}))
    save_bundle(
        folder,
        members=members,
        architecture="cloud",
        view=view("sequence", vocabulary(), 128),
        card=Card(
            name="tiny",
            summary="Nothing.",
            licence_code="MIT",
            licence_weights="MIT",
            intended_use="Tests.",
            limits="All.",
        ),
    )
    return folder


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["predict", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


def test_the_command_writes_what_python_gives(bundle, example_cifs, tmp_path):
    output = tmp_path / "out.csv"
    said = run(example_cifs, "-o", output, "--model", bundle, "--workers", 1)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    entries = list(stratus.read(example_cifs))
    assert [row["id"] for row in rows] == [entry.id for entry in entries]
    model = stratus.load(bundle)
    good = [entry for entry, row in zip(entries, rows, strict=True) if row["status"] == "ok"]
    found = model.predict(good)["gap"]
    gap, std = found.value, found.std
    ok = [row for row in rows if row["status"] == "ok"]
    np.testing.assert_allclose([float(row["gap"]) for row in ok], gap, rtol=1e-5)
    np.testing.assert_allclose([float(row["gap_std"]) for row in ok], std, rtol=1e-3)
    assert f"{len(rows)}   {output}" in said
    assert "partial-occupancy" in said


def test_a_formula_is_predicted_and_printed(bundle):
    said = run("--formula", "NaCl", "--space-group", "Fm-3m", "--model", bundle)
    model = stratus.load(bundle)
    from stratus.scope.partial import partial_scope

    found = model.predict(partial_scope("NaCl", 225))["gap"]
    value, std = found.value, found.std
    row = next(line for line in said.splitlines() if "gap" in line).split()
    assert float(row[1]) == pytest.approx(value[0], abs=std[0])
    assert row[-1] == "eV"
    assert "90% interval" in said


def test_what_was_joined_in_a_formula_is_said(bundle):
    said = run("--formula", "Na2S.9H2O", "--model", bundle)
    assert "Na2S.9H2O: units joined by a dot: read as Na2S + 9 H2O" in said


@pytest.mark.parametrize("flags", [("--formula", "KCl", "--formula", "MgO"), ("KCl", "MgO")])
def test_many_formulas_are_predicted_in_one_call(bundle, tmp_path, flags):
    words = ("--formula", "NaCl", *flags, "--model", bundle)
    said = run(*words, "--formula", "Xx")
    for name in ("NaCl", "KCl", "MgO", "Xx"):
        assert any(line.startswith(name) for line in said.splitlines()), said
    assert "'Xx', which is no chemical element" in said
    run(*words, "-o", tmp_path / "out.csv", "-q")
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["NaCl", "KCl", "MgO"]


def test_without_a_file_the_first_rows_are_printed_and_it_says_so(bundle, tmp_path):
    source = tmp_path / "t.csv"
    source.write_text("id,formula\n" + "".join(f"c{n},NaCl\n" for n in range(25)))
    said = run(source, "--model", bundle)
    assert "c19" in said
    assert "c20" not in said
    assert "These are the first 20 of 25 rows; -o OUT writes all of them." in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_at_80_columns_no_line_is_longer_and_no_number_is_broken(monkeypatch, example_cifs):
    monkeypatch.setenv("COLUMNS", "80")
    one = run("--formula", "NaCl")
    several = run("--formula", "NaCl", "Ca(NO3)2", "--units")
    for said in (one, several):
        assert max(map(len, said.splitlines())) <= 80
        assert "…" not in said
    assert all(f"{name} " in one or f" {name}" in one for name in stratus.load("bundled").tasks)
    [volume] = (
        stratus.load("bundled").predict(example_cifs / "rock-salt.cif")["volume_per_atom"].value
    )
    said = run(example_cifs / "rock-salt.cif", "--workers", 0)
    assert f"{volume:.1f}" in said
    assert "PBEsol" in said


def test_every_reason_is_written_and_only_rejects_end_with_1(bundle, tmp_path):
    source, rejects = tmp_path / "t.csv", tmp_path / "r.csv"
    source.write_text("id,formula\n" + "".join(f"c{n},Xx{n}\n" for n in range(1, 31)))
    words = (source, "-o", tmp_path / "o.csv", "--model", bundle)
    said = run(*words, code=1)
    assert f"the column detail of {tmp_path / 'o.csv'} has the reasons of all 30" in said
    run(*words, "--rejects", rejects, "-q", code=1)
    for path in (tmp_path / "o.csv", rejects):
        with path.open(newline="", encoding="utf-8") as file:
            details = [row["detail"] for row in csv.DictReader(file)]
        assert len(details) == 30
        assert all(f"'Xx{n}'" in text for n, text in enumerate(details, start=1))


def test_strict_ends_at_the_first_reject_and_writes_nothing(bundle, tmp_path):
    (tmp_path / "t.csv").write_text("id,formula\na,NaCl\nb,Xx\n")
    said = run(tmp_path / "t.csv", "-o", tmp_path / "o.csv", "--strict", "--model", bundle, code=1)
    assert said.startswith(f"Error: {tmp_path / 't.csv'}:1: bad-formula: ")
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_quiet_says_nothing(bundle, example_cifs, tmp_path):
    words = ("-o", tmp_path / "out.csv", "--model", bundle, "--workers", 0, "--quiet")
    assert run(next(example_cifs.glob("*.cif")), *words) == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "give files or folders of crystals, or else --formula"),
        (("x.cif", "--formula", "NaCl"), "give files or folders of crystals, or else --formula"),
        (("x.cif", "--space-group", "1"), "--space-group belongs to --formula"),
        (("--formula", "NaCl", "-o", "out.txt"), "must end in .csv or .parquet"),
        (("x.cif",), "x.cif does not exist"),
        (
            (
                "--formula",
                "NaCl",
                "MgO",
                "--space-group",
                "1",
                "--space-group",
                "2",
                "--space-group",
                "3",
            ),
            "3 space groups for 2 formulas",
        ),
        (("--formula", "NaCl", "--digits", "0"), "digits cannot be 0"),
        (("x.cif", "-o", "out.csv", "--rejects", "out.csv"), "both the table and the rejects"),
        (("--formula", "nacl"), "the formula 'nacl' has 'n'"),
        (("--formula", "NaCl", "--space-group", "231"), "231"),
        (("--formula", "NaCl", "--interval", "90"), "between 0 and 1, not 90"),
        (("x.cif", "-o", "out.csv"), "x.cif does not exist"),
        (("x.cif", "-o", "out.csv", "--workers", "-1"), "workers cannot be -1"),
    ],
)
def test_wrong_usage_is_one_sentence(bundle, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    said = run(*words, "--model", bundle, code=2)
    assert said.startswith("Error: ")
    assert message in said
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_not_there_is_one_sentence(tmp_path):
    assert "nowhere" in run("--formula", "NaCl", "--model", tmp_path / "nowhere", code=2)
