"""Tables of one's own, and a test set beside a training set."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from stratus.benchmarks.discovery import discovery_scores
from stratus.benchmarks.own_tables import Stability, discovery_question, table_question
from stratus.benchmarks.running import Entrant, run_benchmark
from stratus.errors import InputError
from stratus.tasks.task import make_task

ENERGY = make_task({"column": "e", "unit": "eV/atom"})
METALS = ("Ti", "Sn", "Pb", "Ge", "Mn", "V", "Cr", "Ru", "Ir", "Os", "Mo", "W")


def write(path, header, rows):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Formulas to learn from, and to test on, one of which cannot be read."""
    folder = tmp_path_factory.mktemp("sets")
    train = write(
        folder / "train.csv",
        ["id", "formula", "e"],
        [[f"t{k}{a}", f"{m}{a}2", k / 4 - 2] for k, m in enumerate(METALS) for a in ("O", "S")],
    )
    rows = [
        [f"w{k}", f"{m}F2", k / 4 - 1.9, (k - 4) / 50, k % 2 == 0] for k, m in enumerate(METALS)
    ]
    rows.append(["lost", "Xx2O", -1.0, -0.2, True])
    return train, write(folder / "wbm.csv", ["id", "formula", "e", "hull", "unique"], rows)


@pytest.fixture(scope="module")
def asked(sets):
    train, test = sets
    stability = Stability("hull", "unique", (0.0, 0.05))
    return discovery_question(test, train, ENERGY, stability=stability, id_column="id")


def test_a_column_of_parts_is_one_fold(rutiles):
    question = table_question(
        rutiles, make_task({"column": "gap", "unit": "eV"}), columns={"fold_column": "set"}
    )
    [fold] = question.folds
    assert [len(rows) for rows in fold.parts.values()] == [22, 11, 12]
    assert question.asked.benchmark == "table"
    assert question.asked.name == "rutiles"
    assert not question.asked.official


def test_rows_that_can_not_be_used_are_counted(tmp_path):
    rows = [[f"f{k}", f"{m}O2", k, "" if k == 3 else k] for k, m in enumerate(METALS)]
    path = write(tmp_path / "own.csv", ["id", "formula", "x", "gap"], [*rows, ["bad", "Q9", 0, 1]])
    question = table_question(path, make_task({"column": "gap"}), folds=3)
    assert len(question.table) == len(METALS) - 1
    assert question.asked.notes[0].startswith("1 rows cannot be read and are left out (bad: ")
    assert question.asked.notes[1] == "1 rows without a label are left out"


def test_test_crystals_are_in_no_training_part(asked):
    [fold] = asked.folds
    names = [{asked.table.ids[k] for k in rows} for rows in fold.parts.values()]
    assert names[2] == {f"w{k}" for k in range(12)}
    assert names[0] | names[1] == {f"t{k}{a}" for k in range(12) for a in "OS"}
    assert asked.files.keys() == {"train.csv", "wbm.csv"}
    assert [row.id for row in asked.unread] == ["lost"]


def test_stable_crystals_are_counted_by_subset_and_threshold(asked):
    run = run_benchmark(asked)
    method = run.method("ridge on composition")
    assert set(method.discovery) == {
        f"{rows}, {cut} eV/atom" for rows in ("full", "unique prototypes") for cut in ("0", "0.05")
    }
    place = run.rows.ids.index("lost")
    assert method.values[place] is None
    found = method.discovery["full, 0 eV/atom"]
    assert (found.rows, found.missing) == (13, 1)
    hull = np.array([-0.2 if id_ == "lost" else (int(id_[1:]) - 4) / 50 for id_ in run.rows.ids])
    form, values = np.array(run.rows.labels), np.array(method.values, float)
    assert found == discovery_scores(hull, hull + values - form)
    unique = np.array([id_ == "lost" or int(id_[1:]) % 2 == 0 for id_ in run.rows.ids])
    assert method.discovery["unique prototypes, 0.05 eV/atom"] == discovery_scores(
        hull, hull + values - form, threshold=0.05, subset=unique
    )
    assert method.folds["official"]["mae"] == pytest.approx(found.mae)


def test_without_a_hull_only_energies_are_measured(sets):
    train, test = sets
    run = run_benchmark(discovery_question(test, train, ENERGY))
    assert not any(method.discovery for method in run.methods)
    assert any("no energies above the hull" in note for note in run.asked.notes)
    place = run.rows.ids.index("lost")
    assert run.method("mean").values[place] is not None


def test_a_model_predicts_as_it_is(asked, options, gap_question, tmp_path):
    import stratus
    from stratus.training.finetune.run import finetune

    result = finetune(gap_question.table, gap_question.folds[:1], [gap_question.task], options)
    result.save(tmp_path / "bundle")
    model = stratus.load(tmp_path / "bundle")
    table = gap_question.table
    run = run_benchmark(gap_question, Entrant(model=model))
    rows = [table.ids.index(id_) for id_ in run.rows.ids]
    expected = model.predict([table.scopes[k] for k in rows])["gap"]
    assert np.array(run.methods[0].values) == pytest.approx(expected, abs=1e-5)
    assert run.model["learned here"] is False
    with pytest.raises(InputError, match="does not predict 'e'; it predicts gap"):
        run_benchmark(asked, Entrant(model=model))
    with pytest.raises(InputError, match="predicts gap as regression in 'eV', but e is"):
        run_benchmark(asked, Entrant(model=model, head="gap"))


def test_what_can_not_be_asked_is_refused(sets, rutiles, tmp_path):
    train, test = sets
    with pytest.raises(InputError, match="has no column 'ehull'; did you mean hull"):
        discovery_question(test, train, ENERGY, stability=Stability("ehull"))
    empty = write(tmp_path / "t.csv", ["id", "formula", "e"], [["a", "NaCl", ""], ["b", "KCl", 1]])
    with pytest.raises(InputError, match=r"row 0 of t\.csv has no 'e'"):
        discovery_question(empty, train, ENERGY)
    (tmp_path / "t.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match="is no table; write the test set as one"):
        discovery_question(tmp_path / "t.json", train, ENERGY)
    several = make_task({"column": "metal", "kind": "multiclass", "classes": ("0", "1", "2")})
    with pytest.raises(InputError, match="several classes"):
        table_question(rutiles, several)
