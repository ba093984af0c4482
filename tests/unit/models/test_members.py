"""A model of several nets comes back whole, with its calibration and the files it carries."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from stratus.crystals.facets import Detail
from stratus.encoders.table import architecture
from stratus.errors import InputError
from stratus.files.sealed import SealError, sealing
from stratus.heads.property import make_property_head
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.listing import list_bundles
from stratus.models.net import Net
from stratus.tasks.conformal import Calibration, Scores
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task

GAP = make_task({"column": "gap", "unit": "eV", "minimum": 0.0})
HEAT = make_task({"column": "heat"})
CALIBRATION = Calibration(
    tasks={"gap": {"a": {Detail.WHOLE: Scores(rows=3, floor=0.5, scores=(0.1, 1.0, 2.5))}}}
)


def member(tiny: dict, seed: int, group: str, task=GAP, mean: float = 0.5) -> Net:
    generator = torch.Generator().manual_seed(seed)
    first = tiny["members"][0].encoder
    encoder = architecture(tiny["architecture"]).build(first.config, generator)
    normaliser = Normaliser(mean=mean, std=2.0, rows=9)
    return Net(encoder, {task.name: make_property_head(task, normaliser, 16, generator)}, group)


@pytest.fixture
def several(tiny) -> dict:
    members = [member(tiny, k, group, mean=k) for k, group in enumerate(("a", "a", "b"))]
    return tiny | {"members": members}


def test_every_member_comes_back_in_its_group(several, tmp_path):
    save_bundle(tmp_path / "b", **several)
    model = load_bundle(tmp_path / "b")
    assert [one.group for one in model.members] == ["a", "a", "b"]
    assert model.encoder is model.members[0].encoder
    assert model.heads is model.members[0].heads
    assert model.tasks == {"gap": GAP}
    for ours, theirs in zip(model.members, several["members"], strict=True):
        for one, other in (
            (ours.encoder, theirs.encoder),
            (ours.heads["gap"], theirs.heads["gap"]),
        ):
            assert one.state_dict().keys() == other.state_dict().keys()
            assert all(torch.equal(t, other.state_dict()[n]) for n, t in one.state_dict().items())
            assert not one.training
        assert ours.heads["gap"].normaliser == theirs.heads["gap"].normaliser
    assert not torch.equal(
        model.members[0].encoder.token_embedding.weight,
        model.members[1].encoder.token_embedding.weight,
    )


def test_the_names_of_the_tensors_say_whose_they_are(several, tmp_path):
    from safetensors import safe_open

    save_bundle(tmp_path / "b", **several)
    with safe_open(tmp_path / "b" / "weights.safetensors", framework="pt") as file:
        names = set(file.keys())
    assert {name.split(".")[1] for name in names} == {"0", "1", "2"}
    assert "members.2.heads.gap.out.weight" in names
    assert "members.1.encoder.token_embedding.weight" in names


def test_what_a_list_and_info_say_of_members(several, tmp_path):
    save_bundle(tmp_path / "b", **several)
    info = load_bundle(tmp_path / "b").info()
    assert (info["members"], info["groups"], info["targets"]) == (3, ["a", "b"], {"gap": "eV"})
    [listed] = list_bundles(tmp_path)
    assert (listed.members, listed.targets, listed.problem) == (3, {"gap": "eV"}, "")
    assert listed.parameters == info["parameters"]


def test_calibration_and_carried_files_come_back(several, tmp_path):
    carried = {"predictions.csv": "id,gap\nä,1\n", "options.yaml": "seed: 0\n"}
    save_bundle(tmp_path / "b", **several, calibration=CALIBRATION, carried=carried)
    assert load_bundle(tmp_path / "b").calibration == CALIBRATION
    for name, text in carried.items():
        assert (tmp_path / "b" / name).read_bytes() == text.encode()
    with (tmp_path / "b" / "predictions.csv").open("a") as file:
        file.write("b,2\n")
    with pytest.raises(SealError, match=r"predictions.csv has changed"):
        load_bundle(tmp_path / "b")


def test_without_calibration_there_is_none(tiny, tmp_path):
    save_bundle(tmp_path / "b", **tiny)
    assert load_bundle(tmp_path / "b").calibration is None
    assert not (tmp_path / "b" / "calibration.json").exists()


def another_config(tiny):
    first = tiny["members"][0].encoder
    larger = first.config.model_copy(update={"feed_forward": 64})
    encoder = architecture(tiny["architecture"]).build(larger, torch.Generator())
    return Net(encoder, member(tiny, 0, "a").heads)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (another_config, "members.1 has another config than members.0"),
        (lambda tiny: member(tiny, 1, "a", HEAT), "members.1 has the heads heat, but members.0"),
        (
            lambda tiny: member(tiny, 1, "a", HEAT.model_copy(update={"name": "gap"})),
            "members.1.heads.gap predicts something else than that of members.0",
        ),
    ],
)
def test_members_that_are_not_alike_are_not_saved(tiny, tmp_path, other, message):
    members = [member(tiny, 0, "a"), other(tiny)]
    with pytest.raises(InputError, match=message):
        save_bundle(tmp_path / "b", **tiny | {"members": members})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"heat": CALIBRATION.tasks["gap"]}, "calibration of 'heat', but no such head"),
        ({"gap": {"c": CALIBRATION.tasks["gap"]["a"]}}, "the group 'c', but no member"),
    ],
)
def test_a_calibration_of_something_else_is_not_saved(several, tmp_path, tasks, message):
    with pytest.raises(InputError, match=message):
        save_bundle(tmp_path / "b", **several, calibration=Calibration(tasks=tasks))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        ((), [], "the whole"),
        (("colour",), 1, "'colour' is unknown"),
        (("tasks", "heat"), {}, "calibration of 'heat', but no such head"),
        (("tasks", "gap", "c"), {}, "the group 'c', but no member"),
        (("tasks", "gap", "a", "hole"), {}, "hole"),
        (("tasks", "gap", "a", "whole", "floor"), 0.0, "floor"),
        (("tasks", "gap", "a", "whole", "rows"), 4, "4 rows have 4 scores, not 3"),
        (("tasks", "gap", "a", "whole", "scores"), [1.0, 0.5, 2.0], "ascend"),
        (("tasks", "gap", "a", "whole", "scores"), [-1.0, 0.5, 2.0], "not negative"),
        (("tasks", "gap", "a", "whole", "scores"), ["1", 0.5, 2.0], "number"),
    ],
)
def test_a_wrong_calibration_is_refused_even_if_the_manifest_agrees(
    several, tmp_path, keys, value, message
):
    save_bundle(tmp_path / "b", **several, calibration=CALIBRATION)
    with sealing(tmp_path / "wrong") as draft:
        for path in (tmp_path / "b").iterdir():
            if path.name != "MANIFEST.json":
                shutil.copy(path, draft)
        table = json.loads((draft / "calibration.json").read_text())
        inner = table
        for key in keys[:-1]:
            inner = inner[key]
        if keys:
            inner[keys[-1]] = value
        (draft / "calibration.json").write_text(json.dumps(table if keys else value))
    with pytest.raises(InputError, match=message) as caught:
        load_bundle(tmp_path / "wrong")
    assert "calibration.json" in str(caught.value)
