"""A checkpoint gives back what was put in, runs nothing, and is whole or not there."""

from __future__ import annotations

import json
import logging
import math
from collections import OrderedDict

import pytest
import torch

from stratus.errors import InputError, ResumeError
from stratus.files import sealed
from stratus.training import checkpoints
from stratus.training.checkpoints import (
    CheckpointWriteError,
    newest,
    prune,
    read_checkpoint,
    step_folder,
    steps_in,
    sweep,
    write_checkpoint,
)
from stratus.training.state_json import join, split


def state(step: int = 1) -> dict:
    weight = torch.randn(3, 2, generator=torch.Generator().manual_seed(step))
    return {
        "global_step": step,
        "state_dict": OrderedDict(weight=weight, tied=weight, part=weight[1:], none=torch.empty(0)),
        "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0), "x": (1, 2.5)}}, "g": [[]]}],
        "best": math.inf,
        "odd": {"$tensor": "no tensor", 7: None, "7": True},
        "bf16": torch.ones(2, dtype=torch.bfloat16),
    }


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_what_is_written_is_read_back_bit_for_bit(tmp_path):
    write_checkpoint(state(), tmp_path / "step-000001")
    assert same(read_checkpoint(tmp_path / "step-000001"), state())


def test_the_rest_is_json_and_comes_back():
    rest, tensors = split(state())
    assert same(join(json.loads(json.dumps(rest, allow_nan=False)), tensors), state())


@pytest.mark.parametrize("thing", [object(), {1, 2}, lambda: 1, b"bytes", torch.float32])
def test_what_json_can_not_hold_is_refused_by_its_path_and_nothing_is_written(tmp_path, thing):
    with pytest.raises(InputError, match=r"cannot hold callbacks/x/0, a "):
        write_checkpoint({"callbacks": {"x": [thing]}}, tmp_path / "step-000001")
    with pytest.raises(InputError, match="cannot hold the key"):
        split({"a": {(1, 2): 3}})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "MANIFEST.json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_every_damage_is_noticed_and_the_one_before_is_taken(tmp_path, caplog, name, damage):
    for step in (1, 2):
        write_checkpoint(state(step), step_folder(tmp_path, step))
    path = step_folder(tmp_path, 2) / name
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        half = len(content) // 2
        changed = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
        path.write_bytes(changed if damage == "changed" else content[:half])
    with pytest.raises(ResumeError):
        read_checkpoint(step_folder(tmp_path, 2))
    with caplog.at_level(logging.WARNING, logger="stratus"):
        found = newest(tmp_path)
    assert found is not None
    assert found[0] == 1
    assert same(found[1], state(1))
    assert "step-000002" in caplog.text


def test_no_checkpoint_is_none(tmp_path):
    assert newest(tmp_path) is None
    assert newest(tmp_path / "nothing") is None


def test_a_full_disk_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(CheckpointWriteError, match=r"No space left.*make room"):
        write_checkpoint(state(), tmp_path / "step-000001")
    assert not list(tmp_path.iterdir())


def test_the_last_ones_stay(tmp_path):
    for step in (1, 2, 3, 4, 1_000_000):
        write_checkpoint({"global_step": step}, step_folder(tmp_path, step))
    prune(tmp_path, keep=2)
    assert steps_in(tmp_path) == [4, 1_000_000]


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(tmp_path):
    for name in (".step-000001.part-ab", ".step-000002.old-cd", ".other", "step-000003"):
        (tmp_path / name).mkdir()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other", "step-000003"]


@pytest.mark.parametrize("required", [True, False])
def test_a_checkpoint_that_is_not_required_ends_no_run(tmp_path, monkeypatch, caplog, required):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    plugin = checkpoints.SealedCheckpoints(required=required)
    with caplog.at_level(logging.WARNING, logger="stratus"):
        if required:
            with pytest.raises(CheckpointWriteError):
                plugin.save_checkpoint(state(), tmp_path / "step-000001")
        else:
            plugin.save_checkpoint(state(), tmp_path / "step-000001")
    assert ("could not be written" in caplog.text) is not required


def test_a_removal_that_is_cut_short_leaves_no_half_checkpoint(tmp_path, monkeypatch):
    class Killed(BaseException):
        """Stands for a process that ends here."""

    def one_file_and_no_more(folder, **_: object) -> None:
        if folder.exists():
            (folder / "MANIFEST.json").unlink()
            raise Killed

    for step in (1, 2, 3):
        write_checkpoint({"global_step": step}, step_folder(tmp_path, step))
    with monkeypatch.context() as patch:
        patch.setattr(sealed.shutil, "rmtree", one_file_and_no_more)
        with pytest.raises(Killed):
            prune(tmp_path, keep=2)
    assert steps_in(tmp_path) == [2, 3]
    assert [path.name.split("-")[:2] for path in tmp_path.glob(".*")] == [[".step", "000001.old"]]
