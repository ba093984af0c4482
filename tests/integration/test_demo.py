"""The demo: a folder of crystals, a table with intervals, and a page that shows them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import stratus
from stratus.crystals.facets import Detail
from stratus.encoders.table import architecture
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.plots.interval_bar import Predicted, rounded
from stratus.scope import vocabulary
from stratus.tasks.conformal import Calibration, Scores
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view


def predicted(value, std, lo=None, hi=None):
    return SimpleNamespace(
        value=value, std=std, lo=lo, hi=hi, note=lambda place: f"said of {place}"
    )


class Model:
    """Predicts the number of words of each string."""

    card = SimpleNamespace(name="counter", summary="Counts words.")
    tasks = {  # noqa: RUF012 - a stand-in
        "words": SimpleNamespace(unit="eV"),
        "colour": SimpleNamespace(unit=""),
        "metal": SimpleNamespace(unit=""),
    }
    model = SimpleNamespace(heads={})

    def predict(self, strings, *, interval):
        assert interval == 0.9
        value = np.array([float(len(text.split(" "))) for text in strings])
        std = np.full(len(value), 0.25)
        high = np.where(value > 20, inf, value + 1.5)
        return {
            "words": predicted(value, std, value - 0.5, high),
            "colour": predicted(np.ones((len(value), 3)), np.ones((len(value), 3))),
            "metal": predicted(np.full(len(value), 0.5), std),
        }


@pytest.fixture
def demo(repo_root, monkeypatch):
    spec = importlib.util.spec_from_file_location("demo", repo_root / "examples" / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(stratus, "load", lambda _where: Model())
    return module


@pytest.mark.smoke
def test_every_example_crystal_is_printed_and_shown(demo, example_cifs, tmp_path, capsys):
    demo.main(example_cifs, tmp_path / "demo.html", "a folder")
    said = capsys.readouterr().out
    page = (tmp_path / "demo.html").read_text(encoding="utf-8")
    names = {path.stem for path in example_cifs.glob("*.cif")}
    assert len(names) > 12
    for name in names:
        assert name in said
        assert f">{name}<" in page
    assert page.count("<article") == len(names)
    assert "not predicted: silicon-germanium" in said
    assert "partial-occupancy" in page
    for word in ("words", "metal", "eV", "90% interval"):
        assert word in said
        assert word in page
    assert "colour</th>" not in page  # several classes are no single number
    salt = len(str(stratus.encode(example_cifs / "rock-salt.cif")).split(" "))
    assert f"{salt - 0.5:.1f} to {salt + 1.5:.1f}" in said
    assert f"{salt - 0.5:.1f} to {salt + 1.5:.1f}" in page
    assert "to ∞" in said
    assert "words, colour, metal: said of 3." in page
    assert "http" not in page.replace("http-equiv", "")
    assert len(page.encode()) < 2_000_000


def test_a_folder_without_crystals_is_no_crash(demo, tmp_path, capsys):
    (tmp_path / "bad.cif").write_text("data_\n", encoding="utf-8")
    demo.main(tmp_path, tmp_path / "demo.html", "a folder")
    assert "not predicted: bad" in capsys.readouterr().out
    assert "bad" in (tmp_path / "demo.html").read_text(encoding="utf-8")


@pytest.fixture
def bundle(tmp_path):
    """A model too small to be of use, with two groups of members and a calibration."""
    generator = torch.Generator().manual_seed(0)
    kind = architecture("orbit-set")
    config = kind.config(
        vocabulary_size=len(vocabulary()), hidden=16, layers=1, heads=2, feed_forward=32,
        max_length=48,
    )  # fmt: skip
    task = make_task({"column": "gap", "unit": "eV", "minimum": 0.0})
    normaliser = Normaliser(mean=0.5, std=2.0, rows=9)
    members = [
        Net(
            kind.build(config, generator),
            {"gap": make_property_head(task, normaliser, 16, generator)},
            group,
        )
        for group in "aab"
    ]
    scores = Scores(rows=19, floor=0.5, scores=tuple(k / 8 for k in range(19)))
    calibration = Calibration(tasks={"gap": {group: {Detail.WHOLE: scores} for group in "ab"}})
    card = Card(
        name="tiny", summary="Of no use.", data=(), licence_code="MIT", licence_weights="MIT",
        intended_use="Tests.", limits="Everything else.",
    )  # fmt: skip
    save_bundle(
        tmp_path / "bundle", members=members, architecture="orbit-set", card=card,
        view=view("orbit-set", vocabulary(), 48), calibration=calibration,
    )  # fmt: skip
    return tmp_path / "bundle"


def test_the_script_runs_with_a_model_and_shows_what_that_predicts(bundle, repo_root, tmp_path):
    done = subprocess.run(
        [sys.executable, repo_root / "examples" / "demo.py", "--model", bundle,
         "-o", tmp_path / "demo.html"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "demo.html").read_text(encoding="utf-8")
    salt = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"
    found = stratus.load(bundle).predict([salt], interval=0.9)["gap"]
    expected = demo_numbers(found)
    assert expected in page
    assert expected in done.stdout
    assert "Predicted by tiny: Of no use." in page
    assert "over temperature" not in page  # the model has no law


def demo_numbers(found):
    one = Predicted(
        "gap", "eV", *(float(x[0]) for x in (found.value, found.std, found.lo, found.hi))
    )
    return rounded(one)[2]


def test_a_folder_that_is_no_model_is_one_sentence(repo_root, tmp_path):
    done = subprocess.run(
        [sys.executable, repo_root / "examples" / "demo.py", "--model", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
