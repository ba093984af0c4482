"""Who only wants a model need not keep rows to score it on."""

from __future__ import annotations

from stratus.corpora.tables.folds import without_test
from stratus.models.bundle import load_bundle
from stratus.training.finetune.run import finetune


def test_a_model_is_learned_of_all_rows_and_nothing_is_measured(made, tasks, quick, tmp_path):
    fold = without_test(made, 0)
    result = finetune(made, [fold], tasks, quick(epochs=1))
    (found,) = result.folds
    assert found.rows["test"] == 0
    assert found.rows["train"] + found.rows["validation"] <= len(made)
    assert not any(found.scores.values())
    result.save(tmp_path / "bundle")
    assert load_bundle(tmp_path / "bundle").heads.keys() == {task.name for task in tasks}
