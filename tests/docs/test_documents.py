"""The README and the tutorials do what they say: every block is run, what is shown is compared.

- ```` ```console ````: each line after ``$ `` is run by bash in one folder per document; the lines
  below it are what it prints. ``...`` alone on a line stands for any lines. A command that shows
  nothing is only required to succeed; ``# exit 1`` at the end of a command expects that code.
- ```` ```python ````: run in one namespace per document; with ``>>>`` it is compared like a
  doctest.
- A block after ``<!-- saved as: NAME -->`` is written to a file of that name, which later blocks
  can import.
- A block after ``<!-- not run: REASON -->`` is left alone.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stratus.encoders.table import ARCHITECTURES
from stratus.views.table import VIEWS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "README.md",
    *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/tutorials/*.md")),
]
DOCUMENTS += sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/how-to/*.md"))

BLOCK = re.compile(
    r"(?P<skip><!-- not run: [^\n]+ -->\n+)?(?:<!-- saved as: (?P<file>\w+\.\w+) -->\n+)?"
    r"^```(?P<kind>[a-z]*)[^\n]*\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\s+# exit (?P<code>\d+)$")


def blocks(text: str) -> list[tuple[str, str]]:
    """Return (kind, body) of each block that is to be run; the kind of one to save is its name."""
    return [(m["file"] or m["kind"], m["body"]) for m in BLOCK.finditer(text) if not m["skip"]]


def commands(body: str) -> list[tuple[str, list[str]]]:
    """Split a console block into (command, the lines it prints)."""
    found: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\"):
            found[-1] = (found[-1][0] + "\n" + line, [])
        else:
            found[-1][1].append(line)
    return found


def differs(shown: list[str], printed: list[str]) -> str | None:
    """Return the first shown line that is not where it should be, or None."""
    at, free = 0, False
    for line in (s.rstrip() for s in shown):
        if line.strip() == "...":
            free = True
            continue
        rest = [p.rstrip() for p in printed[at:]]
        if line not in rest or (not free and rest[0] != line):
            return line
        at, free = at + rest.index(line) + 1, False
    if shown and not free and at < len(printed):
        return f"(nothing more, but it printed {printed[at]!r})"
    return None


def run(command: str, shown: list[str], folder: Path) -> None:
    expected = EXIT.search(command)
    code = int(expected["code"]) if expected else 0
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "COLUMNS": "160", "TERM": "dumb", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == code, f"$ {command}\nended with {done.returncode}:\n{printed}"
    missing = differs(shown, printed.splitlines())
    assert missing is None, f"$ {command}\ndoes not print: {missing}\nbut:\n{printed}"


def run_python(body: str, namespace: dict, document: str) -> None:
    if ">>>" not in body:
        exec(compile(body, document, "exec"), namespace)  # noqa: S102 - our own document
        return
    test = doctest.DocTestParser().get_doctest(body, namespace, document, document, 0)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    said: list[str] = []
    doctest.DocTestRunner(optionflags=flags).run(test, out=said.append, clear_globs=False)
    namespace.update(test.globs)
    assert not said, "".join(said)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document_does_what_it_says(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for table in (ARCHITECTURES, VIEWS):  # what a document registers is of that document
        monkeypatch.setattr(table, "_found", dict(table._found))
    found = blocks((ROOT / document).read_text(encoding="utf-8"))
    assert any(kind in {"console", "python"} for kind, _ in found), "nothing in it is run"
    namespace: dict = {"__name__": "__document__"}
    for kind, body in found:
        assert kind not in {"bash", "sh", "shell"}, "write ```console and `$ `, so that it is run"
        if kind == "console":
            for command, shown in commands(body):
                run(command, shown, tmp_path)
        elif kind == "python":
            run_python(body, namespace, document)
        elif "." in kind:
            (tmp_path / kind).write_text(body, encoding="utf-8")
            monkeypatch.delitem(sys.modules, Path(kind).stem, raising=False)


def test_an_encoder_from_outside_is_one_file_of_forty_lines_and_no_change_to_the_package():
    found = blocks((ROOT / "docs/how-to/add-an-encoder.md").read_text(encoding="utf-8"))
    files = {kind: body for kind, body in found if "." in kind}
    assert list(files) == ["radial_net.py"]
    lines = [line for line in files["radial_net.py"].splitlines() if line.strip()]
    assert len(lines) <= 40
    source = [path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py")]
    assert not [text for text in source if "radial_net" in text or "radial-net" in text]
    assert {kind for kind, _ in found} == {"radial_net.py", "python"}, "no command touches a file"


def test_every_make_target_the_readme_names_exists():
    targets = set(
        re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = set(re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert {"demo", "test"} <= named <= targets


def test_links_between_documents_lead_somewhere():
    broken = []
    for path in [
        *ROOT.glob("*.md"),
        *(p for p in ROOT.glob("docs/**/*.md") if "_build" not in p.parts),
    ]:
        prose = CODE.sub("", path.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
            elsewhere = "://" in target or target.startswith("mailto:")
            if not elsewhere and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)} -> {target}")
    assert not broken


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        (["b"], ["a", "b"], False),
        (["a", "..."], ["a", "b"], True),
        (["...", "b"], ["a", "b"], True),
        (["a", "...", "c"], ["a", "b"], False),
        ([], ["a"], True),
    ],
)
def test_the_comparison_can_fail(shown, printed, same):
    assert (differs(shown, printed) is None) is same


def test_a_failing_command_fails_the_document(tmp_path):
    with pytest.raises(AssertionError, match="ended with 3"):
        run("exit 3", [], tmp_path)
    run("exit 3  # exit 3", [], tmp_path)
