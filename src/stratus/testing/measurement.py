"""What was measured of a claim, and the table of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stratus.testing.claims import Claim


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number measured of an encoder, beside the number that its claim allows.

    Attributes:
        encoder: which one, in words.
        claim: what was measured.
        claimed: whether the encoder claims it.
        value: the number: an error in units of how far vectors of different crystals are apart,
            a relative error of gradients, or a count of values or tensors.
        tolerance: the most that the claim allows, or, where ``at_least``, the least.
        at_least: whether the number must be the tolerance or more.
        detail: what the number is, in words.
    """

    encoder: str
    claim: Claim
    claimed: bool
    value: float
    tolerance: float
    at_least: bool = False
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether the number is what the claim allows; a number that is none never is."""
        if self.at_least:
            return self.value >= self.tolerance
        return self.value <= self.tolerance

    @property
    def broken(self) -> bool:
        """Whether it is claimed and does not hold."""
        return self.claimed and not self.holds

    def __str__(self) -> str:
        """Say it in a sentence."""
        side = "at least" if self.at_least else "at most"
        return (
            f"{self.encoder}: {self.claim}: {self.value:.2g} ({self.detail}), where {side} "
            f"{self.tolerance:g} is allowed"
        )


def report(measurements: Iterable[Measurement]) -> str:
    """Return a table in Markdown: a row a claim, a column an encoder.

    Args:
        measurements: of any encoders.

    Returns:
        In each cell what was measured, and ``ok``, ``BROKEN`` where it is claimed and does not
        hold, or ``not claimed``.
    """
    found = list(measurements)
    encoders = list(dict.fromkeys(one.encoder for one in found))
    cells = {(one.claim, one.encoder): one for one in found}
    lines = [
        "| " + " | ".join(["claim", "allowed", *encoders]) + " |",
        "|" + "---|" * (2 + len(encoders)),
    ]
    for claim in dict.fromkeys(one.claim for one in found):
        row = [cells[claim, name] for name in encoders if (claim, name) in cells]
        shown = [_cell(cells[claim, name]) if (claim, name) in cells else "" for name in encoders]
        sign = "≥" if row[0].at_least else "≤"
        lines.append("| " + " | ".join([claim, f"{sign} {row[0].tolerance:g}", *shown]) + " |")
    return "\n".join(lines)


def _cell(one: Measurement) -> str:
    number = f"{one.value:.1e}" if 0 < abs(one.value) < 0.01 else f"{one.value:.3g}"
    verdict = ("ok" if one.holds else "BROKEN") if one.claimed else "not claimed"
    note = " (no positions)" if one.detail.startswith("no positions") else ""
    return f"{number}{note}, {verdict}"
