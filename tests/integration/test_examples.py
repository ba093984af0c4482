"""The bundled example crystals and the example scripts."""

from __future__ import annotations

import csv
import re
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

SPACE_GROUPS = {
    "caesium-chloride": 221,
    "corundum": 167,
    "corundum-rhombohedral": 167,
    "diamond": 227,
    "fluorite": 225,
    "garnet": 230,
    "magnesium": 194,
    "perovskite": 221,
    "quartz": 154,
    "rock-salt": 225,
    "rock-salt-rewritten": 225,
    "rutile": 136,
    "spinel": 227,
    "wurtzite": 186,
    "zincblende": 216,
}  # fmt: skip


def stratus(*arguments) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stratus", *map(str, arguments)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    copied = stratus("examples", folder / "crystals")
    assert copied.returncode == 0, copied.stderr
    done = stratus(
        "encode", folder / "crystals", "-o", folder / "out.parquet",
        "--rejects", folder / "rejects.csv",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def rows_of(folder) -> dict[str, dict]:
    rows = pq.read_table(folder / "out.parquet").to_pylist()
    return {row["id"]: row for row in rows}


@pytest.mark.smoke
def test_every_example_is_an_entry_or_a_reject(encoded):
    with (encoded / "rejects.csv").open(encoding="utf-8", newline="") as handle:
        rejects = list(csv.DictReader(handle))
    rows = rows_of(encoded)
    assert {name: row["space_group"] for name, row in rows.items()} == SPACE_GROUPS
    assert [(r["id"], r["code"]) for r in rejects] == [("silicon-germanium", "partial-occupancy")]


@pytest.mark.smoke
def test_a_crystal_written_twice_has_one_string(encoded):
    rows = rows_of(encoded)
    assert rows["rock-salt"]["scope"] == rows["rock-salt-rewritten"]["scope"]
    assert rows["corundum"]["scope"] == rows["corundum-rhombohedral"]["scope"]
    assert len({row["scope"] for row in rows.values()}) == len(rows) - 2


@pytest.mark.smoke
def test_python_and_the_command_line_write_the_same_string(encoded, example_cifs):
    import stratus as package

    rows = rows_of(encoded)
    seen = 0
    for item in package.read(example_cifs):
        if isinstance(item, package.Entry):
            assert str(package.encode(item.structure)) == rows[item.id]["scope"]
            seen += 1
    assert seen == len(SPACE_GROUPS)


def test_examples_refuses_a_folder_it_cannot_make(tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    done = stratus("examples", tmp_path / "file" / "below")
    assert done.returncode == 2
    assert "name a folder you may write to" in re.sub(r"[\s│]+", " ", done.stderr)


def test_print_table_shows_strings_and_rejects(encoded, repo_root):
    done = subprocess.run(
        [sys.executable, repo_root / "examples" / "print_table.py",
         encoded / "out.parquet", encoded / "rejects.csv"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "rock-salt-rewritten" in done.stdout
    assert rows_of(encoded)["rock-salt"]["scope"] in done.stdout
    assert "partial-occupancy" in done.stdout


def scripts(root):
    elsewhere = {"print_table.py", "demo.py"}  # above, and in test_demo.py
    return sorted(p.name for p in (root / "examples").glob("*.py") if p.name not in elsewhere)


def test_every_example_script_runs(repo_root, tmp_path):
    names = scripts(repo_root)
    assert names
    for name in names:
        done = subprocess.run(
            [sys.executable, repo_root / "examples" / name],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stderr}"
        assert done.stdout.strip(), f"{name} said nothing"
