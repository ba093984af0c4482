"""What starting up may load: nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = [
    "ase",
    "gemmi",
    "moyopy",
    "numpy",
    "pyarrow",
    "pymatgen",
    "ray",
    "scipy",
    "spglib",
    "torch",
]


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules a fresh interpreter holds after running the code."""
    probe = (
        f"{code}\nimport sys\nprint('\\n'.join(sorted({{m.split('.')[0] for m in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_heavy():
    loaded = loaded_after("import stratus")
    assert "stratus" in loaded
    assert loaded.isdisjoint([*HEAVY, "pydantic", "typer", "rich"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["encode", "--help"],
        ["show", "--help"],
        ["predict", "--help"],
        ["thermo", "--help"],
        ["benchmark", "--help"],
        ["report", "--help"],
        ["fetch", "--help"],
        ["corpora", "--help"],
        ["scaling", "--help"],
        ["scaling", "fit", "--help"],
        ["attention", "--help"],
        ["examples", "--help"],
        ["finetune", "--help"],
        ["plot", "--help"],
        ["import", "--help"],
        ["model", "list", "--help"],
        ["model", "info", "--help"],
    ],
    ids=" ".join,
)
def test_asking_for_help_loads_nothing_heavy(arguments):
    code = (
        "import sys, contextlib, io\n"
        f"sys.argv = ['stratus', *{arguments!r}]\n"
        "from stratus.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "assert said.getvalue().strip(), 'the command said nothing'\n"
    )
    assert loaded_after(code).isdisjoint(HEAVY)


def test_the_front_door_holds_what_it_lists():
    import stratus

    for name in stratus.__all__:
        assert getattr(stratus, name) is not None
        assert name in dir(stratus)


def test_version_is_the_installed_one():
    from importlib.metadata import version

    import stratus

    assert stratus.__version__ == version("stratus-crystals")


def test_a_wrong_name_is_an_attribute_error():
    import stratus

    with pytest.raises(AttributeError, match="no attribute 'encoed'"):
        stratus.encoed  # noqa: B018
