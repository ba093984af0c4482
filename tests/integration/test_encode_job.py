"""The main job on real inputs: the bundled crystals, broken files, a labelled table."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.crystals.entry import Entry
from stratus.crystals.reading import read
from stratus.errors import InputError
from stratus.scope import ScopeOptions, encode


@pytest.mark.smoke
def test_the_example_crystals_become_rows_that_equal_the_python_call(
    example_cifs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.parquet"
    summary = encode_corpus([example_cifs], out, EncodeOptions(workers=2))
    rows = {row["id"]: row for row in pq.read_table(out).to_pylist()}
    outcomes = list(read(example_cifs))
    assert summary.rows_in == len(outcomes)
    for outcome in outcomes:
        if isinstance(outcome, Entry):
            scope = encode(outcome)
            row = rows.pop(outcome.id)
            assert row["scope"] == str(scope)
            assert row["space_group"] == scope.space_group
            assert row["formula"] == scope.formula
            assert (row["n_atoms"], row["n_orbits"]) == (scope.n_atoms, scope.n_orbits)
            structure = outcome.structure
            assert row["volume_per_atom"] == pytest.approx(structure.volume / len(structure))
    assert not rows


def test_broken_files_are_all_accounted_for(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "robustness_cifs"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    out = tmp_path / "out.parquet"
    summary = encode_corpus([folder], out, EncodeOptions(workers=2, timeout_s=30))
    with Path(summary.rejects_file).open(newline="", encoding="utf-8") as file:
        rejects = list(csv.DictReader(file))
    sources = set(pq.read_table(out).column("source").to_pylist())
    sources |= {reject["source"] for reject in rejects}
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    missing = [p for p in files if not any(s.startswith(str(p)) for s in sources)]
    assert not missing
    assert summary.rows_in == summary.rows_out + len(rejects)
    assert all(reject["detail"].strip() for reject in rejects)
    assert "crashed" not in summary.rejects


def test_a_real_table_keeps_its_labels_beside_the_strings(data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "perov5" / "perov5_structures.parquet"
    if not source.exists():
        pytest.skip(f"{source} is not there")
    small = tmp_path / "perov.parquet"
    table = pq.read_table(source).slice(0, 700)
    pq.write_table(table, small)
    out = tmp_path / "out.parquet"
    summary = encode_corpus([small], out, EncodeOptions(workers=2))
    assert summary.rows_in == 700
    result = pq.read_table(out)
    assert result.schema.field("heat_all").type == "double"
    rows = [int(s.rpartition(":")[2]) for s in result.column("source").to_pylist()]
    wanted = table.take(rows).column("heat_all").to_pylist()
    assert result.column("heat_all").to_pylist() == pytest.approx(wanted, nan_ok=True)


def test_the_backends_are_named_in_their_rows(example_cifs: Path, tmp_path: Path) -> None:
    found = {}
    for backend in ("moyopy", "spglib"):
        out = tmp_path / f"{backend}.parquet"
        options = EncodeOptions(workers=0, scope=ScopeOptions(backend=backend))
        encode_corpus([example_cifs], out, options)
        table = pq.read_table(out)
        assert set(table.column("backend").to_pylist()) == {backend}
        found[backend] = table.column("scope").to_pylist()
    assert found["moyopy"] == found["spglib"]


def test_standard_input_and_objects_can_not_be_resumed(tmp_path: Path, example_cifs: Path) -> None:
    structures = [o.structure for o in read(example_cifs) if isinstance(o, Entry)]
    out = tmp_path / "out.parquet"
    assert encode_corpus(structures, out, EncodeOptions(workers=1)).rows_in == len(structures)
    with pytest.raises(InputError, match="cannot be read a second time"):
        encode_corpus(structures, out, EncodeOptions(workers=1, resume=True))
