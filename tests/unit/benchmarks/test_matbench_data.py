"""Tasks from official files and from label tables: the same rows, folds and ids."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stratus.benchmarks.matbench import Checksum, MatbenchTask, PoolFile, matbench_task
from stratus.benchmarks.matbench_data import Given, matbench_question
from stratus.benchmarks.matbench_pool import from_pool
from stratus.errors import InputError

ROWS = 12
ELEMENTS = ("Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Mn")


def task_of(labels, kind="regression", given="structure"):
    places = (np.arange(1, ROWS + 1) * 0.6180339887498949) % 1
    return MatbenchTask(
        name="phonons",
        column="last phdos peak",
        what="made up",
        unit="1/cm" if kind == "regression" else "",
        kind=kind,
        input=given,
        rows=ROWS,
        metric="mae" if kind == "regression" else "rocauc",
        checksum=Checksum(
            mean=labels.mean(),
            mad=np.abs(labels - labels.mean()).mean(),
            ordered=(labels * places).mean(),
        ),
        structures=matbench_task("phonons").structures,
        published=(),
    )


def structure(element, broken=False):
    """Return rock salt as pymatgen writes it, with a module that must not be looked up."""
    sites = [
        {"species": [{"element": symbol, "occu": 1}], "abc": abc, "label": symbol}
        for symbol, abc in ((element, [0.0, 0.0, 0.0]), ("O", [0.5, 0.5, 0.5]))
    ]
    if broken:
        sites[1]["abc"] = [0.0, 0.0, 0.0]
    half = 2.2
    lattice = {"matrix": [[0, half, half], [half, 0, half], [half, half, 0]]}
    return {"@module": "os", "@class": "system", "lattice": lattice, "sites": sites}


@pytest.fixture
def labels():
    return np.linspace(100.0, 900.0, ROWS) ** 1.1


def official(folder, labels, broken=()):
    rows = [
        [structure(element, k in broken), label]
        for k, (element, label) in enumerate(zip(ELEMENTS, labels.tolist(), strict=True))
    ]
    whole = {"index": list(range(ROWS)), "columns": ["structure", "last phdos peak"], "data": rows}
    with gzip.open(folder / "matbench_phonons.json.gz", "wt") as file:
        json.dump(whole, file)


def of_project(folder, task, labels, structures=True):
    (folder / "matbench_labels").mkdir()
    columns = {
        "mbid": task.ids(),
        task.column: labels,
        "composition": [f"{e}1 O1" for e in ELEMENTS],
        "spg_num": [225] * ROWS,
    }
    pq.write_table(pa.table(columns), folder / "matbench_labels" / "matbench_phonons.parquet")
    if structures:
        (folder / "matbench_structures").mkdir()
        cells = {
            "mbid": task.ids(),
            "lattice": [[0, 2.2, 2.2, 2.2, 0, 2.2, 2.2, 2.2, 0]] * ROWS,
            "species": [f"{e} O" for e in ELEMENTS],
            "frac_coords": [[0, 0, 0, 0.5, 0.5, 0.5]] * ROWS,
        }
        pq.write_table(pa.table(cells), folder / task.structures.file)


def test_an_official_file_and_the_label_tables_ask_the_same(tmp_path, labels):
    task = task_of(labels)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    official(tmp_path / "a", labels)
    of_project(tmp_path / "b", task, labels)
    one = matbench_question(task, tmp_path / "a")
    other = matbench_question(task, tmp_path / "b")
    for question in (one, other):
        assert question.asked.official
        assert question.asked.name == "phonons"
        assert question.table.ids == tuple(task.ids())
        assert question.labels == pytest.approx(labels)
        assert not question.unread
    assert one.table.scopes == other.table.scopes
    assert one.table.splits == other.table.splits
    for ours, theirs in zip(one.folds, other.folds, strict=True):
        assert np.array_equal(ours.test, theirs.test)
    tested = sorted(np.concatenate([fold.test for fold in one.folds]).tolist())
    assert tested == list(range(ROWS))


def test_a_row_that_can_not_be_read_keeps_its_fold_and_label(tmp_path, labels):
    task = task_of(labels)
    official(tmp_path, labels, broken=(3,))
    question = matbench_question(task, tmp_path)
    [lost] = question.unread
    assert (lost.id, lost.label) == ("mb-phonons-04", pytest.approx(labels[3]))
    assert len(question.table) == ROWS - 1
    assert len(question.test_rows()) == ROWS
    assert lost.fold in {fold.name for fold in question.folds}
    assert question.asked.official


def test_formulas_are_another_set(tmp_path, labels):
    task = task_of(labels)
    of_project(tmp_path, task, labels, structures=False)
    question = matbench_question(task, tmp_path)
    assert question.asked.name == "phonons-formulas-12"
    assert not question.asked.official
    assert "formula and space group" in question.asked.notes[0]
    assert question.table.is_partial
    with pytest.raises(InputError, match="holds no structures"):
        matbench_question(task, tmp_path, given=Given.STRUCTURES)


def test_inferred_structures_are_another_set(tmp_path, labels):
    task = task_of(labels)
    of_project(tmp_path, task, labels)
    inferred = task.model_copy(
        update={"structures": task.structures.model_copy(update={"inferred": True})}
    )
    question = matbench_question(inferred, tmp_path)
    assert question.asked.name == "phonons-inferred-12"
    assert not question.asked.official


def test_classes_of_formulas(tmp_path):
    labels = (np.arange(ROWS) % 2).astype(float)
    task = task_of(labels, kind="binary", given="composition")
    rows = [[f"{e}O", bool(v)] for e, v in zip(ELEMENTS, labels, strict=True)]
    whole = {"index": list(range(ROWS)), "columns": ["composition", task.column], "data": rows}
    (tmp_path / "matbench_phonons.json").write_text(json.dumps(whole))
    question = matbench_question(task, tmp_path)
    assert question.asked.official
    assert question.labels.tolist() == labels.tolist()
    assert question.task.kind == "binary"


def test_what_is_not_the_task_is_refused(tmp_path, labels):
    task = task_of(labels)
    with pytest.raises(InputError, match=r"holds neither matbench_phonons\.json\.gz nor"):
        matbench_question(task, tmp_path)
    official(tmp_path, labels + 1)
    with pytest.raises(InputError, match="other labels than those of matbench_phonons"):
        matbench_question(task, tmp_path)
    path = tmp_path / "matbench_phonons.json.gz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        matbench_question(task, tmp_path)


def test_other_folds_in_the_label_table_are_refused(tmp_path, labels):
    task = task_of(labels)
    of_project(tmp_path, task, labels)
    path = tmp_path / "matbench_labels" / "matbench_phonons.parquet"
    table = pq.read_table(path).append_column("fold", pa.array([0] * ROWS))
    pq.write_table(table, path)
    with pytest.raises(InputError, match="other folds than those of the leaderboard"):
        matbench_question(task, tmp_path)


def test_structures_are_taken_from_a_pool_by_their_own_ids(tmp_path, labels, monkeypatch):
    """Named rows get their structure, under ids of a task with the same crystals."""
    task = task_of(labels)
    of_project(tmp_path, task, labels)
    cells = pq.read_table(tmp_path / task.structures.file)
    cells = cells.append_column("own", pa.array([f"mp-{k}" for k in range(ROWS)]))
    pq.write_table(cells.drop_columns(["mbid"]), tmp_path / "pool.parquet")
    rows = [7, 2, 5]
    named = {
        "mbid": [task.ids()[k] for k in rows] + [task.ids()[9]],
        "structure_source": ["cells"] * 3 + ["elsewhere"],
        "mp_id_inferred": [f"mp-{k}" for k in rows] + ["mp-9"],
    }
    pq.write_table(pa.table(named), tmp_path / task.structures.file)
    pool = {"cells": PoolFile(file="pool.parquet", id="own")}
    structures = task.structures.model_copy(update={"pool": pool, "inferred": True})
    task = task.model_copy(update={"structures": structures})
    table, found = from_pool(pq.read_table(tmp_path / structures.file), pool, tmp_path)
    assert found == [0, 1, 2]
    assert table.column("species").to_pylist() == [f"{ELEMENTS[k]} O" for k in rows]
    assert table.column("frac_coords").to_pylist() == [[0, 0, 0, 0.5, 0.5, 0.5]] * 3
    named = {
        "mbid": task.model_copy(update={"name": "steels"}).ids(),
        "structure_source": ["cells"] * ROWS,
        "mp_id_inferred": [f"mp-{k}" for k in range(ROWS)],
    }
    pq.write_table(pa.table(named), tmp_path / task.structures.file)
    structures = structures.model_copy(update={"ids_of": "steels"})
    other = task.model_copy(update={"name": "steels"})
    with monkeypatch.context() as patch:
        patch.setattr(
            "stratus.benchmarks.matbench_data.matbench_task",
            lambda _: other,
        )
        question = matbench_question(task.model_copy(update={"structures": structures}), tmp_path)
    assert question.asked.name == "phonons-inferred-12"
    assert question.table.ids == tuple(task.ids())
    assert question.files.keys() >= {"pool.parquet", "matbench_phonons.parquet"}
    with pytest.raises(InputError, match="none of the structures that are named"):
        from_pool(pq.read_table(tmp_path / structures.file), pool, tmp_path / "elsewhere")


def test_pools_of_the_real_data_name_their_files(data_dir):
    for name in ("mp_e_form", "mp_gap", "mp_is_metal"):
        where = matbench_task(name).structures
        assert (data_dir / where.file).is_file()
        named = set(pq.read_table(data_dir / where.file)["structure_source"].to_pylist())
        assert named == set(where.pool)
        assert all((data_dir / part.file).is_file() for part in where.pool.values())
    compositions = [
        pq.read_table(data_dir / f"matbench_labels/matbench_{name}.parquet")["composition"]
        for name in ("mp_gap", "mp_is_metal")
    ]
    assert compositions[0].equals(compositions[1])  # so ids may be taken over row by row
