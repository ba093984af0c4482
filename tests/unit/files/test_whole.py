"""A file is there whole or not at all, and nothing else of the user's is touched."""

from __future__ import annotations

import os
import stat

import pytest

from stratus.errors import InputError
from stratus.files.whole import whole_file, write_whole


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_there_when_the_block_ended(tmp_path):
    out = tmp_path / "out.csv"
    with whole_file(out) as draft:
        draft.write_text("all of it")
        assert not out.exists()
        assert draft.parent == out.parent, "a rename must stay on one disk"
    assert out.read_text() == "all of it"
    assert names(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt(), ValueError()])
def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path, error):
    out = tmp_path / "out.csv"
    out.write_text("old")

    def fail():
        with whole_file(out) as draft:
            draft.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert out.read_text() == "old"
    assert names(tmp_path) == ["out.csv"]


def test_a_file_of_the_user_beside_it_is_kept(tmp_path):
    (tmp_path / "out.csv.tmp").write_text("mine")
    (tmp_path / ".out.csv.part").write_text("mine too")
    write_whole(tmp_path / "out.csv", "new")
    assert (tmp_path / "out.csv.tmp").read_text() == "mine"
    assert (tmp_path / ".out.csv.part").read_text() == "mine too"


def test_a_draft_is_never_a_file_or_link_that_is_there(tmp_path, monkeypatch):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".out.00000000.tmp").symlink_to(tmp_path / "victim")
    (tmp_path / ".out.11111111.tmp").symlink_to(tmp_path / "nowhere")
    (tmp_path / ".out.22222222.tmp").write_text("mine")
    drawn = iter(["00000000", "11111111", "22222222", "33333333"])
    monkeypatch.setattr("secrets.token_hex", lambda _bytes: next(drawn))
    with whole_file(tmp_path / "out") as draft:
        assert draft.name == ".out.33333333.tmp"
        draft.write_text("new")
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "nowhere").exists()
    assert (tmp_path / ".out.22222222.tmp").read_text() == "mine"


def test_a_link_at_the_name_is_replaced_and_what_it_led_to_stays(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "out").symlink_to(tmp_path / "victim")
    write_whole(tmp_path / "out", "new")
    assert not (tmp_path / "out").is_symlink()
    assert (tmp_path / "out").read_text() == "new"
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.skipif(os.name != "posix", reason="needs fifos")
def test_a_device_or_fifo_is_refused_and_stays(tmp_path):
    fifo = tmp_path / "out"
    os.mkfifo(fifo)
    with pytest.raises(InputError, match="is no ordinary file"):
        write_whole(fifo, "new")
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "\udcff" * 255, "a" * 199 + "é"])
def test_a_name_as_long_as_the_disk_takes_can_be_written(tmp_path, name):
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("the file system does not take such a name")
    write_whole(tmp_path / name, "new")
    assert (tmp_path / name).read_text() == "new"
    assert len(names(tmp_path)) == 1


def test_an_error_names_the_file_the_user_knows(tmp_path):
    out = tmp_path / "out"
    with pytest.raises(OSError, match="out'") as caught, whole_file(out) as draft:
        raise OSError(28, "No space left", str(draft))
    assert caught.value.filename == str(out)
    with pytest.raises(OSError, match="out'") as caught:
        write_whole(tmp_path / "nowhere" / "out", "")
    assert caught.value.filename == str(tmp_path / "nowhere" / "out")


def test_it_may_be_read_by_whom_the_user_lets(tmp_path):
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "out", "new")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "plain").stat().st_mode
