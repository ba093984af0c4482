"""Read a folder of crystals from Python; nothing is lost, nothing stops the loop.

Run: ``python examples/read_a_folder.py [FOLDER]``; without a folder, the bundled crystals.
"""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path

import stratus


def main(folder: Path) -> None:
    """Print one line for each crystal of the folder."""
    for item in stratus.read(folder):
        if isinstance(item, stratus.Reject):
            print(f"{item.id}: rejected ({item.code}): {item.detail}")
        else:
            print(f"{item.id}: {stratus.encode(item.structure)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with as_file(files("stratus.crystals") / "examples") as bundled:
            main(bundled)
