"""A model as an ONNX file gives the numbers of torch, and says what it needs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.encoders.table import architecture, configure
from stratus.errors import InputError, MissingExtraError, StratusError
from stratus.heads.masked_tokens import MaskedTokenHead
from stratus.heads.property import make_property_head
from stratus.models import exporting, exporting_check, exporting_crystals
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.exporting import export_onnx
from stratus.models.model import Model
from stratus.models.net import Net
from stratus.scope import Scope, encode, vocabulary
from stratus.scope.partial import partial_scope
from stratus.tasks.normalise import Normaliser
from stratus.tasks.predictions import predict
from stratus.tasks.task import make_task
from stratus.views.keys import MASK
from stratus.views.token_view import token_view as view

CARD = Card(
    name="tiny",
    summary="A model too small to be of use.",
    data=(),
    licence_code="MIT",
    licence_weights="CC-BY-4.0",
    metrics=(),
    intended_use="Tests.",
    limits="Everything else.",
)
TASKS = [
    make_task({"column": "gap", "unit": "eV", "minimum": 0.0}),
    make_task({"column": "energy", "unit": "eV", "per": "cell", "loss": "gaussian"}),
    make_task({"column": "metal", "kind": "binary"}),
    make_task({"column": "system", "kind": "multiclass", "classes": ("a", "b", "c")}),
]
SIZES = {
    "cloud": {"vocabulary_size": 595, "hidden": 32, "layers": 2, "heads": 2, "feed_forward": 32},
    "orbit-set": {
        "vocabulary_size": 595, "hidden": 32, "layers": 2, "heads": 2, "feed_forward": 32,
    },
    "roost": {
        "hidden": 16, "element_embedding": 16, "element_hidden": 16, "layers": 2, "heads": 2,
        "gate_hidden": 16, "message_hidden": 16, "trunk": (16,),
    },
}  # fmt: skip
EXAMPLES = Path(exporting.__file__).parents[1] / "crystals" / "examples"
NAMES = ["rock-salt", "magnesium", "garnet", "quartz", "diamond", "perovskite", "spinel"]


def make_model(name: str, members: int = 2) -> Model:
    """Return an ensemble with fresh weights, its labels far from zero beside their spread."""
    kind, made = architecture(name), []
    config = configure(name, "nano", **SIZES[name])
    for seed in range(members):
        generator = torch.Generator().manual_seed(seed)
        heads: dict[str, torch.nn.Module] = {
            task.name: make_property_head(
                task,
                Normaliser(mean=-0.1 if task.minimum == 0 else 3000 + seed, std=0.5, rows=9)
                if task.per != "cell"
                else Normaliser(mean=3000, std=0.5, per_atom=True, rows=9),
                config.hidden,
                generator,
            )
            for task in TASKS
        }
        made.append(Net(kind.build(config, generator).eval(), heads, str(seed)))
    return Model(
        members=tuple(made),
        view=view(kind.view, vocabulary(), config.max_length),
        card=CARD,
        architecture=name,
    )


@pytest.fixture(scope="module")
def runtime():
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    return pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")


@pytest.fixture(scope="module", params=["cloud", "orbit-set", "roost"])
def exported(request, runtime, tmp_path_factory):
    """A model, what was reported, and a session with its file."""
    model = make_model(request.param)
    model.members[0].encoder.train()  # a model in the middle of something is left in it
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    told = export_onnx(model, path)
    assert model.members[0].encoder.training
    model.members[0].encoder.eval()
    return model, told, runtime.InferenceSession(str(path))


@pytest.fixture(scope="module")
def crystals() -> list[Scope]:
    return [encode(EXAMPLES / f"{name}.cif") for name in NAMES]


def feed(model: Model, session, texts: list[str], atoms: list[int]) -> dict[str, np.ndarray]:
    batch = model.view.collate([model.view.tokens(text) for text in texts])
    known = {key: tensor.numpy() for key, tensor in batch.items()} | {"n_atoms": np.array(atoms)}
    return {one.name: known[one.name] for one in session.get_inputs()}


def with_torch(model: Model, texts: list[str], atoms: list[int]) -> dict[str, np.ndarray]:
    batch = model.view.collate([model.view.tokens(text) for text in texts])
    found: dict[str, list[np.ndarray]] = {}
    with torch.inference_mode():
        for member in model.members:
            crystal = member.encoder(batch).crystal
            found.setdefault("crystal", []).append(crystal.numpy())
            for name, numbers in member.eval()(batch).items():
                task, normaliser = member.tasks[name], member.normalisers[name]
                values = predict(task, normaliser, numbers, np.array(atoms)).values
                found.setdefault(name, []).append(values)
    return {"crystal": found.pop("crystal")[0]} | {k: np.mean(v, axis=0) for k, v in found.items()}


@pytest.mark.parametrize(
    "chosen", [range(7), [0, 0, 0], [2], [1, 2], [4]], ids=["all", "no padding", "1", "2", "short"]
)
def test_the_file_gives_the_numbers_of_torch(exported, crystals, chosen):
    model, _, session = exported
    texts, atoms = [str(crystals[k]) for k in chosen], [crystals[k].n_atoms for k in chosen]
    fed, right = feed(model, session, texts, atoms), with_torch(model, texts, atoms)
    assert fed[MASK].all() == (len(chosen) in {1, 3})
    for one, got in zip(session.get_outputs(), session.run(None, fed), strict=True):
        assert got.shape == right[one.name].shape
        np.testing.assert_allclose(got, right[one.name], rtol=0, atol=0.5e-4, err_msg=one.name)


def test_a_crystal_of_which_little_is_known_has_no_value_per_cell(exported):
    model, _, session = exported
    texts, atoms = [partial_scope("NaCl"), partial_scope("SiO2", 152)], [0, 0]
    fed, right = feed(model, session, texts, atoms), with_torch(model, texts, [1, 1])
    got = dict(zip((o.name for o in session.get_outputs()), session.run(None, fed), strict=True))
    assert np.isnan(got["energy"]).all()
    np.testing.assert_allclose(got["gap"], right["gap"], rtol=0, atol=0.5e-4)


def test_nothing_is_below_the_minimum_of_a_target(exported, crystals):
    model, _, session = exported
    texts = [str(crystal) for crystal in crystals]
    atoms = [crystal.n_atoms for crystal in crystals]
    [gap] = session.run(["gap"], feed(model, session, texts, atoms))
    assert (gap >= 0).all()
    assert (gap == 0).any()


def test_the_file_says_what_another_program_must_know(exported):
    model, told, session = exported
    text = session.get_modelmeta().custom_metadata_map[exporting.METADATA_KEY]
    document = json.loads(text)
    assert document["vocabulary"] == list(vocabulary().tokens)
    assert (document["view"], document["dialect"]) == (model.view.name, "orbit")
    assert document["outputs"]["energy"] == {
        "kind": "regression", "unit": "eV", "per": "cell", "classes": [], "column": "energy",
    }  # fmt: skip
    assert document["outputs"]["system"]["classes"] == ["a", "b", "c"]
    assert document["left_out"] == list(told.left_out) == [
        "the standard deviations over the members",
        "the standard deviations that the heads energy give",
    ]  # fmt: skip
    assert [one.name for one in session.get_inputs()] == list(document["inputs"])
    assert [one.name for one in session.get_outputs()] == list(document["outputs"])
    example = document["example"]
    fed = {
        name: np.array(example["inputs"][name], dtype=of["type"])
        for name, of in document["inputs"].items()
    }
    for one, got in zip(session.get_outputs(), session.run(None, fed), strict=True):
        np.testing.assert_allclose(got, example["outputs"][one.name], rtol=0, atol=1e-4)


def test_the_file_holds_nothing_of_the_machine_it_was_made_on(exported):
    _, told, _ = exported
    content = told.path.read_bytes()
    assert b"site-packages" not in content
    assert str(Path(exporting.__file__).parent).encode() not in content


@pytest.mark.usefixtures("runtime")
def test_what_differs_from_torch_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting_check, "TOLERANCE", -1.0)
    with pytest.raises(StratusError, match=r"differs from torch .* nothing was written"):
        export_onnx(make_model("cloud", members=1), tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def test_the_check_sees_a_wrong_graph(exported):
    model, told, session = exported
    other = make_model(model.architecture, members=1)
    inputs = exporting_check_inputs(model)
    made = exporting_crystals.make_crystals(model)
    found = exporting_check.differences(other, other.members, inputs, session, made)
    assert max(found.values()) > exporting_check.TOLERANCE
    assert max(told.differences.values()) < exporting_check.TOLERANCE
    with pytest.raises(StratusError, match="nothing was written"):
        exporting_check.check(found)


def exporting_check_inputs(model: Model):
    made = exporting_crystals.make_crystals(model)
    batch = model.view.collate([one.sample for one in made])
    return exporting.inputs_of(model.members, batch)


def test_crystals_of_the_check_have_many_lengths_and_some_are_partial():
    made = exporting_crystals.make_crystals(make_model("orbit-set", members=1))
    assert len({one.rows for one in made}) > 3
    assert 0 < sum("[MASK]" in one.text for one in made) < len(made) / 2


def masked(model: Model) -> MaskedTokenHead:
    return MaskedTokenHead(32, 595, model.view.fields)


def test_one_member_can_be_written_and_heads_without_a_property_are_left_out(
    runtime, tmp_path, crystals, monkeypatch
):
    model = make_model("orbit-set")
    members = tuple(
        Net(member.encoder, {"masked": masked(model), "gap": member.heads["gap"]}, member.group)
        for member in model.members
    )
    model = replace(model, members=members)
    save_bundle(
        tmp_path / "bundle",
        members=members,
        architecture="orbit-set",
        view=view("orbit-set", vocabulary(), model.view.max_length),
        card=CARD,
    )
    words = ["model", "export", "bundle", "-o", "one.onnx", "--member", "1", "--opset", "20"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert re.match(r"wrote one.onnx: [\d,]+ bytes, opset 20\ninputs   tokens, ", done.stdout)
    assert "left out: the head masked, which predicts no property\n" in done.stdout
    assert re.search(r"\n  gap  \d\.\de-\d\d\n", done.stdout)
    session = runtime.InferenceSession("one.onnx")
    texts, atoms = [str(crystal) for crystal in crystals], [1] * len(crystals)
    alone = replace(model, members=(Net(members[1].encoder, {"gap": members[1].heads["gap"]}),))
    fed, right = feed(model, session, texts, atoms), with_torch(alone, texts, atoms)
    crystal, gap = session.run(["crystal", "gap"], fed)
    np.testing.assert_allclose(crystal, right["crystal"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(gap, right["gap"], rtol=0, atol=1e-5)
    assert "n_atoms" not in fed


@pytest.mark.usefixtures("runtime")
def test_what_can_not_be_is_refused_before_any_work(tmp_path, monkeypatch):
    model = make_model("cloud", members=1)
    monkeypatch.setattr(exporting, "trace", None)
    with pytest.raises(InputError, match="there is no member 3; the model has 1"):
        export_onnx(model, tmp_path / "a.onnx", member=3)
    with pytest.raises(InputError, match="opset is 18 to 22, not 17"):
        export_onnx(model, tmp_path / "a.onnx", opset=17)
    (tmp_path / "b.onnx").touch()
    with pytest.raises(InputError, match="is there already"):
        export_onnx(model, tmp_path / "b.onnx")
    with pytest.raises(InputError, match="make it first"):
        export_onnx(model, tmp_path / "nowhere" / "b.onnx")
    heads = {"crystal": model.heads["gap"]}
    same = replace(model, members=(Net(model.members[0].encoder, heads),))
    with pytest.raises(InputError, match="'crystal' cannot be exported"):
        export_onnx(same, tmp_path / "a.onnx")


def test_without_the_extra_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else name)
    done = CliRunner().invoke(
        app, ["model", "export", str(tmp_path), "-o", str(tmp_path / "a.onnx")]
    )
    assert done.exit_code == 2
    assert "onnxscript is not installed" in done.stderr
    assert "stratus-crystals[onnx]" in done.stderr
    with pytest.raises(MissingExtraError):
        export_onnx(make_model("cloud", members=1), tmp_path / "a.onnx")
