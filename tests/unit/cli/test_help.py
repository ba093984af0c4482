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


def flags(path: str) -> dict[str, tuple[object, ...]]:
    """Return what a verb says of each flag, by its long name."""
    command = typer.main.get_command(app)
    for name in path.split():
        command = command.commands[name]  # type: ignore[attr-defined]
    return {
        name: (parameter.help, parameter.metavar)
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("--")
    }


COMMON = ("--target", "--split", "--encoder", "--preset", "--model", "--epochs", "--lr",
          "--batch-size", "--seed", "--config")  # fmt: skip
LEARN = {
    "finetune": COMMON,
    "benchmark table": COMMON,
    "benchmark matbench": COMMON[2:],
    "pretrain": (*COMMON[2:4], *COMMON[5:]),
}


def test_verbs_that_learn_share_their_flags_and_the_rest_is_set_by_name():
    ours = flags("finetune")
    for path, names in LEARN.items():
        said = flags(path)
        for name in (*names, "--set"):
            assert said[name] == ours[name], (path, name)
        rare = {"--members", "--hide", "--mask-ratio", "--precision", "--kind", "--per"}
        assert not rare & said.keys()


@pytest.mark.parametrize(
    "path",
    ["finetune", "benchmark table", "benchmark discovery", "corpora split",
     "corpora decontaminate", "plot"],
)  # fmt: skip
def test_columns_of_tables_have_one_name_everywhere(path):
    ours, said = flags("finetune"), flags(path)
    for name in ("--id", "--structure", "--formula", "--space-group"):
        assert said[name] == ours[name]
