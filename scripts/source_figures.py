"""Figures of the source of checkouts: lines, longest file, circles of imports, words.

    python scripts/source_figures.py [CHECKOUT ...]

Lines are those of ``src/stratus/**/*.py``, blank ones and comments included. A circle is a group of
modules each of which imports all others, directly or by way of them; imports in functions and those
for types alone count. The words are those that only one of the three strata has, counted in the
rooms that are to know none of them; lines that import are passed over.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from importlib.util import resolve_name
from pathlib import Path

PACKAGE = "stratus"
ROOMS = ("training", "models", "inference", "tasks")
WORDS = re.compile(r"dialect|vocabulary", re.IGNORECASE)


def module_files(source: Path) -> dict[str, Path]:
    """Return the files of all modules, by dotted name; a package is its ``__init__``.

    Args:
        source: the folder ``src``.
    """
    found = {}
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, modules: set[str]) -> set[str]:
    """Return the modules that one imports: at its head, in functions and under ``TYPE_CHECKING``.

    ``from stratus.a import b`` is the module ``stratus.a.b`` where that is one, else ``stratus.a``.

    Args:
        name: the module.
        path: its file.
        modules: all modules of the package; others are left out.
    """
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            inner = {f"{base}.{alias.name}" for alias in node.names}
            found |= inner & modules | ({base} if inner - modules else set())
    return found & modules - {name}


def circles(source: Path) -> list[list[str]]:
    """Return the groups of modules that import each other, each sorted.

    Args:
        source: the folder ``src``.
    """
    files = module_files(source)
    graph = {name: imported(name, path, set(files)) for name, path in files.items()}
    reached = {name: _reached(name, graph) for name in graph}
    groups = {
        tuple(sorted(other for other in reached[name] if name in reached[other]))
        for name in graph
        if name in reached[name]
    }
    return [list(group) for group in sorted(groups)]


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    """Return the modules that one imports, directly or by way of others."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def words(source: Path) -> Counter[str]:
    """Return how often the words stand in each file of the rooms, lines that import left out.

    Args:
        source: the folder ``src``.
    """
    counts: Counter[str] = Counter()
    for room in ROOMS:
        for path in sorted((source / PACKAGE / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            imports = {
                line
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Import | ast.ImportFrom)
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
            }
            lines = [one for n, one in enumerate(text.splitlines(), start=1) if n not in imports]
            found = len(WORDS.findall("\n".join(lines)))
            if found:
                counts[str(path.relative_to(source / PACKAGE))] = found
    return counts


def main(checkouts: list[Path]) -> None:
    """Print the figures of each checkout."""
    for checkout in checkouts:
        source = checkout / "src"
        lines = {
            path: len(path.read_text(encoding="utf-8").splitlines())
            for path in module_files(source).values()
        }
        longest = max(lines, key=lambda path: lines[path])
        print(f"{checkout}: {sum(lines.values()):,} lines in {len(lines)} files")
        print(f"  longest: {longest.relative_to(source)}, {lines[longest]} lines")
        found = circles(source)
        print(f"  circles: {len(found)}")
        for group in found:
            print(f"    {', '.join(group)}")
        counts = words(source)
        print(
            f"  dialect, vocabulary in {', '.join(ROOMS)}: {counts.total()} in {len(counts)} files"
        )
        for name, count in counts.most_common():
            print(f"    {count:4} {name}")


if __name__ == "__main__":
    main([Path(one) for one in sys.argv[1:]] or [Path(__file__).resolve().parents[1]])
