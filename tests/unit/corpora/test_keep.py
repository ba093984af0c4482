"""A table that keeps atoms holds them to the last bit, and every reader takes them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import stratus
from stratus.cli.app import app
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.tables.reading import read_crystals, read_labelled
from stratus.crystals.entry import Entry
from stratus.errors import ResumeError

WITHOUT_STRINGS = """
import sys
from importlib.abc import MetaPathFinder


class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "stratus.scope" or name.startswith("stratus.scope."):
            raise ImportError(f"{name} is not to be imported")


sys.meta_path.insert(0, Refuse())
"""
"""What a process begins with in which nothing of strings can be imported."""

FRAMES = "".join(
    f"""4
Lattice="4.{n} 0 0.1 0 4.1 0 0 0.2 4.3" Properties=species:S:1:pos:R:3 energy=-{n}.25
Na 0.1 0 0
Cl 2.05 2.05 {n}.05123456789
Na -1.3 0 7.7
Cl 0.3333333333333333 1 1
"""
    for n in range(1, 5)
)


@pytest.fixture
def frames(tmp_path) -> Path:
    path = tmp_path / "frames.extxyz"
    path.write_text(FRAMES, encoding="utf-8")
    return path


def entries(source: object) -> dict[str, Entry]:
    return {one.id: one for one in stratus.read(source) if isinstance(one, Entry)}


def assert_same_atoms(found: dict[str, tuple], wanted: dict[str, Entry]) -> None:
    assert found.keys() == wanted.keys() != set()
    for name, arrays in found.items():
        entry = wanted[name]
        for array, own in zip(
            arrays, (entry.lattice, entry.numbers, entry.frac_coords), strict=True
        ):
            assert array.dtype == own.dtype
            np.testing.assert_array_equal(array, own, strict=True)


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
@pytest.mark.parametrize("keep", [("atoms",), ("scope", "atoms")])
def test_every_bit_of_cifs_and_frames_comes_back_from_a_table(
    tmp_path, frames, example_cifs, keep, suffix
):
    out = tmp_path / f"out.{suffix}"
    encode_corpus([example_cifs, frames], out, EncodeOptions(keep=keep, workers=0))
    wanted = entries(example_cifs) | entries(frames)
    again = {
        name: (one.lattice, one.numbers, one.frac_coords) for name, one in entries(out).items()
    }
    assert_same_atoms(again, wanted)
    table = read_crystals(out, options=EncodeOptions(keep=("atoms",), workers=0))
    atoms = {name: one.atoms for name, one in zip(table.ids, table.crystals, strict=True)}
    assert_same_atoms(atoms, wanted)
    assert not table.rejects


def test_a_table_of_both_serves_both_facets(tmp_path, frames):
    out = tmp_path / "out.parquet"
    encode_corpus([frames], out, EncodeOptions(keep=("scope", "atoms"), workers=0))
    strings = tuple(pq.read_table(out)["scope"].to_pylist())
    by_string = read_labelled(out, ["energy"])
    assert by_string.scopes == strings
    assert all(crystal.atoms is None for crystal in by_string.crystals)
    by_atoms = read_labelled(out, ["energy"], facets=["atoms"], workers=0)
    assert by_atoms.ids == by_string.ids
    assert [len(crystal.atoms.numbers) for crystal in by_atoms.crystals] == [4] * 4
    assert all(crystal.scope is None for crystal in by_atoms.crystals)
    np.testing.assert_array_equal(by_atoms.labels, by_string.labels)
    both = read_labelled(out, ["energy"], facets=["scope", "atoms"], workers=0)
    assert both.scopes == strings
    assert all(crystal.atoms is not None for crystal in both.crystals)


def test_atoms_alone_never_search_symmetry(tmp_path, frames):
    script = WITHOUT_STRINGS + (
        "from stratus.cli.app import app\n"
        "from stratus.corpora.tables.reading import read_labelled\n"
        f"app(['encode', {str(frames)!r}, '-o', 'out.parquet', '--keep', 'atoms', '--workers',"
        " '0'], standalone_mode=False)\n"
        "table = read_labelled('out.parquet', ['energy'], facets=['atoms'], workers=0)\n"
        "print(table.labels[:, 0].tolist(), table.strings)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[-1.25, -2.25, -3.25, -4.25] None"
    assert "distinct SCOPE" not in done.stdout
    names = pq.read_schema(tmp_path / "out.parquet").names
    assert names == [
        "id", "formula", "n_atoms", "volume_per_atom", "lattice", "species", "frac_coords",
        "source", "notes", "energy",
    ]  # fmt: skip


def test_the_command_keeps_what_it_is_told_and_names_what_it_can_not(tmp_path, frames):
    out = tmp_path / "both.parquet"
    call = ["encode", str(frames), "-o", str(out), "--workers", "0", "--keep"]
    done = CliRunner().invoke(app, [*call, "scope,atoms"])
    assert done.exit_code == 0
    assert "distinct SCOPE            1" in done.stdout
    assert {"scope", "lattice", "species", "frac_coords"} <= set(pq.read_schema(out).names)
    done = CliRunner().invoke(app, [*call, "atom"])
    assert done.exit_code == 2
    assert "there is no facet that a table keeps 'atom'; did you mean atoms?" in done.stderr


def test_a_run_is_resumed_with_the_same_facets_alone(tmp_path, frames):
    out = tmp_path / "out.parquet"
    atoms = EncodeOptions(keep=("atoms",), workers=0)
    first = encode_corpus([frames], out, atoms)
    again = encode_corpus([frames], out, atoms.model_copy(update={"resume": True}))
    assert again.already_complete
    assert (again.rows_out, again.keep, again.distinct) == (4, first.keep, 0)
    with pytest.raises(ResumeError, match="keep"):
        encode_corpus([frames], out, EncodeOptions(workers=0, resume=True))


def test_a_left_handed_cell_is_kept_as_it_is_read(tmp_path):
    entry = Entry(
        "left",
        np.diag([4.0, 4.0, -4.0]),
        np.array([11, 17]),
        np.array([[0.25, 0, -0.1], [0.5, 0.5, 1.5]]),
    )
    out = tmp_path / "out.parquet"
    encode_corpus([entry.structure], out, EncodeOptions(keep=("atoms",), workers=0))
    [kept] = entries(out).values()
    [read] = entries(entry.structure).values()
    np.testing.assert_array_equal(kept.lattice, read.lattice)
    np.testing.assert_array_equal(kept.frac_coords, read.frac_coords)
    assert np.linalg.det(kept.lattice) > 0
