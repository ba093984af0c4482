"""What a dot in a formula is: a decimal point, or what joins two units.

``CuSO4·5H2O`` is a sulphate with five waters: a dot in the middle of the line joins, and so does an
asterisk. A full stop is a decimal point, ``La1.85Sr0.15CuO4``, or what people type for the middle
dot, ``CuSO4.5H2O``, and the two look alike. A full stop

- joins where no number can stand: before an element, a bracket, a fraction or a number with a
  point of its own, ``LiCl.H2O``, ``CaSO4.1/2H2O``, ``CaSO4.0.5H2O``;
- is a decimal point where no unit follows, ``YBa2Cu3O6.5``, and where the number is written as no
  coefficient is: with a 0 before the point, a 0 behind it, or three digits behind it;
- is a decimal point where one side is a single element or an alloy: ``Fe.5Co.5``, ``Li.5CoO2``;
- joins where both sides are neutral with the common oxidation states of their elements, or water,
  ammonia or hydrogen peroxide stands behind a compound, and nothing else in the formula is written
  as by who means decimals;
- else can be either, also between a compound and a molecule of one element, ``C60.2C6H6``, and the
  formula is refused.
"""

from __future__ import annotations

import re
import string
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

from stratus.crystals.formula_grammar import JOINT, VULGAR, Reader
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

_MIDDLE: Final = "\u0387•∙⋅・･‧⸱⸳ꞏ●*∗＊×"
_STOPS: Final = "․．"
_SUBSCRIPTS: Final = "₀₁₂₃₄₅₆₇₈₉"
_PLAIN: Final = str.maketrans(
    _SUBSCRIPTS + _MIDDLE + _STOPS,
    string.digits + JOINT * len(_MIDDLE) + "." * len(_STOPS),
)

_BEGINS: Final = f"([{{{JOINT}"  # a unit
_BEHIND_DIGITS = re.compile(rf"\s*[A-Z(\[{{]|/\d|[{VULGAR}]|\.(?=\d*\s*[A-Z(\[{{])", re.ASCII)
_BEHIND = re.compile(rf"\s*[A-Z(\[{{{VULGAR}]|\s+\.?\d", re.ASCII)
_COEFFICIENT = re.compile(rf"\s*(?:\d+/\d+|\d*[{VULGAR}]|\d*\.?\d*)", re.ASCII)
_DEUTERIUM = re.compile(r"D(?![a-z])")
_SYMBOL = re.compile(r"[A-Z][a-z]?", re.ASCII)
_WRITTEN_ONE = re.compile(r"[A-Za-z]\s*1(?![\d.])", re.ASCII)

_SURE: Final = 3  # decimals with as many are no coefficient
_SOLVENTS: Final = ({"H": 2, "O": 1}, {"N": 1, "H": 3}, {"H": 2, "O": 2})
_OF_SOLVENTS: Final = ({"H", "O"}, {"N", "H"})
_MOLECULES: Final = frozenset({"S8", "C60", "C70", "P4", "I2", "Br2", "N2", "Ar", "Kr", "Xe"})
_LARGEST: Final = 24  # coefficients above are no double salt's
_ELEMENTS: Final = 6  # of a unit with more it is not asked whether it is neutral


class Settled(NamedTuple):
    """A formula whose dots are known.

    Attributes:
        plain: the formula with plain digits, H for D, a full stop at each decimal point and ``·``
            wherever two units are joined; each character stands where it stood.
        stop: whether a full stop joins.
    """

    plain: str
    stop: bool


def settle(text: str) -> Settled:
    """Say of each dot of a formula what it is.

    Args:
        text: the formula as given.

    Raises:
        stratus.errors.InputError: a full stop can be either; says how to write the one and the
            other.
    """
    plain = _DEUTERIUM.sub("H", text.translate(_PLAIN))
    if "." not in plain:
        return Settled(plain, stop=False)
    if ".." in plain:
        raise InputError(
            f"the formula {text!r} has two full stops in a row (character {plain.index('..') + 1})"
        )
    kinds: dict[int, _Kind] = {}
    for at, sign in enumerate(plain):
        if sign == ".":
            kinds[at] = _alone(text, plain, at, kinds)
    _decide(text, plain, kinds)
    signs = [JOINT if kinds.get(at) is _Kind.JOIN else sign for at, sign in enumerate(plain)]
    return Settled("".join(signs), stop=_Kind.JOIN in kinds.values())


class _Kind(Enum):
    JOIN = auto()
    POINT = auto()
    COEFFICIENT = auto()  # a decimal point too, but of a number before a unit
    EITHER = auto()


