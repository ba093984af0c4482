"""A model of atoms predicts for structures, and says what it needs where there are none."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from typer.testing import CliRunner

import stratus
from stratus.cli.app import app
from stratus.crystals.entry import Code
from stratus.errors import InputError
from stratus.inference.estimators.embedder import CrystalEmbedder
from stratus.inference.estimators.properties import CrystalRegressor

METALS = ("Li", "Na", "K", "Rb", "Mg", "Ca", "Sr", "Ba", "Mn", "Zn", "Cd", "Fe")
SIZES = {"hidden": 16, "layers": 1, "atom_hidden": 8}
OPTIONS = {
    "encoder": "cgcnn", "preset": "nano", "model": SIZES,
    "epochs": 2, "members": 2, "patience": None,
}  # fmt: skip
SAYS = "the model reads atoms, that is lattice, species and coordinates"


def command(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())  # lines are broken at the width of the terminal


def salt(metal: str = "Mg", other: str = "O", length: float = 4.2) -> Structure:
    places = [[0, 0, 0], [0.5, 0.5, 0.5]]
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(length), [metal, other], places)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("atoms")


@pytest.fixture(scope="module")
def table(folder):
    """Rock salts with a gap and a heat capacity."""
    path = folder / "salts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "structure", "gap", "cv"])
        for k, (a, b) in enumerate((a, b) for a in METALS for b in ("O", "S")):
            poscar = salt(a, b, 4 + k / 10).get_primitive_structure().to(fmt="poscar")
            writer.writerow([f"c{k}", poscar, len(a) + k / 10, 20 + k / 10])
    return path


def learned(folder, table, name, *words, **changes):
    bundle, options = folder / name, folder / f"{name}.json"
    options.write_text(json.dumps(OPTIONS | changes))
    command("finetune", table, "--folds", 2, "--config", options, "-o", bundle, *words)
    return bundle


@pytest.fixture(scope="module")
def bundle(folder, table):
    return learned(folder, table, "bundle", "--target", "gap:eV")


@pytest.fixture(scope="module")
def model(bundle):
    return stratus.load(bundle)


def of_what_has_no_atoms():
    scope = stratus.encode(salt())
    return {"a formula": "MgO", "a SCOPE string": str(scope), "the object": scope}


@pytest.mark.parametrize("kind", ["a formula", "a SCOPE string", "the object"])
def test_what_has_no_atoms_is_refused_with_a_sentence(model, kind):
    given = of_what_has_no_atoms()[kind]
    word = "a formula" if kind == "a formula" else "a SCOPE string"
    with pytest.raises(InputError, match=f"{SAYS}, which {word} does not have; give a structure"):
        model.predict(given)
    found = model.predict(given, errors="coerce")
    assert np.isnan(found["gap"].value).all()
    [reject] = found.rejects
    assert reject.code is Code.MISSING_FACET
    assert reject.detail.startswith(SAYS)
    with pytest.raises(InputError, match=SAYS):
        model.embed(given)


def test_tables_without_structures_are_refused_before_any_work(model, bundle, tmp_path):
    frame = pd.DataFrame({"formula": ["MgO", "NaCl"]})
    for errors in ("raise", "coerce"):
        with pytest.raises(InputError, match=r"reads atoms, and .* has no columns of structures"):
            model.predict(frame, errors=errors)
    strings = tmp_path / "strings.csv"
    pd.DataFrame({"scope": [str(stratus.encode(salt()))]}).to_csv(strings, index=False)
    with pytest.raises(InputError, match="reads atoms"):
        model.predict(strings)
    assert "reads atoms" in command("predict", strings, "--model", bundle, code=2)
    said = command("predict", "--formula", "MgO", "--model", bundle, code=2)
    assert SAYS in said
    said = command("predict", "MgO", "--model", bundle, code=1)
    assert SAYS in said
    assert "missing-facet" in said


def test_a_mixed_list_keeps_its_places(model):
    found = model.predict([salt(), "MgO", salt("Na", "Cl", 5.6)], errors="coerce")
    alone = [model.predict(one)["gap"].value[0] for one in (salt(), salt("Na", "Cl", 5.6))]
    values = found["gap"].value
    assert np.isnan(values[1])
    np.testing.assert_allclose(values[[0, 2]], alone, rtol=1e-5)
    assert [reject.code for reject in found.rejects] == [Code.MISSING_FACET]
    with pytest.raises(InputError, match=r"crystal 1: MgO: the model reads atoms"):
        model.predict([salt(), "MgO"])


def test_two_crystals_of_one_string_differ(model):
    near, far = salt(length=4.2), salt(length=5.2)
    assert str(stratus.encode(near)) == str(stratus.encode(far))
    one, other = model.predict([near, far])["gap"].value
    assert abs(one - other) > 1e-5
    vectors = model.embed([near, far])
    assert vectors.shape == (2, 16)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4


def test_a_cell_and_its_supercell_are_one_crystal(model):
    thousand = salt() * (5, 5, 5)
    assert len(thousand) == 1000
    one, other = (model.predict(crystal)["gap"].value[0] for crystal in (salt(), thousand))
    assert other == pytest.approx(one, rel=1e-4)


def test_an_atom_without_neighbours_is_predicted_with_a_note(model):
    alone = Structure(Lattice.cubic(100.0), ["Mg"], [[0, 0, 0]])
    found = model.predict([alone, salt()])
    assert np.isfinite(found["gap"].value).all()
    assert found.notes[0].startswith("its one atom has no neighbour within 8 Å")
    assert "no neighbour" not in found.notes[1]


def test_notes_are_sentences(model):
    unknown = Structure(Lattice.cubic(100.0), ["He"], [[0, 0, 0]])
    [note] = model.predict(unknown).notes
    assert note.startswith("its one atom has no neighbour within 8 Å. gap: out: ")
    assert note.endswith(".")


def test_places_that_are_no_numbers_are_refused(model):
    broken = salt()
    broken.translate_sites([0], [float("nan")] * 3, to_unit_cell=False)
    with pytest.raises(InputError, match="atom 0 stands at nan"):
        model.predict(broken)
    found = model.predict([broken, salt()], errors="coerce")
    assert [reject.code for reject in found.rejects] == [Code.BAD_COORDINATES]
    assert np.isnan(found["gap"].value).tolist() == [True, False]


def test_members_are_averaged_and_intervals_are_calibrated(bundle, model, table, tmp_path):
    assert len(model.model.members) == 4  # two folds of two
    output = tmp_path / "found.csv"
    command("predict", table, "--model", bundle, "--interval", 0.5, "-o", output)
    found = pd.read_csv(output)
    assert found["status"].eq("ok").all()
    assert (found["gap_std"] > 0).all()
    assert (found["gap_lo"] < found["gap"]).all()
    assert (found["gap"] < found["gap_hi"]).all()
    inside = ~found["notes"].fillna("").str.contains("out: ")
    assert inside.any()
    ends = np.isfinite(found[["gap_lo", "gap_hi"]].to_numpy()).all(axis=1)
    assert (ends == inside).all()  # open where a crystal is not of the kind that was learned from
    python = model.predict(str(table), interval=0.5)["gap"]
    np.testing.assert_allclose(python.value, found["gap"], rtol=1e-5)
    np.testing.assert_allclose(python.lo, found["gap_lo"], rtol=1e-5)


def test_scikit_learn_takes_structures_for_crystals(bundle):
    crystals = [salt(metal, "O", 4 + k / 5) for k, metal in enumerate(METALS)]
    labels = np.linspace(0, 3, len(crystals))
    regressor = CrystalRegressor(
        encoder="cgcnn", preset="nano", config=SIZES, epochs=2, validation=0.25
    )
    found = clone(regressor).fit(crystals, labels).predict(crystals)
    assert found.shape == (len(crystals),)
    assert np.isfinite(found).all()
    assert np.ptp(found) > 0
    vectors = CrystalEmbedder(bundle).fit(crystals).transform(crystals)
    np.testing.assert_allclose(vectors, stratus.load(bundle).embed(crystals), rtol=1e-5)
    with pytest.raises(InputError, match="atoms"):
        clone(regressor).fit(["MgO", "NaCl", "CaO", "LiF"], labels[:4])


def test_pictures_are_drawn(bundle, table, tmp_path):
    command("plot", bundle, "-o", tmp_path / "one")
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"learning-curves.png", "parity-gap.png", "calibration-gap.png"}
    command("plot", bundle, "-o", tmp_path / "map", "--embed", table, "--colour", "gap:eV")
    pictures = [path for path in (tmp_path / "map").iterdir() if path.suffix == ".png"]
    assert any("embedding" in path.name or "map" in path.name for path in pictures)


def test_what_a_model_is_can_be_read_and_scored(bundle, table):
    listed = command("model", "list", bundle.parent)
    assert "cgcnn" in listed
    assert "graph: cutoff 8 Å, max neighbours 12" in listed
    said = command("model", "info", bundle)
    assert "cgcnn-finetuned" in said
    assert "verified: all" in said
    assert "gap: 24 labels" in command("model", "score", bundle, table)


def test_curves_need_the_head_of_a_law_and_then_come_from_atoms(folder, table, bundle, tmp_path):
    poscar = tmp_path / "POSCAR"
    salt().to(str(poscar), fmt="poscar")
    assert "no head of a thermodynamic law" in command("thermo", poscar, "--model", bundle, code=2)
    words = ("--target", "cv@300K:J/mol/K", "--set", "tasks.cv@300K.per=atom")
    law = learned(folder, table, "law", *words, law="mixture", members=1)
    output = tmp_path / "curves.csv"
    said = command("thermo", poscar, "MgO", "--model", law, "-o", output)
    assert SAYS in said
    curves = pd.read_csv(output).query("id == 'POSCAR'")
    cold, hot = curves["cv"].iloc[0], curves["cv"].iloc[-1]
    assert cold == 0
    assert 0 < hot < 3 * 8.314462618  # the law of Dulong and Petit, J/(mol K) per mole of atoms
