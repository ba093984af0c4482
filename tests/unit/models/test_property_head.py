"""A head in a bundle keeps its task and its normaliser, and is refused if it cannot be."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from pydantic import ValidationError

from stratus.errors import InputError
from stratus.files.sealed import sealing
from stratus.heads.property import (
    PropertyHead,
    PropertyHeadConfig,
    make_property_head,
)
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.description import DESCRIPTION_FILE
from stratus.models.net import Net
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task

HEAT = make_task({"column": "heat: C_v", "unit": "J/K", "per": "cell", "loss": "gaussian"})
FAMILY = make_task({"column": "family", "kind": "multiclass", "classes": ("a", "b", "c")})
ODD = Normaliser(mean=0.1 + 0.2, std=1 / 3, per_atom=True, rows=7)
PLAIN = Normaliser(mean=0.0, std=1.0, rows=9)


@pytest.fixture
def bundle(tiny, tmp_path):
    generator = torch.Generator().manual_seed(0)
    heads = {
        task.name: make_property_head(task, normaliser, 16, generator)
        for task, normaliser in ((HEAT, ODD), (FAMILY, PLAIN))
    }
    members = [Net(tiny["members"][0].encoder, heads)]
    save_bundle(tmp_path / "m", **tiny | {"members": members})
    return tmp_path / "m", heads


def test_task_normaliser_and_weights_come_back(bundle):
    folder, heads = bundle
    found = load_bundle(folder).heads
    assert set(found) == {"heat: C_v", "family"}
    crystal = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    for name, head in found.items():
        assert isinstance(head, PropertyHead)
        assert (head.task, head.normaliser) == (heads[name].task, heads[name].normaliser)
        assert torch.equal(head.raw(crystal), heads[name].eval().raw(crystal))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"layers": 3}, "layers 3, but its task has 1"),
        (
            {"layers": 10**9, "task": HEAT.model_dump(mode="json") | {"by": {"layers": 10**9}}},
            "1000 is the most",
        ),
        ({"outputs": 3}, "outputs 3, but its task has 2"),
        ({"hidden": 32}, "hidden 32, but the encoder has 16"),
        ({"normaliser": None}, "normaliser"),
        ({"normaliser": {"mean": 0.0, "std": 0.0, "per_atom": True, "rows": 1}}, "std"),
        ({"normaliser": {"mean": 0.0, "std": 1.0, "per_atom": False, "rows": 1}}, "per atom"),
        ({"code": "x"}, "'code' is unknown"),
    ],
)
def test_a_head_that_can_not_be_is_refused_by_name(bundle, tmp_path, changes, sentence):
    with sealing(tmp_path / "wrong") as draft:
        for path in bundle[0].iterdir():
            if path.name != "MANIFEST.json":
                shutil.copy(path, draft)
        values = json.loads((draft / DESCRIPTION_FILE).read_text())
        values["members"][0]["heads"]["heat: C_v"]["config"].update(changes)
        (draft / DESCRIPTION_FILE).write_text(json.dumps(values))
    with pytest.raises(InputError) as caught:
        load_bundle(tmp_path / "wrong")
    assert sentence in str(caught.value)


def test_a_head_that_contradicts_its_task_can_not_be_made():
    with pytest.raises(ValidationError, match="the head has layers 2, but its task has 1"):
        PropertyHeadConfig(
            hidden=4, outputs=3, layers=2, dropout=0.1, task=FAMILY, normaliser=PLAIN
        )
