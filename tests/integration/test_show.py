"""``stratus show`` explains one crystal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stratus.cli.app import app


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["show", *arguments], env={"COLUMNS": "100", "NO_COLOR": "1"})
    return result.exit_code, result.output


def test_a_crystal_is_explained(example_cifs: Path) -> None:
    code, text = run(str(example_cifs / "rock-salt.cif"))
    assert code == 0
    assert "Space group 225, Fm-3m, cubic; 2 atoms in the primitive cell" in text
    assert "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2" in text
    assert "centring: every site again at +(0, 1/2, 1/2)" in text
    assert re.search(r"Na\s+│\s+4a\s+│\s+m-3m", text)


def test_a_disordered_crystal_says_why_not(example_cifs: Path) -> None:
    code, text = run(str(example_cifs / "silicon-germanium.cif"))
    assert code == 2
    assert "partial-occupancy" in text


@pytest.mark.parametrize("arguments", [["--id", "rocksalt"], []])
def test_a_folder_asks_which_crystal(example_cifs: Path, arguments: list[str]) -> None:
    code, text = run(str(example_cifs), *arguments)
    assert code == 2
    assert "--id" in text or "rock-salt" in text


def test_an_id_chooses_the_crystal(example_cifs: Path) -> None:
    code, text = run(str(example_cifs), "--id", "diamond")
    assert code == 0
    assert "Fd-3m" in text


def test_an_unknown_backend_is_refused(example_cifs: Path) -> None:
    code, text = run(str(example_cifs / "diamond.cif"), "--backend", "aflow")
    assert code == 2
    assert "choose moyopy or spglib" in text
