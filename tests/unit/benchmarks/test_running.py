"""One run: every number follows from its predictions, and what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest

from stratus.benchmarks.own_tables import table_question
from stratus.benchmarks.question import Question, Unread
from stratus.benchmarks.record import BenchmarkRun, read_run, run_text
from stratus.benchmarks.running import Entrant, run_benchmark
from stratus.benchmarks.scores import board_scores
from stratus.benchmarks.simple import predict_by_simple_models
from stratus.errors import InputError
from stratus.tasks.task import make_task

SIMPLE = {
    "mean", "median", "ridge on composition", "kernel ridge on composition",
    "gradient boosting on element properties",
    "random forest on composition, space group and orbits",
}  # fmt: skip


def test_every_row_is_predicted_once_by_every_method(learned_run):
    assert learned_run.methods[0].name == "stratus"
    assert {m.name for m in learned_run.methods if m.role == "simple"} == SIMPLE
    assert sorted(learned_run.rows.ids) == sorted(f"c{k}" for k in range(45))
    for method in learned_run.methods:
        assert all(value is not None for value in method.values)
        assert set(method.folds) == {"0", "1", "2"}


def test_scores_follow_from_the_predictions(learned_run, class_run):
    for run in (learned_run, class_run):
        labels, folds = np.array(run.rows.labels), np.array(run.rows.folds)
        for method in run.methods:
            values = np.array(method.values)
            for fold, scores in method.folds.items():
                here = folds == fold
                found = board_scores(run.asked.kind, labels[here], values[here])
                assert found == pytest.approx(scores)
            numbers = [scores[run.asked.metric] for scores in method.folds.values()]
            assert method.over_folds[run.asked.metric].mean == pytest.approx(np.mean(numbers))
            assert method.over_folds[run.asked.metric].std == pytest.approx(np.std(numbers))


def test_constants_come_from_all_rows_of_the_other_folds(learned_run):
    labels, folds = np.array(learned_run.rows.labels), np.array(learned_run.rows.folds)
    for name, constant in (("mean", np.mean), ("median", np.median)):
        values = np.array(learned_run.method(name).values)
        for fold in "012":
            assert values[folds == fold] == pytest.approx(constant(labels[folds != fold]))


def test_others_are_compared_with_the_best_simple_model(learned_run, class_run):
    for run, choose in ((learned_run, min), (class_run, max)):
        metric = run.asked.metric
        means = {m.name: m.over_folds[metric].mean for m in run.methods if m.role == "simple"}
        assert means[run.rival] == choose(means.values())
        assert {b.method for b in run.beside} == {m.name for m in run.methods} - {run.rival}
        assert all(b.folds == 3 and 0.25 <= b.p_folds <= 1 for b in run.beside)
        assert all(0 < b.p_rows <= 1 for b in run.beside)
    assert class_run.asked.metric == "rocauc"
    assert {"share of class 1", "logistic regression on composition"} <= {
        m.name for m in class_run.methods
    }


def test_the_file_says_with_what_and_how_long(learned_run):
    assert learned_run.versions.keys() >= {"python", "torch", "scikit-learn", "stratus-crystals"}
    assert learned_run.hardware["cores"] >= 1
    assert learned_run.seconds.keys() == {"model", "simple models", "measuring"}
    assert learned_run.config["finetune"]["epochs"] == 2
    assert learned_run.model["start"] == "from scratch"
    assert len(learned_run.data.files["rutiles.csv"]) == 64
    assert learned_run.data.splits.keys() == {"0", "1", "2"}
    assert learned_run.coverage["whole"]["rows"] == 45
    assert len(learned_run.curves) == 3


def test_a_file_is_read_back_as_it_was(learned_run, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(run_text(learned_run))
    whole = learned_run.model_dump(mode="json")
    assert read_run(path).model_dump(mode="json") == whole
    assert read_run(tmp_path).model_dump(mode="json") == whole
    assert learned_run.predictions("mean")["c7"] == pytest.approx(
        learned_run.method("mean").values[learned_run.rows.ids.index("c7")]
    )


def test_a_file_that_is_none_is_refused_with_a_sentence(learned_run, tmp_path):
    with pytest.raises(InputError, match=r"there is no .*run\.json"):
        read_run(tmp_path)
    path = tmp_path / "run.json"
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_run(path)
    path.write_text('{"format": 2}')
    with pytest.raises(InputError, match="format 2; this version of stratus reads 1"):
        read_run(path)
    values = learned_run.model_dump(mode="json")
    values["rows"]["labels"] = values["rows"]["labels"][1:]
    with pytest.raises(ValueError, match="there are 45 ids, but not as many entries elsewhere"):
        BenchmarkRun.model_validate(values)
    values = learned_run.model_dump(mode="json")
    values["methods"][0]["values"].pop()
    with pytest.raises(ValueError, match="stratus has not one prediction a row"):
        BenchmarkRun.model_validate(values)


def test_test_labels_do_not_change_what_is_predicted(gap_question):
    folds, table = gap_question.folds, gap_question.table
    labels = gap_question.labels.copy()
    before = predict_by_simple_models(table, labels, folds[:1], "regression", "atom")
    labels[folds[0].test] = 1e6
    after = predict_by_simple_models(table, labels, folds[:1], "regression", "atom")
    for name in before[0]:
        assert np.array_equal(before[0][name], after[0][name]), name


def test_simple_models_are_worked_out_once(gap_question, tmp_path, monkeypatch):
    asked = (gap_question.table, gap_question.labels, gap_question.folds[:1], "regression", "atom")
    first = predict_by_simple_models(*asked, cache=tmp_path)
    [kept] = tmp_path.iterdir()
    monkeypatch.setattr("stratus.benchmarks.simple.predict_forest", None)  # would fail
    again = predict_by_simple_models(*asked, cache=tmp_path)
    assert all(np.array_equal(first[0][name], again[0][name]) for name in first[0])
    other = gap_question.labels + 1
    with pytest.raises(TypeError):
        predict_by_simple_models(asked[0], other, *asked[2:], cache=tmp_path)
    monkeypatch.undo()
    kept.write_text("[1]")
    mended = predict_by_simple_models(*asked, cache=tmp_path)
    assert all(np.array_equal(first[0][name], mended[0][name]) for name in first[0])
    assert kept.read_text() != "[1]"


def test_labels_per_cell_are_learned_per_atom(rutiles):
    task = make_task({"column": "heat", "unit": "J/K", "per": "cell"})
    question = table_question(rutiles, task, folds=3)
    found = predict_by_simple_models(
        question.table, question.labels, question.folds[:1], "regression", "cell"
    )
    assert "mean per atom x atoms" in found[0]
    truth = question.labels[question.folds[0].test]
    [forest] = [values for name, values in found[0].items() if name.startswith("random forest")]
    assert np.abs(forest - truth).mean() < np.abs(found[0]["mean"] - truth).mean()


def test_unread_rows_get_a_constant_of_the_training_labels(gap_question):
    asked = gap_question
    unread = (Unread("lost", "1", 2.0, "it is broken"),)
    question = Question(asked.asked, asked.table, asked.folds, asked.files, unread)
    run = run_benchmark(question)
    place = run.rows.ids.index("lost")
    labels, folds = np.array(run.rows.labels), np.array(run.rows.folds)
    others = labels[folds != "1"]
    assert run.method("mean").values[place] == pytest.approx(others.mean())
    assert run.method("median").values[place] == pytest.approx(np.median(others))
    assert run.data.unread == {"lost": "it is broken"}
    assert run.rows.groups["crystal system"][place] == "unread"
    with pytest.raises(InputError, match="fold 9, which is not there"):
        Question(asked.asked, asked.table, asked.folds, asked.files, (Unread("x", "9", 1.0, ""),))


def test_what_does_not_fit_is_refused(gap_question, learned_run):
    with pytest.raises(InputError, match="has to be given"):
        Entrant()
    with pytest.raises(InputError, match="no method 'forest' in this run; there is stratus"):
        learned_run.method("forest")
    with pytest.raises(InputError, match="there is no method 'roost'"):
        run_benchmark(gap_question, Entrant(model=object()), rival="roost")  # before it is asked
    folds = (gap_question.folds[0], gap_question.folds[0])
    with pytest.raises(InputError, match="a test row of two folds"):
        Question(gap_question.asked, gap_question.table, folds, {})
