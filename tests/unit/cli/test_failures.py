"""An error is one sentence and an exit code."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import typer

from stratus.cli import failures
from stratus.errors import InputError, MissingExtraError, StrictError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("wrong"), 2),
        (MissingExtraError("ray", "ray"), 2),
        (StrictError("strict"), 1),
        (ZeroDivisionError("a\nb"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as stopped, failures.reported():
        raise error
    assert stopped.value.exit_code == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("Error: ")
    assert said.err.count("\n") == 1


def test_with_debug_the_error_itself_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_tracebacks", True)
    for error in (InputError("wrong"), ZeroDivisionError()):
        with pytest.raises(type(error)), failures.reported():
            raise error


def test_signals_mean_again_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with failures.reported():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_exit_asked_for_is_left_alone() -> None:
    with pytest.raises(typer.Exit) as stopped, failures.reported():
        raise typer.Exit(7)
    assert stopped.value.exit_code == 7


@pytest.mark.parametrize("raised", [False, True])
def test_where_nobody_reads_it_ends_in_silence(raised: bool) -> None:
    code = (
        "import os, sys\nfrom stratus.cli.failures import reported\n"
        "sys.stdin.read()\n"  # until the reader has gone
        "import typer\napp = typer.Typer()\n@app.command()\ndef verb():\n"
        "    with reported():\n        print('much')\n"
    )
    code += "        os.write(1, b'more')\n" if raised else ""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}app([])"], stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        said = process.communicate(b"")[1]
    assert said == b""
    assert process.returncode == 128 + signal.SIGPIPE


def test_the_broken_pipe_of_a_worker_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as stopped, failures.reported():
        raise BrokenPipeError("a worker has ended")
    assert stopped.value.exit_code == 1
    assert "unexpected BrokenPipeError: a worker has ended" in capfd.readouterr().err
