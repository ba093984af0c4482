"""Print one ``name==version`` line for each lower bound that pyproject.toml declares.

Given to pip as constraints, these lines install the lowest versions the project says it works
with. A dependency without a lower bound is an error, since nothing could then be proven about it.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("ase", "fetch", "lmdb", "optimade", "ray")
REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*])?>=(?P<version>[0-9][0-9.]*)$")


def lower_bounds(project: dict) -> list[str]:
    """Return ``name==version`` for the core dependencies and the users' extras."""
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    lines = []
    for requirement in wanted:
        match = REQUIREMENT.match(requirement)
        if match is None:
            sys.exit(f"pyproject.toml: {requirement!r} must be name>=version and nothing more")
        lines.append(f"{match['name']}=={match['version']}")
    return lines


if __name__ == "__main__":
    pyproject = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print("\n".join(lower_bounds(pyproject["project"])))
