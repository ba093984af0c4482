"""Curves of a model: whole, in order, per what was asked, and as wide as was calibrated."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.crystals.facets import Detail
from stratus.encoders.encoding import Encoding
from stratus.encoders.table import architecture, configure
from stratus.errors import InputError
from stratus.heads.table import make_heads
from stratus.inference.predictor import Predictor
from stratus.inference.thermo_curves import UNITS, joined_curves
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.physics import debye
from stratus.physics.bounds import harmonic_bounds
from stratus.physics.quantities import GAS_CONSTANT
from stratus.scope.partial import partial_scope
from stratus.scope.vocabulary import vocabulary
from stratus.tasks.conformal import Calibration, CurvePoint, calibrate
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view

SCOPES = (
    "i1 bOOO gDDD cDDD | Ti 2a O 4f | O 2 Ti 1 | 6",
    "i1 bOOO gDDD cDDD | Sn 2a F 4f | F 2 Sn 1 | 6",
    "i1 bOOO gDDD cDDD | Pb 2a S 4f | S 2 Pb 1 | 6",
)
AT = np.array([0.0, 20.0, 150.0, 300.0, 900.0])
PLAIN = Normaliser(mean=0.0, std=1.0, rows=2)


def physics_task(column: str, unit: str, law: str, **settings):
    quantity, at = column.removesuffix("K").split("@")
    by = {"law": law, "quantity": quantity, "temperature_k": float(at)}
    return make_task({"column": column, "unit": unit, "per": "atom", "by": by} | settings)


def make_bundle(folder, law="mixture", groups=("a", "a", "b"), calibration=None):
    config = configure(
        "orbit-set",
        "nano",
        vocabulary_size=len(vocabulary()),
        max_length=64,
        layers=1,
        hidden=16,
        heads=2,
        feed_forward=32,
    )
    generator = torch.Generator().manual_seed(1)
    tasks = [
        make_task({"column": "gap", "unit": "eV"}),
        physics_task("cv@300K", "J/mol/K", law),
        physics_task("u@100K", "kJ/mol", law),
    ]
    normalisers = {task.name: PLAIN for task in tasks}
    members = []
    for group in groups:
        heads = make_heads(tasks, normalisers, 16, generator)
        encoder = architecture("orbit-set").build(config, generator)
        members.append(Net(encoder, heads, group))
    save_bundle(
        folder,
        members=members,
        architecture="orbit-set",
        view=view("orbit-set", vocabulary(), 64),
        card=Card(
            name="made",
            summary="Fresh weights.",
            licence_code="MIT",
            licence_weights="MIT",
            intended_use="Tests.",
            limits="All.",
        ),
        calibration=calibration,
    )
    return load_bundle(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_bundle(tmp_path_factory.mktemp("thermo") / "bundle")


def test_the_law_is_one_head_and_its_tasks_are_tasks_like_any_others(model):
    assert list(model.heads) == ["gap", "mixture"]
    assert list(model.tasks) == ["gap", "cv@300K", "u@100K"]
    assert model.info()["targets"] == {"gap": "eV", "cv@300K": "J/mol/K", "u@100K": "kJ/mol"}
    found = Predictor(model).predict(SCOPES)
    curves = Predictor(model).curves(SCOPES, [300.0, 100.0])
    assert np.allclose(found["cv@300K"], curves.cv.value[:, 0], rtol=1e-10)
    assert np.allclose(found["u@100K"], curves.u.value[:, 1], rtol=1e-10)


def test_curves_keep_the_laws_of_thermodynamics(model):
    curves = Predictor(model).curves(SCOPES, AT)
    for name, curve in curves.curves.items():
        assert curve.value.shape == curve.std.shape == (3, 5), name
        assert np.isfinite(curve.value).all(), name
        assert curve.lo is None, name
    assert (curves.cv.value[:, 0] == 0).all()
    assert (np.diff(curves.cv.value, axis=1) > 0).all()
    assert (curves.cv.value < 3 * GAS_CONSTANT).all()
    expected = curves.u.value - AT * curves.s.value / 1000
    assert np.allclose(curves.f.value, expected, rtol=1e-12, atol=1e-12)
    assert (
        curves.units == UNITS == {"cv": "J/(mol K)", "u": "kJ/mol", "s": "J/(mol K)", "f": "kJ/mol"}
    )


def test_a_mole_of_cells_and_of_formula_units_has_their_atoms(model):
    atom, formula, cell = (
        Predictor(model).curves(SCOPES, AT, per=per) for per in ("atom", "formula", "cell")
    )
    for name in UNITS:
        assert np.allclose(formula.curves[name].value, 3 * atom.curves[name].value)
        assert np.allclose(cell.curves[name].value, 6 * atom.curves[name].value)
        assert np.allclose(cell.curves[name].std, 6 * atom.curves[name].std)
    assert np.array_equal(atom.theta_k, cell.theta_k)


def test_of_a_formula_alone_there_is_no_cell(model):
    text = partial_scope("TiO2")
    assert np.isnan(Predictor(model).curves(text, AT, per="cell").cv.value).all()
    assert np.isfinite(Predictor(model).curves(text, AT, per="formula").cv.value).all()


def test_the_effective_debye_temperature_has_the_heat_capacity_of_the_curve(model):
    curves = Predictor(model).curves(SCOPES, [300.0])
    again = debye.heat_capacity(torch.from_numpy(curves.theta_k), 300.0).numpy()
    assert np.allclose(again, curves.cv.value[:, 0], rtol=1e-9)
    assert (curves.theta_std_k > 0).all()


def test_of_one_debye_mode_it_is_the_parameter(tmp_path):
    alone = make_bundle(tmp_path / "one", law="debye", groups=("",))
    head = alone.heads["debye"]
    with torch.inference_mode():
        vectors = torch.from_numpy(Predictor(alone).embed(SCOPES))
        theta = head.parameters_of(Encoding(vectors)).theta_k[:, 0].numpy()
    curves = Predictor(alone).curves(SCOPES, AT)
    assert np.allclose(curves.theta_k, theta, rtol=1e-6)
    assert np.isnan(curves.theta_std_k).all()
    assert np.isnan(curves.cv.std).all()
    assert ((theta > 400) & (theta < 620)).all()  # fresh weights begin near 500 K


def test_batches_and_parts_change_nothing(model):
    whole = Predictor(model).curves(SCOPES, AT)
    small = Predictor(model).curves(iter(SCOPES), AT, batch_size=1)
    parts = joined_curves([Predictor(model).curves(text, AT) for text in SCOPES])
    for found in (small, parts):
        assert len(found) == 3
        for name, curve in found.curves.items():
            assert np.allclose(curve.value, whole.curves[name].value, rtol=1e-5), name
    assert len(Predictor(model).curves([], AT)) == 0


def scores(floor: float):
    errors = floor * np.linspace(0.5, 1.5, 39)
    return calibrate(errors, np.zeros(39), np.zeros(39))


def test_intervals_are_interpolated_between_calibrated_temperatures(tmp_path):
    points = tuple(
        CurvePoint(
            temperature_k=at,
            groups={group: {Detail.WHOLE: scores(floor)} for group in ("a", "b")},
        )
        for at, floor in ((100.0, 1.0), (300.0, 3.0))
    )
    made = make_bundle(
        tmp_path / "b", calibration=Calibration(tasks={}, curves={"cv": points, "u": points})
    )
    at = np.array([0.0, 50.0, 100.0, 200.0, 300.0, 1000.0])
    curves = Predictor(made).curves(SCOPES, at, interval=0.9)
    quantile = scores(1.0).quantile(0.9)
    spreads = {"cv": [0, 0.5, 1, 2, 3, 3], "u": [1, 1, 1, 2, 3, 3]}
    per_group = {g: Predictor(made_of(made, g)).curves(SCOPES, at) for g in ("a", "b")}
    for name, floors in spreads.items():
        scale = 1e-3 if name == "u" else 1.0
        half = (
            sum(
                quantile
                * np.hypot(
                    np.nan_to_num(per_group[g].curves[name].std), np.array(floors)[None] * scale
                )
                for g in ("a", "b")
            )
            / 2
        )
        curve = curves.curves[name]
        middle = sum(per_group[g].curves[name].value for g in ("a", "b")) / 2
        lowest, highest = (bound * scale for bound in harmonic_bounds(name, at))
        upper, lower = np.minimum(middle + half, highest), np.maximum(middle - half, lowest)
        assert np.allclose(curve.hi, upper, rtol=1e-6), name
        assert np.allclose(curve.lo, lower, rtol=1e-6, atol=1e-9), name
        free = Predictor(made).curves(SCOPES, at, interval=0.9, imposed=False).curves[name]
        assert np.allclose(free.hi, middle + half, rtol=1e-6), name
        assert np.allclose(free.lo, middle - half, rtol=1e-6, atol=1e-9), name
    assert (curves.cv.hi[:, 0] == 0).all()
    assert np.isnan(curves.s.lo).all()
    assert np.isnan(curves.f.hi).all()


def made_of(model, group):
    from dataclasses import replace

    return replace(model, members=tuple(m for m in model.members if m.group == group))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temperatures_k": []}, "no temperature"),
        ({"temperatures_k": [-1.0]}, "not negative, in K; -1 is none"),
        ({"temperatures_k": [float("nan")]}, "not negative, in K; nan is none"),
        ({"temperatures_k": [1.0], "per": "mole"}, "mole"),
        ({"temperatures_k": [1.0], "interval": 90}, "between 0 and 1"),
        ({"temperatures_k": [1.0], "batch_size": 0}, "batch_size"),
    ],
)
def test_what_can_not_be_is_refused(model, arguments, said):
    with pytest.raises(InputError, match=said):
        Predictor(model).curves(SCOPES, **arguments)


def test_a_graph_leaves_the_law_out_and_says_so(model, tmp_path):
    pytest.importorskip("onnxruntime")
    from stratus.models.exporting import export_onnx

    done = export_onnx(model, tmp_path / "model.onnx", member=0)
    assert list(done.differences) == ["crystal", "gap"]
    assert any("the head mixture, which predicts by a law" in each for each in done.left_out)


def test_curves_of_a_model_without_a_law_are_refused(model):
    from dataclasses import replace

    without = tuple(Net(m.encoder, {"gap": m.heads["gap"]}, m.group) for m in model.members)
    with pytest.raises(InputError, match="no head of a thermodynamic law"):
        Predictor(replace(model, members=without)).curves(SCOPES, AT)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"law": "einstien"}, "no law"),
        ({"law": "debye"}, "outputs"),
        ({"lowest_k": 7000.0}, "lowest_k"),
        ({"twice": True}, "two tasks"),
    ],
)
def test_a_head_whose_parts_do_not_fit_is_refused(model, changes, said):
    config = model.heads["mixture"].config.model_dump(mode="json")
    if "twice" in changes:
        config["tasks"] *= 2
        changes = {}
    with pytest.raises(ValueError, match=said):
        type(model.heads["mixture"].config).model_validate(config | changes)


def test_curves_are_calibrated_at_temperatures_that_ascend():
    point = CurvePoint(temperature_k=300.0, groups={"": {Detail.WHOLE: scores(1.0)}})
    with pytest.raises(ValueError, match="temperatures of cv ascend"):
        Calibration(tasks={}, curves={"cv": (point, point)})
