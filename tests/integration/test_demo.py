"""The demo: a folder of crystals, a table with intervals, and a page that shows them."""

from __future__ import annotations

import importlib.util
from math import inf
from types import SimpleNamespace

import numpy as np
import pytest

import stratus


def predicted(value, std, lo=None, hi=None):
    return SimpleNamespace(value=value, std=std, lo=lo, hi=hi)


class Model:
    """Predicts the number of words of each string."""

    card = SimpleNamespace(name="counter", summary="Counts words.")
    tasks = {  # noqa: RUF012 - a stand-in
        "words": SimpleNamespace(unit="eV"),
        "colour": SimpleNamespace(unit=""),
        "metal": SimpleNamespace(unit=""),
    }

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
    assert page.count("<article") == len(names) - 1
    assert "not predicted: silicon-germanium" in said
    assert "partial-occupancy" in page
    for word in ("words", "metal", "eV", "90% interval"):
        assert word in said
        assert word in page
    assert "colour</th>" not in page  # several classes are no single number
    salt = len(str(stratus.encode(example_cifs / "rock-salt.cif")).split(" "))
    assert f"{salt - 0.5:.2f} to {salt + 1.5:.2f}" in said
    assert f"{salt - 0.5:.2f} to {salt + 1.5:.2f}" in page
    assert "to ∞" in said
    assert "http" not in page.replace("http-equiv", "")
    assert len(page.encode()) < 2_000_000


def test_a_folder_without_crystals_is_no_crash(demo, tmp_path, capsys):
    (tmp_path / "bad.cif").write_text("data_\n", encoding="utf-8")
    demo.main(tmp_path, tmp_path / "demo.html", "a folder")
    assert "not predicted: bad" in capsys.readouterr().out
    assert "bad" in (tmp_path / "demo.html").read_text(encoding="utf-8")
