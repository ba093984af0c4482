"""``python -m stratus`` is the command ``stratus``."""

from __future__ import annotations

from stratus.cli import main

if __name__ == "__main__":
    main()
