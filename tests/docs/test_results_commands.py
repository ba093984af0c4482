"""Each command on the results pages can be given: scripts, subcommands and flags exist."""

from __future__ import annotations

import re
import shlex

import click
import pytest
import typer

from stratus.cli.app import app

FLAG = re.compile(r"^--?[a-z][a-z0-9-]*")


def commands(repo_root):
    """Yield page and words of each command in a block that is set in by four blanks."""
    for page in sorted((repo_root / "docs/results").glob("*.md")):
        text = re.sub(r"\\\n\s+", " ", page.read_text("utf-8"))
        for line in text.splitlines():
            if line.startswith("    "):
                words = shlex.split(line.replace("[", " ").replace("]", " "), comments=True)
                while words and "=" in words[0]:
                    words = words[1:]
                if words and words[0] in {"python", "stratus"}:
                    yield page.name, words


@pytest.fixture(scope="module")
def given(repo_root):
    found = list(commands(repo_root))
    assert len(found) > 60  # they are found at all
    return found


def test_scripts_are_there_and_know_their_flags(given, repo_root):
    seen = 0
    for page, words in given:
        if words[0] != "python" or words[1] == "-m":
            continue
        seen += 1
        script = repo_root / words[1]
        assert script.is_file(), f"{page}: {words[1]}"
        source = script.read_text("utf-8")
        for word in words[2:]:
            if flag := FLAG.match(word):
                assert f'"{flag.group()}"' in source, f"{page}: {' '.join(words)}"
    assert seen > 20


def test_subcommands_and_flags_of_stratus_exist(given):
    root = typer.main.get_command(app)
    seen = 0
    for page, words in given:
        if words[0] != "stratus":
            continue
        seen += 1
        command, rest = root, words[1:]
        while isinstance(command, click.Group) or hasattr(command, "commands"):
            assert rest[0] in command.commands, f"{page}: {' '.join(words)}"
            command, rest = command.commands[rest[0]], rest[1:]
        known = {
            name for option in command.params for name in (*option.opts, *option.secondary_opts)
        }
        for word in rest:
            if FLAG.match(word) and len(word) > 1:
                assert word.split("=")[0] in known, f"{page}: {word} in {' '.join(words)}"
    assert seen > 30