def _alone(text: str, plain: str, at: int, kinds: Mapping[int, _Kind]) -> _Kind:
    """Return what a full stop is by what stands directly around it."""
    head = plain[:at].rstrip(string.digits)
    whole = plain[len(head) : at]
    head = head.rstrip()
    before = kinds.get(len(head) - 1)
    if not head or head[-1] in _BEGINS or before is _Kind.JOIN:
        return _Kind.COEFFICIENT
    digits = re.match(r"\d*", plain[at + 1 :], re.ASCII)[0]  # type: ignore[index] # may be empty
    found = (_BEHIND_DIGITS if digits else _BEHIND).match(plain, at + 1 + len(digits))
    if found is None:
        return _Kind.POINT
    if not digits or before is _Kind.POINT or found[0][0] in "/" + VULGAR:
        return _Kind.JOIN
    zero = whole.startswith("0")
    if found[0] == "." and not zero and not digits.strip("0"):  # CaSO4.0.5H2O
        return _Kind.JOIN
    if zero or digits.startswith("0") or len(digits) >= _SURE or text[at + 1] in _SUBSCRIPTS:
        return _Kind.POINT
    if found[0] == ".":
        second = found.start()
        raise _doubt(text, at, f"{text[:second]}{JOINT}{text[second + 1 :]}")
    return _Kind.EITHER


def _decide(text: str, plain: str, kinds: dict[int, _Kind]) -> None:
    """Say what the full stops are that can be either, by the units and by each other."""
    found = {at: kind for at, kind in kinds.items() if kind is not _Kind.COEFFICIENT}
    decimals = _Kind.POINT in found.values() or _WRITTEN_ONE.search(plain) is not None
    waters, doubtful, joins = set[int](), set[int](), set[int]()
    for at in [at for at, kind in found.items() if kind is _Kind.EITHER]:
        left, number, right = _sides(plain, at, kinds)
        several = min(len(_symbols(left)), len(_symbols(right))) > 1
        kinds[at] = _Kind.POINT
        if _symbols(right) in _OF_SOLVENTS and _amounts(right) in _SOLVENTS:
            waters.add(at)
            (joins if several and _is_compound(left) else doubtful).add(at)
        elif not decimals and several and _is_compound(left) and _is_compound(right):
            salts = number <= _LARGEST and _is_neutral(left) and _is_neutral(right)
            (joins if salts else doubtful).add(at)
        elif not decimals and _MOLECULES.intersection({left.strip(), right.strip()}):
            doubtful.update({at} if _is_compound(left) or _is_compound(right) else ())
        if at in joins:
            kinds[at] = _Kind.JOIN
        elif at not in doubtful:
            decimals = True
    refused = waters if decimals else doubtful
    if refused:
        raise _doubt(text, min(refused), _as_decimal(text, plain, min(refused)))
    if decimals:
        kinds.update(dict.fromkeys(joins, _Kind.POINT))


def _sides(plain: str, at: int, kinds: Mapping[int, _Kind]) -> tuple[str, int, str]:
    """Return the unit before a full stop, the number behind it, and the unit behind that."""
    begin, depth = at, 0
    while begin and not (depth == 0 and _ends(plain, begin - 1, kinds, "([{")):
        begin -= 1
        depth += (plain[begin] in ")]}") - (plain[begin] in "([{")
    number = at + 1
    while plain[number] in string.digits:
        number += 1
    end, depth = number, 0
    while end < len(plain) and not (depth == 0 and _ends(plain, end, kinds, ")]}")):
        depth += (plain[end] in "([{") - (plain[end] in ")]}")
        end += 1
    left = _COEFFICIENT.sub("", plain[begin:at], count=1)
    return left, int(plain[at + 1 : number]), plain[number:end]


def _ends(plain: str, at: int, kinds: Mapping[int, _Kind], brackets: str) -> bool:
    joins = kinds.get(at) in {_Kind.JOIN, _Kind.EITHER}
    return joins or plain[at] == JOINT or plain[at] in brackets


def _symbols(unit: str) -> set[str]:
    return set(_SYMBOL.findall(unit))


def _amounts(unit: str) -> Mapping[str, Fraction]:
    """Return the amounts of a unit; none where it is no formula."""
    try:
        return {symbol: amount for symbol, (amount, _) in Reader(unit, unit).amounts().items()}
    except InputError:
        return {}


def _is_compound(unit: str) -> bool:
    """Return whether there are several elements and not all of them are metals."""
    from pymatgen.core import Element

    amounts = _amounts(unit)
    return len(amounts) > 1 and not all(Element(symbol).is_metal for symbol in amounts)


def _is_neutral(unit: str) -> bool:
    """Return whether a common oxidation state of each element makes a unit neutral."""
    from pymatgen.core import Element

    amounts = _amounts(unit)
    if len(amounts) > _ELEMENTS:
        return False
    charges: set[Fraction | int] = {0}
    for symbol, amount in amounts.items():
        states = Element(symbol).common_oxidation_states
        charges = {charge + amount * state for charge in charges for state in states}
    return 0 in charges


def _as_decimal(text: str, plain: str, at: int) -> str:
    """Return a formula with a full stop written so that it can be nothing but a decimal point."""
    end = at + 1
    while plain[end] in string.digits:
        end += 1
    zero = "" if at and plain[at - 1] in string.digits else "0"
    digits = text[at + 1 : end] if zero else text[at + 1 : end].ljust(_SURE, "0")
    return f"{text[:at]}{zero}.{digits}{text[end:]}"


def _doubt(text: str, at: int, otherwise: str) -> InputError:
    return InputError(
        f"the formula {text!r} has a full stop that can be a decimal point or join two units "
        f"(character {at + 1}); write {text[:at]}{JOINT}{text[at + 1 :]} if it joins, "
        f"else {otherwise}"
    )
