"""The command line: ``stratus VERB ...``; each verb is one thin file."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave with its exit code: 0 done, 1 failed, 2 wrong usage."""
    from stratus.cli.streams import own_streams

    own_streams()
    from stratus.cli.app import app

    app()
