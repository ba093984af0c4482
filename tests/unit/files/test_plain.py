"""Only plain files are opened, and no more of them is read than a bound: nothing hangs."""

from __future__ import annotations

import gzip
import os
import socket
import threading

import pytest

from stratus.errors import InputError
from stratus.files.plain import read_plain, read_plain_text, require_plain, unzipped


@pytest.fixture
def strange(tmp_path):
    """What may stand where a file is expected, by what it is called in a message."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "linked pipe").symlink_to("pipe")
    bound = socket.socket(socket.AF_UNIX)
    here = os.open(tmp_path, os.O_RDONLY)  # the path of a socket has to be short
    bound.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    yield {
        "a folder": tmp_path / "folder",
        "a pipe": tmp_path / "pipe",
        "a device": tmp_path / "device",
        "a pipe ": tmp_path / "linked pipe",
        "a socket": tmp_path / "socket",
        "cannot be read": tmp_path / "nothing",
        "cannot be read:": tmp_path / "zero\0byte",
    }
    bound.close()


def within(seconds: float, function) -> BaseException | None:
    """Return what a function raises; fails if it does not end in time."""
    raised: list[BaseException | None] = [None]

    def run() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            raised[0] = error

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it hangs"
    return raised[0]


def test_what_is_no_plain_file_is_refused_at_once(strange):
    for said, path in strange.items():
        for read in (
            lambda path=path: require_plain(path),
            lambda path=path: read_plain(path, 10),
            lambda path=path: read_plain_text(path, 10),
        ):
            error = within(5, read)
            assert isinstance(error, InputError), path
            assert said.strip() in str(error)
            assert "\n" not in str(error)


def test_a_file_is_read_up_to_the_bound(tmp_path):
    (tmp_path / "file").write_bytes(b"a\r\nb")
    (tmp_path / "link").symlink_to("file")
    assert require_plain(tmp_path / "file") == 4
    assert read_plain(tmp_path / "link", 4) == b"a\r\nb"
    assert read_plain_text(tmp_path / "file", 4) == "a\nb"
    with pytest.raises(InputError, match="larger than 3 bytes"):
        read_plain(tmp_path / "file", 3)
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_plain_text(tmp_path / "file", 3)


def test_a_file_that_holds_more_than_its_size_says_is_not_read_to_its_end():
    from pathlib import Path

    endless = Path("/proc/self/maps")  # says that it has no bytes
    if not endless.exists():
        pytest.skip("this system has no /proc")
    with pytest.raises(InputError, match="larger than 100 bytes"):
        read_plain(endless, 100)


def test_what_is_gzipped_is_read_up_to_the_bound():
    assert unzipped(gzip.compress(b"x" * 100), 100) == b"x" * 100
    with pytest.raises(InputError, match="larger than 99 bytes"):
        unzipped(gzip.compress(b"x" * 100), 99)
    for damaged in (b"text", gzip.compress(b"x" * 100)[:-9], b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff"):
        with pytest.raises(OSError):
            unzipped(damaged, 100)
