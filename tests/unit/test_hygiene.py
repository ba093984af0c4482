"""House rules that a program can check."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = sorted((ROOT / "src").rglob("*.py"))
ALL_PYTHON = sorted(
    path
    for folder in ("src", "tests", "bench", "examples", "docs", ".ci", "scripts")
    for path in (ROOT / folder).rglob("*.py")
)

UNSAFE_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "shelve",
    "marshal",
    "cloudpickle",
    "joblib",
}
UNSAFE_CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "yaml.load", "yaml.unsafe_load",
    "yaml.full_load", "os.system", "os.popen", "pandas.read_pickle", "pd.read_pickle",
}  # fmt: skip
SAFE_WITH = {"torch.load": ("weights_only", True)}
UNSAFE_KEYWORDS = {("allow_pickle", True), ("shell", True)}


def switched_on(call: ast.Call) -> set[tuple[str | None, object]]:
    """Return the keywords of a call whose value is written out as True."""
    return {
        (key.arg, True)
        for key in call.keywords
        if isinstance(key.value, ast.Constant) and key.value.value is True
    }


def unsafe_uses(tree: ast.AST) -> list[str]:
    """List what loads or runs code out of data."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name for name in names if name in UNSAFE_CALLS]
        else:
            modules = []
        found += [m for m in modules if m.split(".")[0] in UNSAFE_MODULES]
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in UNSAFE_CALLS and SAFE_WITH.get(name) not in switched_on(node):
                found.append(name)
            found += [f"{name}({arg}=True)" for arg, _ in switched_on(node) & UNSAFE_KEYWORDS]
    return found


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_there_is_something_to_check():
    assert len(SOURCE) > 5


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from pickle import loads", "eval('1')", "exec('x = 1')", "import joblib",
        "torch.load('f')", "torch.load('f', weights_only=False)", "torch.load('f', weights_only=1)",
        "torch.load('f', weights_only=safe)", "torch.load('f', **options)",
        "from torch import load", "yaml.load(text)",
        "np.load(f, allow_pickle=True)", "run(c, shell=True)",
    ],
)  # fmt: skip
def test_the_check_for_unsafe_code_can_fail(code):
    assert unsafe_uses(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "re.compile('a')", "model.eval()", "np.load(f)", "import json",
        "torch.load('f', map_location='cpu', weights_only=True)",
    ],
)  # fmt: skip
def test_the_check_for_unsafe_code_accepts_harmless_code(code):
    assert not unsafe_uses(ast.parse(code))


def test_no_file_of_the_package_runs_code_out_of_data():
    found = {str(p.relative_to(ROOT)): uses for p in SOURCE if (uses := unsafe_uses(parse(p)))}
    assert not found


def test_no_file_is_longer_than_500_lines():
    long = {
        str(path.relative_to(ROOT)): n
        for path in ALL_PYTHON
        if (n := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert not long


def test_no_module_is_a_bag_of_things():
    bags = {"utils", "util", "common", "helpers", "misc", "base"}
    assert not [str(p) for p in SOURCE if p.stem in bags or p.parent.name in bags]


OF_STRINGS = re.compile("dialect|vocabular", re.IGNORECASE)
ROOMS_OF_ANY_CRYSTAL = ("training", "models", "inference", "tasks")
IMPORT_OF_STRINGS = {"importing.py", "published_tokenizer.py"}


def lines_about_strings(text: str) -> list[str]:
    """List the lines that speak of how SCOPE strings are written, or of their tokens."""
    return [line.strip() for line in text.splitlines() if OF_STRINGS.search(line)]


@pytest.mark.parametrize(
    "line", ["x = Dialect.ORBIT", "    # of its Vocabulary", "len(vocabulary())"]
)
def test_the_check_for_words_of_strings_can_fail(line):
    assert lines_about_strings(f"import this\n{line}\n") == [line.strip()]


def test_rooms_for_crystals_of_any_view_know_nothing_of_dialects_and_vocabularies():
    files = [
        path
        for room in ROOMS_OF_ANY_CRYSTAL
        for path in (ROOT / "src/stratus" / room).rglob("*.py")
        if path.name not in IMPORT_OF_STRINGS
    ]
    assert len(files) > 50
    found = {
        str(path.relative_to(ROOT)): lines
        for path in files
        if (lines := lines_about_strings(path.read_text(encoding="utf-8")))
    }
    assert not found, "what belongs to strings is in stratus.scope and stratus.views.token_view"


def test_only_the_command_line_prints():
    printing = [
        str(path.relative_to(ROOT))
        for path in SOURCE
        if "cli" not in path.parts
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.stdout.write"}
    ]
    assert not printing


def test_tables_and_bars_are_printed_on_our_own_console():
    others = [
        str(path.relative_to(ROOT))
        for path in SOURCE
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom)
        and node.module == "rich.console"
        and "Console" in {alias.name for alias in node.names}
    ]
    assert not others, "stratus.cli.console keeps text from outside from steering the terminal"


def test_the_package_never_asserts():
    asserting = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCE
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assert)
    ]
    assert not asserting


def test_dependencies_have_lower_bounds_and_nothing_else():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    for requirement in [*project["dependencies"], *extras["ase"], *extras["onnx"], *extras["ray"]]:
        assert ">=" in requirement, f"{requirement} has no lower bound"
        assert not any(sign in requirement for sign in ("==", "<", "~=", "!=", "@")), requirement


def test_every_package_data_folder_is_documented_by_a_licence_line():
    cifs = sorted((ROOT / "src/stratus/crystals/examples").glob("*.cif"))
    assert len(cifs) >= 12
    for cif in cifs:
        assert "free for any use (CC0)" in cif.read_text(encoding="utf-8"), cif.name
