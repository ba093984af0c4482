"""Every ``--help`` is whole on a terminal of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from stratus.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator


def verbs(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, below in getattr(command, "commands", {}).items():
        yield from verbs(below, (*path, name))


@pytest.mark.parametrize("path", list(verbs(typer.main.get_command(app))), ids=" ".join)
def test_no_summary_is_cut_and_no_line_is_wider_than_the_terminal(path):
    done = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Usage: ")
    assert max(map(len, lines)) <= 80
    summaries = lines[lines.index("Commands:") :] if "Commands:" in lines else []
    assert not [line for line in summaries if line.endswith("...")]
