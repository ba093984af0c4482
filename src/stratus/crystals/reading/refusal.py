"""Why an input is no crystal, on its way from where it is found out to the reject."""

from __future__ import annotations

from typing import Final

from stratus.crystals.entry import Code, Reject, Stage
from stratus.errors import StratusError

LONGEST: Final = 1000
"""Characters of the longest reason."""


class Refusal(StratusError):  # noqa: N818 - a refusal is no error of the program
    """A part of an input cannot become an entry; turned into a reject before it leaves.

    Args:
        code: why, as a word.
        detail: why, as a sentence; cut off where an input made it endless.
        stage: where it stopped.
    """

    def __init__(self, code: Code, detail: str, stage: Stage = Stage.READING) -> None:
        self.code = code
        self.detail = detail if len(detail) <= LONGEST else f"{detail[: LONGEST - 3]}..."
        self.stage = stage
        super().__init__(self.detail)

    def reject(self, id: str, source: str) -> Reject:  # noqa: A002 - the field's name
        """Return the reject of the input called ``id`` that stands at ``source``."""
        return Reject(id=id, source=source, stage=self.stage, code=self.code, detail=self.detail)
