"""One writer of a folder at a time, and a lock that no process leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stratus.errors import InputError
from stratus.files.lock import sole_writer


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_at_most_one_holds_a_folder_whoever_comes_and_goes(moves):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "run")
        holders: dict[int, ExitStack] = {}
        for who, comes in moves:
            if not comes:
                holders.pop(who, ExitStack()).close()
                continue
            stack = ExitStack()
            if holders:
                with pytest.raises(InputError, match=r"another run is writing .*run; wait until"):
                    stack.enter_context(sole_writer(folder))
            else:
                stack.enter_context(sole_writer(folder))
                holders[who] = stack
        for stack in holders.values():
            stack.close()
        assert not any(Path(name).iterdir()), "nothing is left"


def test_other_folders_can_be_written_meanwhile(tmp_path):
    with (
        sole_writer(tmp_path / "a"),
        sole_writer(tmp_path / "b"),
        sole_writer(tmp_path / "c" / "a"),
    ):
        assert (tmp_path / "c").is_dir()


def test_a_killed_process_holds_nothing(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom stratus.files.lock import sole_writer\n"
        "with sole_writer(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InputError, match="another run"), sole_writer(tmp_path / "run"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with sole_writer(tmp_path / "run"):
        pass


def test_a_link_at_the_lock_is_not_written_through(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".run.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(InputError, match="run cannot be made"), sole_writer(tmp_path / "run"):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_in_a_place_that_may_not_be_written_is_held_from_inside(tmp_path):
    folder = tmp_path / "place" / "run"
    folder.mkdir(parents=True)
    folder.parent.chmod(0o500)
    try:
        with (
            sole_writer(folder),
            pytest.raises(InputError, match="another run"),
            sole_writer(folder),
        ):
            pass
    finally:
        folder.parent.chmod(0o700)
