"""``stratus finetune`` starts from atoms where the table has coordinates, and opens it once."""

from __future__ import annotations

import csv
import sys

import pytest
import yaml
from typer.testing import CliRunner

import stratus as package
from stratus.cli.app import app
from stratus.encoders.table import DEFAULT_ATOMS_ENCODER, DEFAULT_ATOMS_PRESET

METALS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Mn")
SIZES = {"hidden": 8, "layers": 1}
OPENED: list[str] = []
"""Every path that Python opened since the first test below has begun."""


@pytest.fixture
def salts(tmp_path):
    path = tmp_path / "salts.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "poscar", "formula", "gap"])
        for k, (a, b) in enumerate((a, b) for a in METALS for b in ("O", "S")):
            half = 2 + k / 20
            cell = f"0 {half} {half}\n{half} 0 {half}\n{half} {half} 0"
            text = f"{a}{b}\n1.0\n{cell}\n{a} {b}\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"
            writer.writerow([f"c{k}", text, a + b, len(a) + k / 10])
    return path


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "options.yaml"
    path.write_text(yaml.safe_dump({"model": SIZES, "epochs": 1, "batch_size": 8}))
    return path


def stratus(*words):
    return CliRunner().invoke(app, ["finetune", *map(str, words)])


def test_a_table_with_coordinates_is_learned_from_its_atoms_and_read_once(salts, config, tmp_path):
    sys.addaudithook(lambda event, of: OPENED.append(str(of[0])) if event == "open" else None)
    words = [salts, "--target", "gap", "--folds", 2, "--config", config]
    done = stratus(*words, "-o", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert OPENED.count(str(salts)) == 1
    assert done.output.splitlines()[0] == (
        f"encoder     {DEFAULT_ATOMS_ENCODER}, {DEFAULT_ATOMS_PRESET} with hidden 8, layers 1, "
        "from scratch: the table has coordinates; --model bundled for the symmetry model"
    )
    assert package.load(tmp_path / "run").model.architecture == DEFAULT_ATOMS_ENCODER
    written = tmp_path / "run/options.yaml"
    told = yaml.safe_load(written.read_text())
    assert (told["encoder"], told["preset"]) == (DEFAULT_ATOMS_ENCODER, DEFAULT_ATOMS_PRESET)
    again = stratus(salts, "--folds", 2, "--config", written, "-o", tmp_path / "again")
    assert again.exit_code == 0, again.output
    files = ("predictions.csv", "options.yaml", "weights.safetensors")
    for name in files:
        one, other = (tmp_path / run / name for run in ("run", "again"))
        assert one.read_bytes() == other.read_bytes(), name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "bundled"], "from the model stratus-bundled"),
        (
            ["--set", "group=prototype"],
            "from the model stratus-bundled: rows are kept together by prototype",
        ),
        (["--formula", "formula"], "from the model stratus-bundled"),
    ],
)
def test_the_symmetry_model_learns_what_is_asked_of_it(salts, words, said):
    done = stratus(salts, "--target", "gap", "--overfit", 2, "--epochs", 1, *words)
    assert done.output.splitlines()[0] == f"encoder     orbit-set, {said}"


def test_a_folder_of_structures_has_coordinates(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for k in range(4):
        (folder / f"{k}.xyz").write_text(
            f'2\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 gap={k} pbc="T T T"\n'
            f"Na 0 0 0\nCl 2 2 {2 + k / 9}\n"
        )
    words = ["--target", "gap", "--overfit", 2, "--epochs", 1, "--set", "model={hidden: 8}"]
    done = stratus(folder, *words)
    assert done.output.splitlines()[0].startswith(f"encoder     {DEFAULT_ATOMS_ENCODER}, ")
    assert "rows        4: 4 used" in done.output
