"""The command line: quick to answer, one sentence when it fails, exit codes that mean something."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

CIF = """data_{name}
_cell_length_a 4.0
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cs1 Cs 0 0 0
Cl1 Cl 0.5 0.5 {z}
"""
COMMAND = [sys.executable, "-m", "stratus.cli"]


def stratus(*words: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        input=stdin,
    )


@pytest.fixture
def cifs(tmp_path: Path) -> Path:
    folder = tmp_path / "cifs"
    folder.mkdir()
    for i in range(5):
        (folder / f"c{i}.cif").write_text(CIF.format(name=f"c{i}", z=0.4 + i / 50))
    (folder / "d.cif").write_text("data_d\n_cell_length_a banana\n")
    return folder


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from stratus.cli import main\n"
        "sys.argv = ['stratus', *sys.argv[1:]]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = 'numpy pyarrow pymatgen moyopy spglib gemmi torch ray rich.progress'\n"
        "print('HEAVY', [m for m in heavy.split() if m in sys.modules])\n"
    )
    for words in (["--help"], ["encode", "--help"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "HEAVY []", done.stdout


def test_version_is_the_installed_one() -> None:
    from stratus import __version__

    assert stratus("--version").stdout == f"stratus {__version__}\n"


def test_encode_prints_counts_that_add_up_and_exits_0(cifs: Path, tmp_path: Path) -> None:
    done = stratus("encode", cifs, "-o", tmp_path / "out.parquet", "--workers", 1)
    assert done.returncode == 0, done.stderr
    numbers = {line.split()[0] + line.split()[1]: line for line in done.stdout.splitlines()}
    assert numbers["rowsin"].split()[2] == "6"
    assert numbers["rowsout"].split()[2] == "5"
    assert numbers["rejects1"].endswith("out.rejects.csv")
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 5
    assert (tmp_path / "out.rejects.csv").read_text().count("\n") == 2


def test_quiet_prints_nothing(cifs: Path, tmp_path: Path) -> None:
    done = stratus("encode", cifs, "-o", tmp_path / "out.parquet", "--workers", 0, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_flags_reach_the_table(cifs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    flags = ["--symprec", 0.5, "--workers", 0, "--max-atoms", 2, "--rejects", tmp_path / "r.csv"]
    assert stratus("encode", cifs, "-o", out, *flags).returncode == 0
    table = pq.read_table(out)
    assert set(table.column("symprec").to_pylist()) == {0.5}
    assert set(table.column("space_group").to_pylist()) == {221}
    assert (tmp_path / "r.csv").exists()
    assert stratus("encode", cifs, "-o", out, "--workers", 0, "--max-atoms", 1).returncode == 0
    assert pq.read_table(out).num_rows == 0
    done = stratus("encode", cifs, "-o", out, "--workers", 0, "--dialect", "paper")
    assert done.returncode == 0, done.stderr
    assert set(pq.read_table(out).column("backend").to_pylist()) == {"spglib"}


def test_columns_can_be_named(cifs: Path, tmp_path: Path) -> None:
    texts = [p.read_text() for p in sorted(cifs.glob("c*.cif"))]
    table = pa.table({"mine": texts, "name": [f"n{i}" for i in range(5)], "value": range(5)})
    pq.write_table(table, tmp_path / "in.parquet")
    flags = ["--structure", "mine", "--id", "name", "--workers", 0]
    done = stratus("encode", tmp_path / "in.parquet", "-o", tmp_path / "out.parquet", *flags)
    assert done.returncode == 0, done.stderr
    out = pq.read_table(tmp_path / "out.parquet", columns=["id", "value"])
    assert out.to_pylist() == [{"id": f"n{i}", "value": i} for i in range(5)]


def test_notes_are_counted_and_options_of_frames_reach_the_reader(tmp_path: Path) -> None:
    frame = (
        'Lattice="4 0 0 0 4 0 0 0 4.{n}" Properties=species:S:1:pos:R:3 pbc="T T F" '
        'stress="{n} 0 0 0 0 0 0 0 0"\nCs 0 0 0\nCl 2 2 2\n'
    )
    path, table = tmp_path / "slabs.extxyz", tmp_path / "t.parquet"
    path.write_text("".join("2\n" + frame.format(n=n) for n in (1, 2, 3)))
    words = ("encode", path, "-o", table, "--workers", 0, "--stress", "eV/A^3 compression")
    done = stratus(*words)
    assert done.returncode == 0, done.stderr
    note = "periodic along a and b alone; read as a crystal in all three directions"
    assert [line.split(maxsplit=1) for line in done.stdout.splitlines()[4:6]] == [
        ["notes", "3"],
        ["3", note],
    ]
    written = pq.read_table(table)
    assert written["notes"].to_pylist() == [note] * 3
    assert [stress[0][0] for stress in written["stress"].to_pylist()] == [-1, -2, -3]
    table.unlink()
    done = stratus(*words, "--not-periodic", "reject")
    assert "not-periodic             3" in done.stdout
    wrong = stratus(*words, "--not-periodic", "perhaps")
    assert (wrong.returncode, "'note' or 'reject'" in wrong.stderr) == (2, True)


def test_standard_input_is_an_input(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    done = stratus("encode", "-", "-o", out, "--workers", 1, stdin=CIF.format(name="c", z=0.5))
    assert done.returncode == 0, done.stderr
    assert pq.read_table(out).column("space_group").to_pylist() == [221]
    done = stratus("encode", "-", "-o", out, "--resume", stdin=CIF.format(name="c", z=0.5))
    assert done.returncode == 2
    assert "cannot be read a second time" in done.stderr


def test_strict_exits_1_with_the_sentence_of_the_first_reject(cifs: Path, tmp_path: Path) -> None:
    done = stratus("encode", cifs, "-o", tmp_path / "out.parquet", "--workers", 1, "--strict")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert "d.cif" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["cifs"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.cif", "-o", "{out}"], "nowhere.cif does not exist"),
        (["{cifs}", "-o", "{out}.txt"], "must end in .parquet or .csv"),
        (["{cifs}", "-o", "{out}", "--symprec", "-1"], "symprec cannot be -1"),
        (["{cifs}", "-o", "{out}", "--timeout", "0"], "timeout_s cannot be 0"),
        (["{cifs}", "-o", "{out}", "--dialect", "paper", "--backend", "moyopy"], "paper dialect"),
        (["{cifs}", "-o", "{out}", "--dialect", "poem"], "poem"),
        (["{cifs}"], "-o"),
    ],
)
def test_wrong_usage_exits_2_without_a_traceback(
    cifs: Path, tmp_path: Path, words: list[str], says: str
) -> None:
    out = tmp_path / "out.parquet"
    done = stratus("encode", *(w.format(cifs=cifs, out=out) for w in words))
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = stratus("--debug", "encode", "nowhere.cif", "-o", tmp_path / "out.parquet")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_it_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    rows = 40_000
    table = {
        "id": [str(i) for i in range(rows)],
        "lattice": pa.array([[3.0, 0, 0, 0, 3.5, 0, 0, 0, 4.0]] * rows),
        "species": ["Cs Cl"] * rows,
        "frac_coords": pa.array([[0.0, 0, 0, 0.5, 0.5, 0.5]] * rows),
    }
    pq.write_table(pa.table(table), tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    words = ["encode", tmp_path / "in.parquet", "-o", out, "--workers", 1]
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    journal = tmp_path / "out.parquet.parts" / "journal.json"
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and (
        not journal.exists() or '"part-000000"' not in journal.read_text()
    ):
        time.sleep(0.1)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code
    assert "--resume" in said
    assert "Traceback" not in said
    assert not out.exists()
    assert journal.exists()
