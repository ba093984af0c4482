"""One exception tree: every message says what was wrong, where, and what to do."""

from __future__ import annotations


class StratusError(Exception):
    """Root of every error that stratus raises on purpose."""


class InputError(StratusError, ValueError):
    """What the caller gave cannot be used: a file, an argument, an option."""


class SymmetryError(StratusError):
    """The symmetry search found no space group for a crystal."""


class ScopeSyntaxError(InputError):
    """A text is not a SCOPE string.

    Args:
        detail: what was expected and what stood there.
        text: the whole string.
        position: index of the offending token, counted from 0.
    """

    def __init__(self, detail: str, text: str, position: int) -> None:
        self.detail = detail
        self.text = text
        self.position = position
        super().__init__(f"{detail}, at token {position} of {text!r}")


class ResumeError(InputError):
    """A run that was interrupted cannot be taken up again with what is there now."""


class StrictError(StratusError):
    """A strict run met its first reject."""


class MissingExtraError(StratusError, ImportError):
    """An optional dependency is not installed.

    Args:
        package: the module that could not be imported.
        extra: the extra of ``stratus-crystals`` that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; install it with: pip install 'stratus-crystals[{extra}]'"
        )
