"""A sealed folder appears whole or not at all, and says when a byte of it has changed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import pytest

from stratus.files import sealed
from stratus.files.sealed import MANIFEST, SealError, is_sealed, sealing, verify

FILES = {"a.txt": b"alpha", "empty": b"", "sub/b.bin": bytes(range(256)), "sub/deep/c": b"c"}


def fill(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


@pytest.fixture
def folder(tmp_path) -> Path:
    target = tmp_path / "there" / "sealed"
    with sealing(target) as draft:
        fill(draft)
    return target


def test_what_was_written_is_there_with_its_digests(folder):
    assert is_sealed(folder)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    assert verify(folder) == digests
    assert [path.name for path in folder.parent.iterdir()] == ["sealed"]


def test_the_manifest_can_be_read_by_other_programs(folder):
    table = json.loads((folder / MANIFEST).read_text())
    assert table["format"] == sealed.FORMAT
    assert table["files"]["a.txt"] == {
        "bytes": 5,
        "sha256": hashlib.sha256(b"alpha").hexdigest(),
    }


def test_nothing_is_seen_at_the_target_before_the_end(tmp_path):
    target = tmp_path / "sealed"
    with sealing(target) as draft:
        fill(draft)
        assert not target.exists()
        assert not is_sealed(draft)
        assert draft.parent == target.parent, "a rename must stay on one disk"
    assert target.exists()


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt(), ValueError("x")]
)
@pytest.mark.parametrize("replace", [False, True])
def test_a_failure_leaves_nothing_behind_and_harms_nothing(tmp_path, error, replace):
    target = tmp_path / "sealed"
    if replace:
        with sealing(target) as draft:
            fill(draft)

    def fail():
        with sealing(target, replace=replace) as draft:
            (draft / "half").write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == (["sealed"] if replace else [])
    assert not replace or verify(target).keys() == FILES.keys()


def test_a_failure_of_the_last_rename_leaves_the_old_folder(tmp_path, monkeypatch):
    target = tmp_path / "sealed"
    with sealing(target) as draft:
        fill(draft)

    def full(_folder):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(sealed, "_write_manifest", full)
    with pytest.raises(OSError, match="no space"), sealing(target, replace=True) as draft:
        (draft / "new").write_text("new")
    assert verify(target).keys() == FILES.keys()
    assert [path.name for path in tmp_path.iterdir()] == ["sealed"]


def test_a_folder_that_is_there_is_kept_unless_it_may_be_replaced(folder):
    with pytest.raises(SealError, match="is there already"), sealing(folder):
        pass
    assert verify(folder).keys() == FILES.keys()
    with sealing(folder, replace=True) as draft:
        (draft / "new").write_text("new")
    assert verify(folder).keys() == {"new"}
    assert [path.name for path in folder.parent.iterdir()] == ["sealed"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_is_never_replaced_by_a_folder(tmp_path, replace):
    (tmp_path / "notes").write_text("mine")
    with (
        pytest.raises(SealError, match="is no folder"),
        sealing(tmp_path / "notes", replace=replace),
    ):
        pass
    assert (tmp_path / "notes").read_text() == "mine"


def test_the_draft_of_a_killed_run_is_no_obstacle(tmp_path):
    left = tmp_path / f".sealed.part-{os.getpid()}"
    left.mkdir()
    (left / "half").write_text("half")
    with sealing(tmp_path / "sealed") as draft:
        fill(draft)
    assert (left / "half").read_text() == "half", "it may be of a run that goes on elsewhere"
    assert verify(tmp_path / "sealed").keys() == FILES.keys()


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_or_missing_file_is_named(folder, name):
    path = folder / name
    path.write_bytes(FILES[name] + b"!")
    with pytest.raises(SealError, match=f"{path} has changed"):
        verify(folder)
    if FILES[name]:
        path.write_bytes(FILES[name][:-1] + b"!")  # same size
        with pytest.raises(SealError, match=f"{path} has changed"):
            verify(folder)
    path.unlink()
    with pytest.raises(SealError, match=f"{path} is missing"):
        verify(folder)


@pytest.mark.parametrize("name", ["new", ".hidden", "sub/new", "sub/MANIFEST.json"])
def test_an_added_file_is_named(folder, name):
    (folder / name).write_text("x")
    with pytest.raises(SealError, match=f"{folder / name} is not in MANIFEST.json"):
        verify(folder)


def test_a_link_to_a_folder_is_an_added_file(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SealError, match=r"link is not in MANIFEST\.json"):
        verify(folder)


def test_a_link_to_nowhere_in_place_of_a_file_is_refused(folder):
    (folder / "a.txt").unlink()
    (folder / "a.txt").symlink_to("nowhere")
    with pytest.raises(SealError, match=r"a\.txt"):
        verify(folder)


def test_a_folder_in_place_of_a_file_is_refused(folder):
    (folder / "a.txt").unlink()
    (folder / "a.txt").mkdir()
    with pytest.raises(SealError, match=r"a\.txt is missing"):
        verify(folder)


def test_without_a_manifest_a_folder_does_not_count(folder):
    (folder / MANIFEST).unlink()
    assert not is_sealed(folder)
    with pytest.raises(SealError, match=r"has no MANIFEST\.json"):
        verify(folder)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "5", "null", "\x00", "[" * 100_000, '{"format": 1}', '{"files": {}}',
        '{"format": 1, "files": 5}', '{"format": 1, "files": {"a.txt": {}}}',
        '{"format": 1, "files": {"a.txt": {"bytes": "x", "sha256": "y"}}}',
        '{"format": 1, "files": {"a.txt": {"bytes": 1e999, "sha256": "y"}}}',
        '{"format": 2, "files": {}}',
        '{"format": 1, "files": {"../a": {"bytes": 1, "sha256": "y"}}}',
        '{"format": 1, "files": {"/a": {"bytes": 1, "sha256": "y"}}}',
    ],
)  # fmt: skip
def test_a_damaged_manifest_is_refused_with_its_name(folder, text):
    (folder / MANIFEST).write_text(text)
    with pytest.raises(SealError, match=r"MANIFEST\.json"):
        verify(folder)


def test_a_manifest_that_is_no_text_is_refused(folder):
    (folder / MANIFEST).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SealError, match=r"MANIFEST\.json"):
        verify(folder)
