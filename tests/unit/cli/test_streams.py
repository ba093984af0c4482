"""Nothing from outside steers the terminal, and a closed standard stream stops no work."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.markup import escape
from rich.table import Table

from stratus.cli.console import Console, say
from stratus.cli.streams import Printable, printable

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PIECES = [
    "\x1b]0;pwned\x07", "\x1b[2J", "\x1b[1;1H", "\x1b[31m", "\x9b2J", "\x9d0;x\x9c", "\r", "\b",
    "\x1bc", "\x1b]8;;http://x\x1b\\", "\u202e", "\udcff", "\ud800", "[red]", "[/bold]", "[link=x]",
    ":cat:", "\\", "Å", "NaCl", "\n", "\t",
]  # fmt: skip
hostile = st.lists(
    st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=())), max_size=6
).map("".join)


@settings(max_examples=400)
@given(hostile)
def test_no_text_steers_what_it_is_printed_on(text):
    shown = printable(text)
    assert not STEERING.search(shown)
    assert STEERING.search(text) or shown == text
    stream = io.StringIO()
    print(text, file=Printable(stream))
    assert stream.getvalue() == f"{shown}\n"


@settings(max_examples=300, deadline=None)
@given(hostile, st.booleans())
def test_no_text_steers_the_terminal_out_of_a_table(text, in_table):
    stream = io.StringIO()
    console = Console(file=Printable(stream), force_terminal=True, width=200, highlight=False)
    if in_table:
        table = Table("id")
        table.add_row(escape(text), style="red")
        console.print(table)
    else:
        console.print(f"[bold]{escape(text)}[/bold]")
    said = stream.getvalue()
    assert not STEERING.search(COLOURS.sub("", said))
    asked = set(COLOURS.findall(said))
    assert asked <= {"\x1b[1m", "\x1b[0m", "\x1b[31m", "\x1b[1;31m"}, "only what we ask for"
    assert in_table or text.count("[31m") == 0 or "\x1b[31m" not in asked


def test_what_hides_is_shown_as_text():
    assert printable("a\x1b]0;b\x07c\r\x9b\u202e\ud800") == r"a\x1b]0;b\x07c\x0d\x9b\u202e\ud800"
    assert printable("Å ² −\tx\n") == "Å ² −\tx\n"


def run(code: str, *closed: int) -> subprocess.CompletedProcess[bytes]:
    begin = f"import os\nfor n in {closed}: os.close(n)\nos.execv({sys.executable!r}, "
    inner = [sys.executable, "-c", code]
    return subprocess.run(
        [sys.executable, "-c", f"{begin}{inner!r})"], check=False, capture_output=True, timeout=60
    )


@pytest.mark.parametrize("closed", [(1,), (0, 1), (1, 2), (0, 1, 2), (2,), (0,), ()])
def test_closed_streams_stop_no_work_and_nothing_is_printed_into_a_file(tmp_path, closed):
    out = tmp_path / "table"
    code = (
        "import os, subprocess, sys\nfrom stratus.cli.streams import own_streams\nown_streams()\n"
        f"with open({str(out)!r}, 'w') as to:\n"
        "    to.write('whole'); to.flush()\n"
        "    print('said'); print('said', file=sys.stderr); sys.stdout.flush()\n"
        "    child = 'import os; os.write(1, b\"said\")'\n"
        "    subprocess.run([sys.executable, '-c', child], check=True)\n"
        "    assert sys.stdin.read() == ''\n"
        "    sys.exit(7)\n"
    )
    done = run(code, *closed)
    assert done.returncode == 7, done.stderr
    assert out.read_text() == "whole"


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_a_command_without_standard_output_ends_well(tmp_path, closed):
    code = (
        f"import sys\nsys.argv = ['stratus', 'examples', {str(tmp_path / 'ex')!r}]\n"
        "from stratus.cli import main\nmain()\n"
    )
    done = run(code, *closed)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "ex").iterdir())) > 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_few_letters_is_no_error(encoding):
    code = (
        "from stratus.cli.streams import own_streams\nown_streams()\nprint('1 Å − \\udcff')\n"
        "import sys; sys.stdout.flush()\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code],
        check=False, capture_output=True, timeout=60,
        env={**os.environ, "PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"\\udcff" in done.stdout


def test_a_name_in_a_usage_error_steers_nothing():
    code = (
        "import sys\nsys.argv = ['stratus', 'show', '--\\x1b]0;pwned\\x07', 'x\\x1b[2J.cif']\n"
        "from stratus.cli import main\nmain()\n"
    )
    done = run(code)
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr
    assert b"pwned" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_one_sentence():
    code = (
        "import typer\nfrom stratus.cli.failures import reported\n"
        "from stratus.cli.streams import own_streams\nown_streams()\napp = typer.Typer()\n"
        "@app.command()\ndef verb():\n    with reported():\n        print('much')\napp([])\n"
    )
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    said = done.stderr.decode()
    assert said.startswith("Error: a file, or what standard output goes to: No space left")
    assert said.count("\n") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_line_is_broken_between_words_on_a_terminal_and_nowhere_else(
    terminal, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    numbers = [f"{k * 1.2345:.4f}," for k in range(30)]
    say("loss    " + " ".join(numbers))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40 if terminal else len(lines) == 1
    assert " ".join(lines).split()[1:] == numbers
    assert lines[0].startswith("loss    ")
