r"""Standard streams that are always open, and through which no text steers a terminal.

Ids, file names, cards and reasons come from files that others wrote. A terminal obeys escape
sequences in them: it changes its title, clears the screen, hides a line. They are shown as
``\x1b``; what is written to files stays as it was.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEERING: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and newline
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # ends of lines, turns of the direction
    "\ud800-\udfff]"  # halves of pairs, which no terminal can show
)


def printable(text: str) -> str:
    r"""Return a text as a terminal may show it: with ``\x1b`` for what would steer it."""
    return text if text.isprintable() else _STEERING.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def own_streams() -> None:
    """Open the standard streams that are closed, and make all that is printed printable.

    A stream that was closed (cron, daemons) becomes one that nobody reads. Without it the next
    file that is opened, such as a table, would take its number and be printed into.
    """
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # where the locale knows few letters
    sys.stdout = Printable(sys.stdout)
    sys.stderr = Printable(sys.stderr)


class Printable:
    """A stream that makes each text printable.

    Consoles of rich, which write colours, go past it: see :mod:`stratus.cli.console`.

    Args:
        stream: where the text goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream  # the name under which rich looks for what is behind

    def write(self, text: str) -> int:
        """Write a text; return its length, as streams do."""
        self.rich_proxied_file.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after another."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


def _open_closed() -> None:
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        free = os.open(os.devnull, os.O_RDWR)
        if free != number:
            os.dup2(free, number)
            os.close(free)
        os.set_inheritable(number, True)
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
