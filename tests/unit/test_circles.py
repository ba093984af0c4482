"""No module of the package imports itself by way of others, not even for types alone."""

from __future__ import annotations

import importlib

import pytest


@pytest.fixture
def figures(repo_root, monkeypatch):
    monkeypatch.syspath_prepend(repo_root / "scripts")
    return importlib.import_module("source_figures")


def test_no_modules_of_the_package_import_each_other(figures, repo_root):
    assert len(figures.module_files(repo_root / "src")) > 300
    assert figures.circles(repo_root / "src") == []


CIRCLES = {
    "at the head": "from stratus.b import f",
    "for types": "if TYPE_CHECKING:\n    from stratus.b import f",
    "in a function": "def g():\n    import stratus.b",
    "relative": "from .b import f",
    "as a module": "from stratus import b",
    "by way of a package": "from stratus.rooms import x",
}


@pytest.mark.parametrize("how", CIRCLES)
def test_a_circle_is_found_however_it_is_imported(figures, tmp_path, how):
    folder = tmp_path / "stratus" / "rooms"
    folder.mkdir(parents=True)
    (tmp_path / "stratus" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("import stratus.b")
    (tmp_path / "stratus" / "b.py").write_text("from stratus.a import g")
    (tmp_path / "stratus" / "a.py").write_text("import os")
    assert figures.circles(tmp_path) == []
    (tmp_path / "stratus" / "a.py").write_text(CIRCLES[how])
    [found] = figures.circles(tmp_path)
    assert found[:2] == ["stratus.a", "stratus.b"]


def test_words_are_counted_where_nothing_is_imported(figures, tmp_path):
    folder = tmp_path / "stratus" / "tasks"
    folder.mkdir(parents=True)
    code = "from stratus.scope import (\n    Dialect,\n)\n\ndialect = 1  # Vocabulary\n"
    (folder / "a.py").write_text(code)
    assert figures.words(tmp_path) == {"tasks/a.py": 2}
