"""Quantities at temperatures as they are written in one word: ``cv@300K``."""

from __future__ import annotations

import math
import re
from typing import Final

from stratus.errors import InputError
from stratus.physics.quantities import QUANTITIES
from stratus.tasks.by import ByLaw

_TARGET: Final = re.compile(r"(\w+)@(\d+(?:\.\d*)?)K")


def read_law(column: str, law: str) -> ByLaw | None:
    """Read what a column such as ``cv@300K`` holds; None where it is called otherwise.

    Args:
        column: the name of a target.
        law: by which it is to be predicted.

    Raises:
        stratus.errors.InputError: there is no such law, or the name is of a quantity that there
            is not.
    """
    found = _TARGET.fullmatch(column.strip())
    if found is None:
        return None
    from stratus.physics.laws import law_named  # it needs torch

    law = law_named(law).name
    quantity, temperature = found[1], float(found[2])
    for name in QUANTITIES:
        if name == quantity and math.isfinite(temperature):
            return ByLaw(law=law, quantity=name, temperature_k=temperature)
    raise InputError(
        f"{column} is no quantity at a temperature; write {', '.join(QUANTITIES)} and then such as "
        "@300K"
    )
