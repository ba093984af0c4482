"""``python -m stratus.cli`` is ``stratus``."""

from stratus.cli import main

if __name__ == "__main__":
    main()
