"""Targets of a law: one head for all, absent labels, any amount, curves with intervals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from stratus.corpora.tables.folds import kfold
from stratus.corpora.tables.table import Kind
from stratus.crystals.facets import Detail
from stratus.encoders.encoding import Encoding
from stratus.errors import InputError
from stratus.heads.law import LawHead
from stratus.heads.table import make_heads
from stratus.inference.predictor import Predictor
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.bundle_copy import keep_tasks
from stratus.physics import debye
from stratus.scope.partial import hide
from stratus.tasks.by import ByHead
from stratus.tasks.losses import row_losses, task_sums
from stratus.tasks.targets import parse_target
from stratus.tasks.task import make_task
from stratus.training.finetune.labels import check_tasks, fold_rows, read_samples
from stratus.training.finetune.run import finetune
from stratus.training.finetune.scores import score
from stratus.training.finetune.start import make_start

TARGETS = {
    "cv@300K": ("J/mol/K", "cell"),
    "cv@50K": ("J/mol/K", "atom"),
    "u@100K": ("kJ/mol", "formula"),
    "s@300K": ("meV/K", "atom"),
}


@pytest.fixture(scope="module")
def labelled(made):
    """The made-up crystals, with labels of Debye solids at some temperatures, each with gaps."""
    random = np.random.default_rng(4)
    theta = torch.from_numpy(500 * np.exp(made.fractions() @ random.normal(size=118) * 0.4))
    per = {"cell": made.n_atoms, "formula": made.formula_atoms, "atom": np.ones(len(made))}
    unit = {"J/mol/K": 1.0, "kJ/mol": 1e3, "meV/K": 96.48533212331}
    columns = [made.labels[:, 0], 2 * made.n_atoms.astype(np.float64)]
    for k, (name, (in_unit, of)) in enumerate(TARGETS.items()):
        quantity, at = name.removesuffix("K").split("@")
        values = debye.evaluate(quantity, theta, float(at)).numpy()
        column = values * per[of] / unit[in_unit]
        column[k :: 5 + k] = np.nan
        columns.append(column)
    return dataclasses.replace(
        made,
        targets=("gap", "two_cells", *TARGETS),
        kinds=(Kind.REGRESSION,) * 6,
        classes={},
        labels=np.stack(columns, axis=1),
    )


def law_tasks(law="debye"):
    tasks = []
    for name, (unit, per) in TARGETS.items():
        task = parse_target(f"{name}:{unit}", law=law, per=per)
        assert task is not None
        tasks.append(task)
    return tasks


@pytest.fixture(scope="module")
def learned(labelled, gap, quick, tmp_path_factory):
    options = quick(members=2, hide=0.5, epochs=25, learning_rate=5e-3, ema=0.9, patience=None)
    tasks = [gap, *law_tasks()]
    result = finetune(labelled, kfold(labelled, 4, 0)[:2], tasks, options)
    folder = tmp_path_factory.mktemp("physics") / "bundle"
    result.save(folder)
    return result, load_bundle(folder)


def test_a_law_and_other_tasks_are_learned_in_one_run(learned, labelled):
    result, model = learned
    assert list(model.heads) == ["gap", "debye"]
    assert list(model.tasks) == ["gap", *TARGETS]
    assert len(model.members) == 4
    for name in TARGETS:
        scores = result.spreads(name)
        simple = "mean per atom x atoms" if TARGETS[name][1] != "atom" else "mean"
        assert scores["model"]["mae"].mean < 0.8 * scores[simple]["mae"].mean, name
    rows = labelled.scopes[:5]
    found = Predictor(model).predict(rows, interval=0.8)
    curves = Predictor(model).curves(rows, [300.0, 50.0, 100.0], per="cell")
    assert np.allclose(found["cv@300K"].value, curves.cv.value[:, 0])
    per_formula = Predictor(model).curves(rows, [100.0], per="formula")
    assert np.allclose(found["u@100K"].value, per_formula.u.value[:, 0])
    per_atom = Predictor(model).curves(rows, [300.0], per="atom")
    assert np.allclose(found["s@300K"].value * 96.48533212331, per_atom.s.value[:, 0])


def test_test_rows_are_predicted_as_the_saved_nets_predict_them(learned, labelled):
    result, model = learned
    fold = result.folds[0]
    alone = dataclasses.replace(
        model, members=tuple(m for m in model.members if m.group == fold.name)
    )
    texts = [labelled.scopes[labelled.ids.index(id_)] for id_ in fold.ids]
    found = Predictor(alone).predict(texts)
    for name in ("gap", *TARGETS):
        assert np.allclose(found[name], fold.predictions[name].values, rtol=1e-4, atol=1e-5), name


def test_curves_are_calibrated_per_atom_for_each_kind_of_crystal(learned, labelled):
    result, model = learned
    curves = model.calibration.curves
    assert {q: [p.temperature_k for p in points] for q, points in curves.items()} == {
        "cv": [50.0, 300.0],
        "u": [100.0],
        "s": [300.0],
    }
    groups = curves["cv"][1].groups
    assert set(groups) == {fold.name for fold in result.folds}
    assert all(set(kinds) == set(Detail) for kinds in groups.values())  # of cells as well
    assert set(model.calibration.tasks["cv@300K"][result.folds[0].name]) == {Detail.WHOLE}
    text = labelled.scopes[0]
    for shown in (text, hide(text, Detail.FORMULA)):
        found = Predictor(model).curves(shown, [0.0, 100.0, 300.0], interval=0.5)
        for name in ("cv", "u", "s"):
            curve = found.curves[name]
            assert np.isfinite(curve.lo).all(), name
            assert (curve.lo <= curve.value).all(), name
            assert (curve.value <= curve.hi).all(), name
        assert np.isnan(found.f.lo).all()  # no label of it


def test_intervals_of_a_task_are_those_of_the_curve_there(learned, labelled):
    _, model = learned
    text = labelled.scopes[3]
    task = Predictor(model).predict(text, interval=0.8)["cv@50K"]
    curve = Predictor(model).curves(text, [50.0], interval=0.8).cv
    assert curve.lo[0] == pytest.approx(task.lo, rel=1e-5)
    assert curve.hi[0] == pytest.approx(task.hi, rel=1e-5)


def test_a_model_that_keeps_some_tasks_keeps_its_curves(learned, labelled, tmp_path):
    _, model = learned
    few = keep_tasks(model, ["cv@300K", "gap"])
    assert list(few.tasks) == ["gap", "cv@300K"]
    assert set(few.metrics["tasks"]) == {"gap", "cv@300K"}
    assert set(few.metrics["folds"][0]["scores"]) == {"gap", "cv@300K"}
    assert {each.name.split(":")[0] for each in few.card.metrics} == {"gap", "cv@300K"}
    save_bundle(
        tmp_path / "few", members=few.members, architecture=few.architecture,
        view=few.view,
        card=few.card, metrics=few.metrics, calibration=few.calibration,
    )  # fmt: skip
    again = load_bundle(tmp_path / "few")
    assert list(again.tasks) == ["gap", "cv@300K"]
    none = keep_tasks(again, ["gap"])
    rows = labelled.scopes[:3]
    before = Predictor(model).curves(rows, [77.0, 300.0], interval=0.7)
    for other in (again, none):
        after = Predictor(other).curves(rows, [77.0, 300.0], interval=0.7)
        for name, curve in before.curves.items():
            assert np.array_equal(after.curves[name].value, curve.value), name
            assert np.array_equal(after.curves[name].hi, curve.hi, equal_nan=True), name
    assert list(none.tasks) == ["gap"]
    assert list(model.tasks) == ["gap", *TARGETS]  # which was not changed
    with pytest.raises(InputError, match="cv@30K"):
        keep_tasks(model, ["cv@30K"])


def test_the_head_of_a_law_is_kept_for_other_temperatures(learned, labelled, quick):
    _, model = learned
    task = parse_target("cv@300K:J/mol/K", law="debye", per="cell")
    other = parse_target("cv@50K:kJ/mol/K", law="debye")
    start = make_start(quick(keep_heads=True), model, [task, other])
    assert start.kept == {"debye"}
    assert start.normalisers([task, other]) == {
        "cv@300K": model.heads["debye"].normalisers["cv@300K"]
    }
    fold = kfold(labelled, 4, 0)[0]
    rows = fold_rows(
        labelled, fold, [task, other], start.view, read_samples(labelled, start.view),
        start.normalisers([task, other]),
    )  # fmt: skip
    net = start.make_net([task, other], rows.normalisers, seed=0)
    for name, weight in net.heads["debye"].state_dict().items():
        assert torch.equal(weight, model.heads["debye"].state_dict()[name]), name
    mixture = parse_target("cv@300K:J/mol/K", law="mixture")
    with pytest.raises(InputError, match="no head to keep for cv@300K"):
        make_start(quick(keep_heads=True), model, [mixture])


def test_labels_of_another_cell_are_divided_by_its_atoms(labelled, quick):
    cell = 2 * labelled.n_atoms
    column = labelled.targets.index("cv@300K")
    doubled = labelled.labels.copy()
    doubled[:, column] *= 2
    other = dataclasses.replace(labelled, labels=doubled)
    fold = kfold(labelled, 4, 0)[0]
    one = parse_target("cv@300K:J/mol/K", law="debye", per="cell")
    two = parse_target("cv@300K:J/mol/K", law="debye", per="cell", atoms="two_cells")
    assert np.array_equal(labelled.labels[:, 1], cell)
    results = [
        finetune(table, [fold], [task], quick(epochs=1)).folds[0]
        for table, task in ((labelled, one), (other, two))
    ]
    assert results[0].normalisers == results[1].normalisers
    assert results[0].curve_calibration == results[1].curve_calibration
    first, second = (each.predictions["cv@300K"].values for each in results)
    assert np.allclose(2 * first, second, rtol=1e-12)
    assert results[1].scores["cv@300K"]["mean per atom x atoms"]["mae"] == pytest.approx(
        2 * results[0].scores["cv@300K"]["mean per atom x atoms"]["mae"]
    )
    wrong = doubled.copy()
    wrong[7, 1] = 0.5
    with pytest.raises(InputError, match=r"two_cells of 'c7' is 0\.5, which is no"):
        check_tasks(dataclasses.replace(labelled, labels=wrong), [two])


def test_a_spread_is_that_of_the_labels_per_atom_or_the_floor(labelled, fold):
    high = dataclasses.replace(labelled, labels=labelled.labels.copy())
    column = labelled.targets.index("cv@300K")
    high.labels[:, column] = (24.5 + 0.001 * np.arange(len(labelled))) * labelled.n_atoms
    start = make_start_of(fold)
    for table, least in ((labelled, None), (high, 0.02 * 3 * 8.31446261815324)):
        tasks = law_tasks()[:1]
        seen = read_samples(table, start.view)
        found = fold_rows(table, fold, tasks, start.view, seen).normalisers["cv@300K"]
        values = (table.labels[:, column] / table.n_atoms)[fold.train]
        values = values[~np.isnan(values)]
        expected = np.abs(values - values.mean()).mean() if least is None else least
        assert found.std == pytest.approx(expected)
        assert found.per_atom


def make_start_of(_fold):
    from stratus.training.finetune.options import make_finetune_options

    return make_start(make_finetune_options({}), None)


def test_the_law_is_worked_out_once_a_quantity(monkeypatch):
    from stratus.heads import law

    calls = []
    before = law.evaluate

    def counted(of, quantity, *rest):
        calls.append(quantity)
        return before(of, quantity, *rest)

    monkeypatch.setattr(law, "evaluate", counted)
    names = [f"{q}@{t}K" for t in (20, 100, 300) for q in ("cv", "u", "s", "f")]
    units = {"cv": "J/mol/K", "s": "J/mol/K", "u": "kJ/mol", "f": "kJ/mol"}
    tasks = [parse_target(f"{n}:{units[n.split('@')[0]]}", law="mixture") for n in names]
    head = head_of(tasks)
    numbers = head({}, Encoding(torch.zeros(5, 16)))
    assert list(numbers) == names
    assert sorted(calls) == ["cv", "f", "s", "u"]
    assert all(x.shape == (5, 1) for x in numbers.values())


@pytest.mark.parametrize("loss", ["l1", "mse", "huber"])
def test_losses_worked_out_at_once_are_those_of_each_task(loss):
    tasks = [task.model_copy(update={"loss": loss, "weight": 1.0 + k})
             for k, task in enumerate(law_tasks())]  # fmt: skip
    random = torch.Generator().manual_seed(3)
    raw = {task.name: torch.randn(9, 1, generator=random, requires_grad=True) for task in tasks}
    present = {task.name: torch.rand(9, generator=random) < 0.6 for task in tasks}
    present[tasks[0].name] = torch.zeros(9, dtype=torch.bool)
    targets = {task.name: torch.randn(9, generator=random) for task in tasks}
    for name, here in present.items():
        targets[name][~here] = float("nan")  # never computed with
    found = task_sums(tasks, raw, targets, present)
    torch.stack([task.weight * found[task.name] for task in tasks]).sum().backward()
    for task in tasks:
        name, here = task.name, present[task.name]
        alone = raw[name].detach().requires_grad_()
        expected = row_losses(task, alone, targets[name], here).sum()
        assert torch.allclose(found[name], expected, rtol=1e-6)
        (task.weight * expected).backward()
        assert torch.allclose(raw[name].grad, alone.grad, rtol=1e-6)
    assert found[tasks[0].name] == 0
    with pytest.raises(InputError, match="one output a crystal and task"):
        task_sums(tasks, raw | {tasks[1].name: torch.zeros(9, 2)}, targets, present)


def head_of(tasks) -> LawHead:
    from stratus.tasks.normalise import Normaliser

    normaliser = Normaliser(mean=3.0, std=2.0, rows=9)
    [head] = make_heads(tasks, {task.name: normaliser for task in tasks}, 16).values()
    assert isinstance(head, LawHead)
    return head


def test_no_number_breaks_a_law():
    tasks = [parse_target(f"{q}@{t}K:{u}", law="mixture")
             for q, u in (("cv", "J/mol/K"), ("f", "J/mol")) for t in (1, 3000)]  # fmt: skip
    head = head_of(tasks)
    raw = torch.tensor([[1e4] * 8, [-1e4] * 8, [0.0] * 8], requires_grad=True)
    numbers = head._numbers(raw)
    torch.stack(list(numbers.values())).sum().backward()
    assert all(torch.isfinite(x).all() for x in numbers.values())
    assert torch.isfinite(raw.grad).all()
    theta = head._at(raw).theta_k.detach()
    assert theta.min() == pytest.approx(20)
    assert theta.max() == pytest.approx(6000, rel=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        again = head._numbers(raw)
    assert all(torch.equal(numbers[name], again[name]) for name in numbers)


def test_simple_models_learned_together_are_those_learned_alone(labelled, fold):
    same = dataclasses.replace(labelled, labels=labelled.labels.copy())
    for name in ("cv@50K", "s@300K"):
        same.labels[::6, labelled.targets.index(name)] = np.nan
        same.labels[1::6, labelled.targets.index(name)] = 3.0 + np.arange(16)
    tasks = [task for task in law_tasks() if task.name in {"cv@50K", "s@300K"}]
    values = {task.name: np.zeros(len(fold.test)) for task in tasks}
    both = score(same, fold, tasks, values, 0)
    for task in tasks:
        assert both[task.name] == score(same, fold, [task], values, 0)[task.name]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"per": "crystal"}, "say whether it is per atom"),
        ({"loss": "gaussian"}, "l1, mse or huber"),
        ({"minimum": 0.0}, "knows its own bounds"),
        ({"unit": "kJ/mol"}, "no unit of cv"),
        ({"by": {"law": "deby", "quantity": "cv", "temperature_k": 1.0}}, "no law 'deby'"),
        ({"by": {"law": "debye", "quantity": "cv", "temperature_k": 0.0}}, "nothing to learn"),
        ({"atoms": "n"}, "no column has the atoms"),
    ],
)
def test_a_task_that_no_law_can_predict_is_refused(settings, said):
    by = {"law": "debye", "quantity": "cv", "temperature_k": 300.0}
    values = {"column": "cv", "unit": "J/mol/K", "per": "atom", "by": by}
    with pytest.raises(InputError, match=said):
        make_task(values | settings)


def test_a_model_has_one_law_and_a_name_once(labelled):
    debye_task, mixture = (parse_target("cv@300K:J/mol/K", law=x) for x in ("debye", "mixture"))
    other = mixture.model_copy(update={"name": "other"})
    with pytest.raises(InputError, match="one law, not debye and mixture"):
        check_tasks(labelled, [debye_task, other])
    with pytest.raises(InputError, match="cannot be called debye"):
        check_tasks(labelled, [debye_task, make_task({"column": "gap", "name": "debye"})])
    deeper = other.model_copy(update={"by": other.by.model_copy(update={"layers": 3})})
    with pytest.raises(InputError, match="share one head, but their layers are 1, 3"):
        head_of([mixture, deeper])


def test_a_target_is_read_from_the_column_of_its_name_or_of_its_quantity():
    read = [
        parse_target("cv@298.15K:J/mol/K", columns, law="debye")
        for columns in (None, ["cv@298.15K", "cv"], ["cv"])
    ]
    assert [task.column for task in read] == ["cv@298.15K", "cv@298.15K", "cv"]
    assert {task.name for task in read} == {"cv@298_15K"}
    assert parse_target("gap:eV", law="debye").by == ByHead()
    with pytest.raises(InputError, match="cp@300K is no quantity"):
        parse_target("cp@300K:J/mol/K", law="debye")
    with pytest.raises(InputError, match="no law 'einstien'"):
        parse_target("cv@300K:J/mol/K", law="einstien")
