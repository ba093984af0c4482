"""A model of atoms as an ONNX file: any number of crystals, atoms and edges; a refusal says why."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from torch.nn import functional as fn

from stratus.corpora.encoding.crystals import crystal_of_atoms
from stratus.crystals.facets import AtomArrays
from stratus.encoders.encoding import Encoding
from stratus.encoders.pooling import means
from stratus.encoders.table import architecture, configure
from stratus.errors import StratusError
from stratus.heads.property import make_property_head
from stratus.models.card import Card
from stratus.models.exporting import METADATA_KEY, export_onnx
from stratus.models.exporting_crystals import make_crystals
from stratus.models.model import Model
from stratus.models.net import Net
from stratus.tasks.normalise import Normaliser
from stratus.tasks.predictions import predict
from stratus.tasks.task import make_task
from stratus.testing.specimens import alone, specimens
from stratus.views.keys import CELLS, CENTRES, NUMBERS, OWNER
from stratus.views.table import view_class

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
    make_task({"column": "energy", "unit": "eV", "per": "cell"}),
    make_task({"column": "metal", "kind": "binary"}),
]
TINY = {"hidden": 16, "atom_hidden": 8, "bond_hidden": 8, "layers": 2}
OTHERS = {
    "atom_transformer": {"hidden": 16, "layers": 1, "heads": 2},
    "egnn": {"layers": 2},
    "schnet": {"layers": 1},
    "megnet": {"layers": 1},
    "cgcnn": {"layers": 1},
}


def make_model(name: str, members: int = 1, **sizes: object) -> Model:
    kind, made = architecture(name), []
    config = configure(name, "nano", **sizes)
    for seed in range(members):
        generator = torch.Generator().manual_seed(seed)
        heads = {
            task.name: make_property_head(
                task,
                Normaliser(mean=-1.0, std=0.5, per_atom=task.per == "cell", rows=9),
                config.hidden,
                generator,
            )
            for task in TASKS
        }
        made.append(Net(kind.build(config, generator), heads, str(seed)).eval())
    view = view_class(kind.view).of_encoder(config, "orbit")
    return Model(members=tuple(made), view=view, card=CARD, architecture=name)


@pytest.fixture(scope="module")
def runtime():
    pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
    pytest.importorskip("onnxscript", reason="the extra `onnx` is not installed")
    return pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")


@pytest.fixture(scope="module")
def exported(runtime, tmp_path_factory):
    model = make_model("bond-graph", members=2, **TINY)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    told = export_onnx(model, path)
    return model, told, runtime.InferenceSession(str(path))


def crystals_of(model: Model):
    """Return samples of six crystals and of a lone atom, and their atoms."""
    entries = [*specimens(7), alone(60.0)]
    made = [crystal_of_atoms(AtomArrays(e.lattice, e.numbers, e.frac_coords)) for e in entries]
    return [model.view.sample(one) for one in made], [one.n_atoms for one in made]


def feed(session, model: Model, samples, atoms) -> dict[str, np.ndarray]:
    known = {key: tensor.numpy() for key, tensor in model.view.collate(samples).items()}
    known["n_atoms"] = np.array(atoms)
    return {one.name: known[one.name] for one in session.get_inputs()}


@pytest.mark.parametrize(
    "chosen", [range(7), [2], [6], [6, 6], [3, 0, 3], [5, 6]],
    ids=["all", "one", "no edge", "no edges", "a repeat", "one alone"],
)  # fmt: skip
def test_the_file_gives_the_numbers_of_torch_for_batches_of_any_size(exported, chosen):
    model, _, session = exported
    samples, atoms = crystals_of(model)
    samples, atoms = [samples[k] for k in chosen], [atoms[k] for k in chosen]
    batch = model.view.collate(samples)
    with torch.inference_mode():
        right = {"crystal": [model.members[0].encoder(batch).crystal.numpy()]}
        for member in model.members:
            for name, numbers in member(batch).items():
                task, normaliser = member.tasks[name], member.normalisers[name]
                values = predict(task, normaliser, numbers, np.array(atoms)).values
                right.setdefault(name, []).append(values)
    got = session.run(None, feed(session, model, samples, atoms))
    for one, values in zip(session.get_outputs(), got, strict=True):
        expected = np.mean(right[one.name], axis=0)
        assert values.shape == expected.shape
        size = np.array(atoms) if one.name == "energy" else np.ones(1)  # a sum over atoms
        off = np.abs(values - expected) / (0.5 * size.reshape(-1, *[1] * (values.ndim - 1)))
        assert off.max() < 1e-4, one.name


def test_the_file_says_how_a_graph_is_cut_and_what_its_inputs_are(exported):
    _, told, session = exported
    known = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    assert (known["view"], known["facet"]) == ("graph", "atoms")
    cut = {name: one["value"] for name, one in known["view_config"].items()}
    assert cut == {"cutoff_a": 5.0, "max_neighbours": None}
    assert "in Å" in known["view_config"]["cutoff_a"]["about"]
    assert tuple(known["inputs"]) == told.inputs
    axes = {name: one["axes"] for name, one in known["inputs"].items()}
    assert axes == {
        "numbers": ["atoms"], "positions": ["atoms", 3], "cells": ["batch", 3, 3],
        "centres": ["edges"], "neighbours": ["edges"], "shifts": ["edges", 3],
        "owner": ["atoms"], "n_atoms": ["batch"],
    }  # fmt: skip
    assert known["inputs"]["positions"]["about"] == "Cartesian, in Å"
    free = {one.name: [d if isinstance(d, int) else str(d) for d in one.shape]
            for one in session.get_inputs()}  # fmt: skip
    assert free == axes


def test_the_example_of_the_file_can_be_made_again_from_its_structures(exported):
    model, _, session = exported
    known = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    example = known["example"]
    made = [
        crystal_of_atoms(AtomArrays(*(np.array(one[key]) for key in one)))
        for one in example["structures"]
    ]
    fed = feed(session, model, [model.view.sample(one) for one in made], [o.n_atoms for o in made])
    for name, of in known["inputs"].items():
        stored = np.array(example["inputs"][name], dtype=of["type"]).reshape(fed[name].shape)
        np.testing.assert_array_equal(stored, fed[name], err_msg=name)
    for one, got in zip(session.get_outputs(), session.run(None, fed), strict=True):
        np.testing.assert_allclose(got, example["outputs"][one.name], rtol=0, atol=1e-4)


def test_sums_are_not_left_to_an_operator_that_threads_race_in(exported):
    _, told, _ = exported
    nodes = pytest.importorskip("onnx").load(told.path).graph.node
    scattered = [
        (node.op_type, attribute.s)
        for node in nodes
        for attribute in node.attribute
        if attribute.name == "reduction"
    ]
    assert ("ScatterElements", b"add") in scattered
    assert not [kind for kind, _ in scattered if kind == "ScatterND"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_other_encoders_of_atoms_are_exported_too(runtime, tmp_path, name):
    told = export_onnx(make_model(name, **OTHERS[name]), tmp_path / "model.onnx")
    assert max(told.differences.values()) < 1e-4
    [crystal, *_] = runtime.InferenceSession(str(told.path)).get_outputs()
    assert crystal.name == "crystal"


@pytest.mark.usefixtures("runtime")
def test_a_refusal_names_the_operators_that_forbid_it(tmp_path, capfd):
    with pytest.raises(StratusError) as refused:
        export_onnx(make_model("fcn"), tmp_path / "model.onnx")
    said = str(refused.value)
    assert said.startswith("torch could not export Fcn to ONNX with opset 18: ")
    assert "no operator for aten.sort" in said
    assert "aten.bincount" in said
    assert "aten.index" not in said
    assert not list(tmp_path.iterdir())
    assert "def forward" not in "".join(capfd.readouterr())


class Counting(torch.nn.Module):
    """An encoder whose graph torch can only trace for the sizes of its example."""

    def __init__(self, like: torch.nn.Module) -> None:
        super().__init__()
        self.config, self.embedding = like.config, torch.nn.Embedding(120, like.config.hidden)

    def forward(self, batch):
        x = fn.embedding(batch[NUMBERS], self.embedding.weight)
        x = x + batch[CENTRES].bincount(minlength=len(x)).unsqueeze(1)
        return Encoding(means(x, batch[OWNER], batch[CELLS].shape[0]), x, batch[OWNER])


@pytest.mark.usefixtures("runtime")
def test_a_graph_of_one_batch_alone_is_no_export(tmp_path):
    model = make_model("bond-graph", **TINY)
    model.members[0].encoder = Counting(model.members[0].encoder).eval()
    before = logging.getLogger("torch.export").level
    with pytest.raises(StratusError, match=r"aten\.bincount .* would hold for this batch alone"):
        export_onnx(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
    assert logging.getLogger("torch.export").level == before


def test_crystals_of_the_check_have_many_sizes_and_one_has_no_edge():
    made = make_crystals(make_model("bond-graph", **TINY))
    assert len({one.rows for one in made}) > 10
    assert len(made[0].sample[CENTRES]) == 0
