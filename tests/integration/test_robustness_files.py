"""756 real input files, many of them broken: each ends as the entry or reject it should."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stratus.crystals.entry import Entry
from stratus.crystals.reading import ReadOptions, Record, parse

OUTCOMES = Path(__file__).with_name("robustness_outcomes.csv")
"""Each file with what comes of it: the number of atoms and formula of an entry, or the code of a
reject, joined by `` + `` where a file holds several crystals. Each was compared with what pymatgen
makes of the file, and looked at by eye where the two differ: POSCAR files of VASP 4 without
elements (pymatgen invents H, He, Li, ...), overlapping atoms, files that pymatgen cannot read."""


def outcome(result) -> str:
    if isinstance(result, Entry):
        return f"{len(result)} {result.structure.composition.formula.replace(' ', '')}"
    return result.code.value


@pytest.fixture(scope="module")
def expected() -> dict[str, str]:
    with OUTCOMES.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["outcome"] for row in csv.DictReader(file)}


def test_every_robustness_file_ends_as_the_right_entry_or_reject(data_dir, expected):
    rows = pq.read_table(
        data_dir / "robustness_cifs" / "robustness_files.parquet",
        columns=["path", "format", "text", "encoding"],
    ).to_pylist()
    assert len(rows) == len(expected) == 756
    wrong = {}
    for row in rows:
        format_ = "poscar" if row["format"] == "poscar" else "cif"
        content = row["text"].encode("latin-1" if row["encoding"] == "latin1" else "utf-8")
        record = Record("id", row["path"], format_, content)
        found = " + ".join(outcome(result) for result in parse(record, ReadOptions()))
        if found != expected[row["path"]]:
            wrong[row["path"]] = (found, expected[row["path"]])
    assert wrong == {}


def test_no_robustness_file_is_lost_when_they_are_read_as_a_folder(data_dir, expected, tmp_path):
    from stratus.crystals.reading import read

    rows = pq.read_table(
        data_dir / "robustness_cifs" / "robustness_files.parquet", columns=["path", "text"]
    ).to_pylist()
    for row in rows:
        file = tmp_path / row["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(row["text"], encoding="utf-8")
    results = list(read(tmp_path))
    assert len(results) == sum(text.count(" + ") + 1 for text in expected.values())
    assert {r.source for r in results} == {str(tmp_path / row["path"]) for row in rows}
