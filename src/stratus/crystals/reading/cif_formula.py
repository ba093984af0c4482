"""The chemical formula that a CIF block states of itself."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from stratus.crystals.elements import NUMBERS

LONGEST: Final = 2000
"""Characters of the longest text that is taken for a formula."""

_SUM_TAGS: Final = ("_chemical_formula_sum", "_chemical_formula.sum")
_OTHER_TAGS: Final = (
    "_chemical_formula_moiety",
    "_chemical_formula.moiety",
    "_chemical_formula_structural",
    "_chemical_formula.structural",
)
_AMOUNT: Final = r"(?:\d{1,12}(?:\.\d{0,12})?|\.\d{1,12})"
_PLAIN = re.compile(rf"(?:[A-Z][a-z]?{_AMOUNT}?\s*)+")
_PAIR = re.compile(rf"([A-Z][a-z]?)({_AMOUNT})?")
_TOKEN = re.compile(
    rf"(?P<charge>(?<=\s)\d{{0,2}}[+-]|[+-]\d{{0,2}}(?=[\s)\]]|$))|(?P<symbol>[A-Z][a-z]?)"
    rf"|(?P<amount>{_AMOUNT})|(?P<opens>[(\[{{])|(?P<closes>[)\]}}])|(?P<comma>[,;])|\s+"
)
_APART = re.compile(rf"\s{_AMOUNT}[A-Z(\[{{]")
_MARKS: Final = ("'", '"', ";")
_CAPITALS = re.compile(r"[A-Z]{2,}")
_DEEPEST: Final = 10


class Formula(NamedTuple):  # a tuple, because a dataclass takes longer to make
    """What a block says of its composition.

    Attributes:
        text: as it stands in the file, empty where there is a list of types alone.
        elements: atomic numbers of what it can have; deuterium is hydrogen.
        certain: of those, what it has for sure.
        amounts: how many of each, or ``None`` where the elements alone are known.
    """

    text: str
    elements: frozenset[int]
    certain: frozenset[int]
    amounts: dict[int, float] | None

    @property
    def name(self) -> str:
        """How to call it in a sentence."""
        if not self.text:
            return "the file's list of atom types"
        return f"the file's formula {self.text[:80]!r}"


def stated_formula(block: Any) -> Formula | None:
    """Return the formula of a ``gemmi.cif.Block``: the sum, else the moieties or the structure.

    What is no formula (a question mark, a name, an abbreviation such as Ph) counts as none.
    """
    for tag in (*_SUM_TAGS, *_OTHER_TAGS):
        raw = block.find_value(tag)
        if raw is not None and (found := _formula(raw)) is not None:
            return found
    return None


def stated_units(block: Any) -> float | None:
    """Return ``_cell_formula_units_Z`` where it is a positive number."""
    raw = block.find_value("_cell_formula_units_z") or block.find_value("_cell.formula_units_z")
    try:
        value = float(raw) if raw is not None else 0.0
    except ValueError:
        return None
    return value if 0 < value < 1e6 else None


def listed_types(block: Any) -> Formula | None:
    """Return the elements of the ``_atom_type_symbol`` loop, for a file without a formula."""
    symbols = block.find_values("_atom_type_symbol")
    found = [_SYMBOL.match(raw.strip("'\" ")) for raw in symbols]
    if not found or not all(match is not None and match[1] in NUMBERS for match in found):
        return None
    elements = frozenset(NUMBERS[match[1]] for match in found if match is not None)
    return Formula("", elements, elements, None)


_SYMBOL = re.compile(r"([A-Z][a-z]?)(?![a-z])")


@lru_cache(maxsize=4096)
def _formula(raw: str) -> Formula | None:
    text = raw
    if raw.startswith(_MARKS):
        text = " ".join(raw.strip("".join(_MARKS)).split())
    if len(text) > LONGEST or text in {"?", "."}:
        return None
    if text.isupper() and (either := _either(text)):
        return Formula(text, either, frozenset(), None)
    amounts = _plain(text) if _PLAIN.fullmatch(text) else _nested(text)
    if not amounts:
        return None
    certain = " " in text or "." not in text  # CuSO4.5H2O has no 4.5 oxygens
    elements = frozenset(amounts)
    return Formula(text, elements, elements, amounts if certain else None)


def _either(text: str) -> frozenset[int]:
    """Return what capitals alone can mean: ``SIO2`` has silicon, or sulphur and iodine."""
    runs = _CAPITALS.findall(text)
    pairs = {run[at : at + 2].title() for run in runs for at in range(len(run) - 1)} & set(NUMBERS)
    if not pairs:
        return frozenset()
    singles = {number for c in text if c.isalpha() and (number := _number(c)) is not None}
    return frozenset(singles | {NUMBERS[pair] for pair in pairs})


def _plain(text: str) -> dict[int, float] | None:
    amounts: dict[int, float] = {}
    for symbol, amount in _PAIR.findall(text):
        number = _number(symbol)
        if number is None:
            return None
        amounts[number] = amounts.get(number, 0.0) + (float(amount) if amount else 1.0)
    return {number: amount for number, amount in amounts.items() if amount}


def _nested(text: str) -> dict[int, float] | None:
    """Return the amounts of a formula with brackets, charges or commas, or none if it is none."""
    found = _Units()
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        kind, word = match.lastgroup, match.group()
        if kind == "amount" and (
            _APART.match(text, match.start() - 1) or text[at : at + 1] in {"+", "-"}
        ):
            # "Al 6OH" has six of what comes next, "(SO4)2-" is a charge; a unit may begin so
            understood = found.is_new and found.ahead(float(word))
        else:
            understood = kind in {None, "charge"} or found.take(str(kind), word)
        if not understood:
            return None
    return found.amounts()


class _Units:
    """The units of a formula, such as ``C6 H6`` and ``0.5 H2 O``, as they are read."""

    def __init__(self) -> None:
        self._levels: list[list[tuple[int, float]]] = [[]]
        self._done: list[tuple[int, float]] = []
        self._last: list[tuple[int, float]] = []  # what an amount that follows multiplies
        self._factor = 1.0

    @property
    def is_new(self) -> bool:
        """Whether nothing of a unit was read yet."""
        return self._levels == [[]]

    def ahead(self, factor: float) -> bool:
        """Take an amount that stands before its unit."""
        self._factor = factor
        return True

    def take(self, kind: str, word: str) -> bool:
        """Take the next word; return whether it can stand there."""
        if kind == "symbol":
            number = _number(word)
            self._last = [] if number is None else [(number, 1.0)]
            self._levels[-1] += self._last
            return number is not None
        if kind == "opens":
            self._levels.append([])
            self._last = []
            return len(self._levels) <= _DEEPEST
        if kind == "amount":
            return self._multiply(float(word))
        if kind == "closes" and len(self._levels) > 1:
            self._last = self._levels.pop()
            self._levels[-1] += self._last
            return True
        if kind == "comma" and len(self._levels) == 1:
            self._done += [(number, n * self._factor) for number, n in self._levels[0]]
            self._levels, self._last, self._factor = [[]], [], 1.0
            return True
        return False

    def _multiply(self, factor: float) -> bool:
        if not self._last:
            return self.is_new and self.ahead(factor)
        inner = self._levels[-1]
        inner[len(inner) - len(self._last) :] = [(z, n * factor) for z, n in self._last]
        self._last = []
        return True

    def amounts(self) -> dict[int, float] | None:
        """Return the sum of all units, or none where a bracket is still open."""
        if not self.take("comma", ","):
            return None
        amounts: dict[int, float] = {}
        for number, n in self._done:
            amounts[number] = amounts.get(number, 0.0) + n
        return {number: amount for number, amount in amounts.items() if amount}


def _number(symbol: str) -> int | None:
    return 1 if symbol == "D" else NUMBERS.get(symbol)
