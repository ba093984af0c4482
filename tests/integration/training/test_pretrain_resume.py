"""A run that was interrupted ends bit for bit as one that was not."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import torch

from stratus.errors import InputError, ResumeError
from stratus.training import checkpoints
from stratus.training.checkpoints import CheckpointWriteError, read_checkpoint, steps_in
from stratus.training.events import Stepped, Validated
from stratus.training.options import make_options
from stratus.training.pretrain import Started, pretrain

RESULT = ("metrics.json", "bundle/weights.safetensors", "logs/train.csv", "logs/validation.csv")


class Stop(Exception):  # noqa: N818 - it is no error
    """Stands for Ctrl-C: it comes between two steps."""


def stop_at(step: int):
    def on_progress(event: object) -> None:
        if isinstance(event, Stepped) and event.step == step:
            raise Stop

    return on_progress


def bytes_of(run: Path) -> dict[str, bytes]:
    last = checkpoints.step_folder(run / "checkpoints", steps_in(run / "checkpoints")[-1])
    files = [*(run / name for name in RESULT), last / "tensors.safetensors", last / "state.json"]
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def straight(table, tiny, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("straight") / "run"
    pretrain(table, run, make_options(tiny))
    return run


# before any checkpoint; in mid-epoch; at an epoch's end; right after a checkpoint; at the end
STOPS = (2, 5, 6, 9, 12)


@pytest.mark.parametrize("precision", ["32", "bf16"])
@pytest.mark.parametrize("encoder", ["cloud", "orbit-set"])
def test_a_run_resumed_at_several_steps_ends_as_one_that_was_never_interrupted(
    table, tiny, tmp_path, straight, encoder, precision
):
    options = make_options(tiny, {"encoder": encoder, "precision": precision})
    if (encoder, precision) != ("cloud", "32"):
        straight = tmp_path / "straight"
        pretrain(table, straight, options)
    run = tmp_path / "run"
    for k, step in enumerate(STOPS):
        with pytest.raises(Stop):
            pretrain(table, run, options, resume=k > 0, on_progress=stop_at(step))
    pretrain(table, run, options, resume=True)
    assert bytes_of(run) == bytes_of(straight)


def test_curves_have_each_step_once(straight):
    rows = (straight / "logs/train.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == list(range(1, 13))
    assert rows[0] == "step,loss,learning_rate"


def test_a_finished_run_is_not_trained_again(table, tiny, straight):
    seen: list[object] = []
    before = bytes_of(straight)
    summary = pretrain(table, straight, make_options(tiny), resume=True, on_progress=seen.append)
    assert summary is not None
    assert not seen
    assert bytes_of(straight) == before


def test_torch_random_numbers_of_the_caller_are_left_alone(table, tiny, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    pretrain(table, tmp_path / "run", make_options(tiny, {"steps": 1}))
    assert torch.equal(torch.rand(2), expected)


def test_newer_damaged_checkpoints_are_passed_over_and_named(
    table, tiny, tmp_path, straight, caplog
):
    run = tmp_path / "run"
    with pytest.raises(Stop):
        pretrain(table, run, make_options(tiny), on_progress=stop_at(9))
    damaged = run / "checkpoints/step-000008/tensors.safetensors"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    begun: list[Started] = []

    def note(event: object) -> None:
        if isinstance(event, Started):
            begun.append(event)

    with caplog.at_level(logging.WARNING, logger="stratus"):
        pretrain(table, run, make_options(tiny), resume=True, on_progress=note)
    assert begun[0].fit.from_step == 6
    assert "step-000008" in caplog.text
    assert bytes_of(run) == bytes_of(straight)


def test_a_full_disk_is_one_sentence_and_harms_no_earlier_checkpoint(
    table, tiny, tmp_path, straight, monkeypatch
):
    run, writes = tmp_path / "run", []
    real = checkpoints.save_file

    def full_at_the_second(tensors: object, path: Path) -> None:
        writes.append(path)
        if len(writes) == 2:
            Path(path).write_bytes(b"half")
            raise OSError(28, "No space left on device")
        real(tensors, path)

    monkeypatch.setattr(checkpoints, "save_file", full_at_the_second)
    with pytest.raises(CheckpointWriteError, match=r"step-000006.*No space left.*--resume"):
        pretrain(table, run, make_options(tiny))
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000004"]
    pretrain(table, run, make_options(tiny), resume=True)
    assert bytes_of(run) == bytes_of(straight)


def test_the_newest_checkpoints_stay(straight):
    assert steps_in(straight / "checkpoints") == [8, 12]


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"seed": 1}, "seed"),
        ({"epochs": 3}, "epochs"),
        ({"learning_rate": 0.1}, "learning_rate"),
        ({"masking": {"ratio": 0.3}}, "masking"),
        ({"model": {"dropout": 0.2}}, "model"),
    ],
)
def test_other_options_are_refused_on_resume_by_name(table, tiny, straight, change, name):
    with pytest.raises(ResumeError, match=f"begun with {name} = "):
        pretrain(table, straight, make_options(tiny, change), resume=True)


def test_what_changes_no_result_may_change_on_resume(table, tiny, tmp_path, straight):
    run = tmp_path / "run"
    with pytest.raises(Stop):
        pretrain(table, run, make_options(tiny), on_progress=stop_at(5))
    pretrain(table, run, make_options(tiny, {"keep": 5, "checkpoint_every": 3}), resume=True)
    for name in RESULT:
        assert (run / name).read_bytes() == (straight / name).read_bytes(), name


def test_another_table_is_refused_on_resume(table, tiny, tmp_path, straight):
    import pyarrow.parquet as pq

    other = tmp_path / "other.parquet"
    pq.write_table(pq.read_table(table).slice(1), other)
    with pytest.raises(ResumeError, match="is not the table"):
        pretrain(other, straight, make_options(tiny), resume=True)


def test_a_run_is_not_overwritten_and_one_that_is_not_there_not_resumed(
    table, tiny, tmp_path, straight
):
    with pytest.raises(InputError, match="holds a run already; go on with --resume"):
        pretrain(table, straight, make_options(tiny))
    with pytest.raises(ResumeError, match="there is no run in"):
        pretrain(table, tmp_path / "nothing", make_options(tiny), resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").touch()
    with pytest.raises(InputError, match="no empty folder"):
        pretrain(table, tmp_path / "full", make_options(tiny))


def test_a_damaged_corpus_shard_names_itself_on_resume(table, tiny, tmp_path, straight):
    run = tmp_path / "run"
    shutil.copytree(straight, run)
    (run / "metrics.json").unlink()
    shard = run / "tokens/train-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"train-00000\.arrow"):
        pretrain(table, run, make_options(tiny), resume=True)


def test_it_stops_early_and_stays_stopped(table, tiny, tmp_path):
    options = make_options(tiny, {"epochs": 30, "patience": 1, "learning_rate": 1e-30})
    validated: list[Validated] = []

    def note(event: object) -> None:
        if isinstance(event, Validated):
            validated.append(event)

    pretrain(table, tmp_path / "run", options, on_progress=note)
    assert len(validated) == 2
    assert [event.best for event in validated][-1] is False
    (tmp_path / "run/metrics.json").unlink()
    seen = len(validated)
    pretrain(table, tmp_path / "run", options, resume=True, on_progress=note)
    assert len(validated) == seen


def test_a_table_that_can_not_be_used_leaves_nothing_behind(tiny, tmp_path):
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"no parquet")
    with pytest.raises(InputError):
        pretrain(bad, tmp_path / "run", make_options(tiny))
    assert not (tmp_path / "run").exists()


def test_long_gradients_are_clipped_and_short_ones_are_not(table, tiny, tmp_path):
    def after_one_step(name: str, clip: float | None) -> dict:
        settings = {"encoder": "orbit-set", "precision": "bf16", "steps": 1, "clip_norm": clip}
        options = make_options(tiny, settings)
        pretrain(table, tmp_path / name, options)
        state = read_checkpoint(tmp_path / name / "checkpoints/step-000001")
        return state["optimizer_states"][0]["state"]

    def norm(moments: dict) -> float:  # the first moment is 0.1 of the gradient
        return 10 * float(sum((m["exp_avg"] ** 2).sum() for m in moments.values())) ** 0.5

    free = norm(after_one_step("free", None))
    assert norm(after_one_step("long", free / 4)) == pytest.approx(free / 4, rel=1e-3)
    assert norm(after_one_step("short", free * 4)) == pytest.approx(free, rel=1e-3)
