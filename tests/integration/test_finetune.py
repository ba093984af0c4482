"""Fine-tuning as a user sees it: honest test rows, the same bytes, baselines, and a bundle."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

import stratus
from stratus import Scope
from stratus.corpora.tables.disjoint import digest
from stratus.corpora.tables.folds import kfold
from stratus.corpora.tables.table import Kind, Table
from stratus.crystals.wyckoff import wyckoff_positions
from stratus.errors import InputError
from stratus.inference.predictor import Predictor
from stratus.scope.dialects import Dialect
from stratus.tasks.measurements import measure
from stratus.tasks.predictions import predict
from stratus.tasks.task import make_task
from stratus.training.finetune.events import EpochEnded, FoldEnded, FoldStarted
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune
from stratus.training.finetune.scores import MODEL
from stratus.training.simple_models import MEAN

ELEMENTS = ("H", "Li", "O", "Na", "Cl", "Fe", "Zr", "Ba")
GROUPS = (14, 62, 194, 221, 225)
ROWS = 120
TASKS = (
    make_task({"column": "gap", "unit": "eV"}),
    make_task({"column": "heat", "unit": "J/K", "per": "cell", "loss": "gaussian"}),
    make_task({"column": "metal", "kind": "binary"}),
)
TINY = {"layers": 2, "hidden": 32, "heads": 2, "feed_forward": 64}


def options(**values):
    return make_finetune_options({"model": TINY, "epochs": 2, "batch_size": 16}, values)


def _table() -> Table:
    random = np.random.default_rng(1)
    crystals: dict[str, Scope] = {}
    while len(crystals) < ROWS:
        group = int(random.choice(GROUPS))
        letters = random.choice(list(wyckoff_positions(group)), size=2, replace=False)
        one = Scope.from_orbits(group, [(str(random.choice(ELEMENTS)), w) for w in letters])
        crystals.setdefault(str(one), one)
    n_atoms = np.array([one.n_atoms for one in crystals.values()], dtype=np.int64)
    table = Table(
        ids=tuple(f"c{k}" for k in range(ROWS)),
        crystals=Dialect.ORBIT.crystals(tuple(crystals), n_atoms),
        targets=("gap", "heat", "metal"),
        kinds=(Kind.REGRESSION, Kind.REGRESSION, Kind.BINARY),
        labels=np.zeros((ROWS, 3)),
        classes={"metal": ("0", "1")},
    )
    gap = table.fractions() @ random.normal(size=118)
    labels = np.column_stack([gap, (gap + 3) * n_atoms, gap > np.median(gap)]).astype(np.float64)
    labels[::7, 0] = np.nan
    return dataclasses.replace(table, labels=labels)


TABLE = _table()
FOLDS = kfold(TABLE, 3, 0)


def everything(result) -> bytes:
    """All weights and predictions as bytes."""
    found = b""
    for fold in result.folds:
        for net in fold.nets:
            found += b"".join(w.numpy().tobytes() for w in net.state_dict().values())
        found += b"".join(p.values.tobytes() for p in fold.predictions.values())
    return found


@pytest.fixture(scope="module")
def two_folds():
    events = []
    return finetune(TABLE, FOLDS[:2], TASKS, options(), on_progress=events.append), events


@pytest.mark.parametrize("value", [np.nan, 1.0, -1e30])
def test_labels_of_test_rows_change_no_weight_and_no_prediction(two_folds, value):
    labels = TABLE.labels.copy()
    labels[FOLDS[0].test, :2] = value
    labels[FOLDS[0].test, 2] = np.nan if np.isnan(value) else 1.0
    spoiled = finetune(dataclasses.replace(TABLE, labels=labels), FOLDS[:1], TASKS, options())
    first = dataclasses.replace(two_folds[0], folds=two_folds[0].folds[:1])
    assert everything(spoiled) == everything(first)
    assert np.isnan(value) == (spoiled.folds[0].scores["gap"] == {})


def test_labels_of_training_rows_do_change_them(two_folds):
    labels = TABLE.labels.copy()
    labels[FOLDS[0].train[:10], 1] += 5
    other = finetune(dataclasses.replace(TABLE, labels=labels), FOLDS[:1], TASKS, options())
    assert everything(other) != everything(
        dataclasses.replace(two_folds[0], folds=two_folds[0].folds[:1])
    )


def test_validation_labels_choose_the_epoch_and_change_no_gradient():
    seen = []
    for shift in (0.0, 4.0):
        labels = TABLE.labels.copy()
        labels[FOLDS[0].validation, :2] += shift
        table = dataclasses.replace(TABLE, labels=labels)
        one = finetune(table, FOLDS[:1], TASKS, options(epochs=1)).folds[0]
        seen.append((one, one.fitted[0].validation_loss))
    (first, loss), (second, other) = seen
    assert loss != other
    assert first.normalisers == second.normalisers
    for one, two in zip(first.nets[0].parameters(), second.nets[0].parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(two_folds):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(987)  # whatever the caller did with random numbers
        again = finetune(TABLE, FOLDS[:2], TASKS, options())
    assert everything(again) == everything(two_folds[0])
    assert everything(finetune(TABLE, FOLDS[:2], TASKS, options(seed=1))) != everything(
        two_folds[0]
    )


def test_a_fold_is_the_same_whichever_others_are_learned(two_folds):
    alone = finetune(TABLE, FOLDS[1:2], TASKS, options())
    second = dataclasses.replace(two_folds[0], folds=two_folds[0].folds[1:])
    assert everything(alone) == everything(second)


def test_a_result_holds_predictions_with_ids_and_exact_metrics_beside_baselines(two_folds):
    result = two_folds[0]
    for fold, split in zip(result.folds, FOLDS, strict=False):
        assert fold.ids == tuple(TABLE.ids[row] for row in split.test)
        assert fold.digest == digest(split, TABLE)
        for k, task in enumerate(TASKS):
            truth, values = TABLE.labels[split.test, k], fold.predictions[task.name].values
            here = ~np.isnan(truth)
            assert fold.scores[task.name][MODEL] == measure(task, truth, values, here)
            assert len(fold.scores[task.name]) >= 3
        mean = np.nanmean(TABLE.labels[split.train, 0])
        expected = np.nanmean(np.abs(TABLE.labels[split.test, 0] - mean))
        assert fold.scores["gap"][MEAN]["mae"] == pytest.approx(expected)
        assert fold.predictions["heat"].std is not None
    spreads = result.spreads("gap")
    assert spreads[MODEL]["mae"].mean == pytest.approx(
        np.mean([fold.scores["gap"][MODEL]["mae"] for fold in result.folds])
    )
    assert result.comparisons("gap")[MEAN].folds == 2
    json.dumps(result.summary(), allow_nan=False)


def test_what_happens_is_told(two_folds):
    kinds = [type(event) for event in two_folds[1]]
    one = [FoldStarted, EpochEnded, EpochEnded, FoldEnded]
    assert kinds == one * 2
    assert two_folds[1][0].rows["test"] == len(FOLDS[0].test)
    assert two_folds[1][0].start == "from scratch"


@pytest.mark.parametrize("encoder", ["cloud", "roost"])
def test_any_encoder_will_do(encoder):
    sizes = TINY if encoder == "cloud" else {}
    chosen = make_finetune_options(
        {"encoder": encoder, "model": sizes, "epochs": 1, "layer_decay": 0.8, "ema": 0.9}
    )
    fold = finetune(TABLE, FOLDS[:1], TASKS, chosen).folds[0]
    assert np.isfinite(fold.predictions["gap"].values).all()


def test_it_learns_what_there_is_to_learn():
    chosen = options(epochs=40, learning_rate=3e-3, patience=None)
    scores = finetune(TABLE, FOLDS[:1], TASKS[:1], chosen).folds[0].scores["gap"]
    assert scores[MODEL]["mae"] < 0.6 * scores[MEAN]["mae"]


def test_a_saved_model_has_the_nets_of_all_folds_with_heads_and_normalisers(two_folds, tmp_path):
    result, folder = two_folds[0], tmp_path / "model"
    result.save(folder, card={"name": "mine"})
    model = stratus.load(folder)
    assert [member.group for member in model.model.members] == ["0", "1"]
    for fold, member, split in zip(result.folds, model.model.members, FOLDS, strict=False):
        assert set(member.heads) == {"gap", "heat", "metal"}
        alone = Predictor(dataclasses.replace(model.model, members=(member,)))
        texts = [TABLE.scopes[row] for row in split.test]
        vectors = torch.from_numpy(alone.embed(texts))
        for name, head in member.heads.items():
            assert head.task == fold.nets[0].heads[name].task
            assert head.normaliser == fold.normalisers[name]
            with torch.no_grad():
                raw = head.raw(vectors)
                found = predict(head.task, head.normaliser, raw, TABLE.n_atoms[split.test])
            assert found.values == pytest.approx(fold.predictions[name].values, rel=1e-4, abs=1e-4)
        assert fold.digest in model.card.data[0].origin
    assert model.card.name == "mine"
    assert model.card.rows == len({id_ for fold in result.folds for id_ in fold.learned}) == ROWS
    assert {m.name: m.value for m in model.card.metrics}["gap: MAE"] == pytest.approx(
        np.mean([fold.scores["gap"][MODEL]["mae"] for fold in result.folds])
    )
    assert model.model.metrics == json.loads(json.dumps(result.summary()))
    assert model.model.calibration == result.calibration
    assert set(model.model.calibration.tasks) == {"gap", "heat"}
    assert (folder / "predictions.csv").read_text().count("\n") == 1 + 3 * sum(
        len(fold.ids) for fold in result.folds
    )


def test_a_model_can_be_learned_from_again(two_folds, tmp_path):
    two_folds[0].save(tmp_path / "model", card={"name": "first"})
    model = stratus.load(tmp_path / "model")
    before = [weight.clone() for weight in model.model.encoder.parameters()]
    chosen = make_finetune_options({"epochs": 2, "freeze_epochs": 2})
    again = finetune(TABLE, FOLDS[:1], TASKS[:1], chosen, model=model)
    learned = again.folds[0].nets[0].encoder.parameters()
    for then, given, now in zip(before, model.model.encoder.parameters(), learned, strict=True):
        assert torch.equal(then, given)
        assert torch.equal(then, now)  # frozen all the time, so they are the model's
    again.save(tmp_path / "again")
    card = stratus.load(tmp_path / "again").card
    assert card.summary.startswith("orbit-set, fine-tuned from first")
    assert len(card.data) == 2


def test_a_card_that_can_not_be_is_not_saved(two_folds, tmp_path):
    with pytest.raises(InputError, match="the key 'nam' is unknown"):
        two_folds[0].save(tmp_path / "model", card={"nam": "x"})
    assert not (tmp_path / "model").exists()


def test_folds_that_share_rows_or_names_are_refused():
    one = FOLDS[0]
    leak = dataclasses.replace(one, train=np.append(one.train, one.test[0]))
    with pytest.raises(InputError, match="train and test rows at once"):
        finetune(TABLE, [leak], TASKS, options())
    with pytest.raises(InputError, match="two folds are called 0"):
        finetune(TABLE, [one, one], TASKS, options())
    with pytest.raises(InputError, match="there is no fold"):
        finetune(TABLE, [], TASKS, options())
