"""What the law of parameters and tokens says: exponents, and the best sizes for a budget.

For C = 6 N D (Hoffmann et al. 2022, arXiv 2203.15556, section 3.3): ``N = G (C/6)^a`` and
``D = (C/6)^b / G`` with ``G = (alpha A / (beta B))^(1/(alpha+beta))``, ``a = beta/(alpha+beta)``
and ``b = alpha/(alpha+beta)``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stratus.studies.scaling.tables import FLOPS_PER_PRODUCT

if TYPE_CHECKING:
    from collections.abc import Mapping


def exponent_of_parameters(constants: Mapping[str, float]) -> float:
    """Return a: the best number of parameters grows as the budget to this power."""
    total = constants["alpha"] + constants["beta"]
    return constants["beta"] / total if total else math.nan


def exponent_of_tokens(constants: Mapping[str, float]) -> float:
    """Return b: the best number of tokens grows as the budget to this power."""
    total = constants["alpha"] + constants["beta"]
    return constants["alpha"] / total if total else math.nan


def loss(constants: Mapping[str, float], parameters: float, tokens: float) -> float:
    """Return the loss that the law gives for N parameters and D tokens."""
    by_size = constants["A"] * math.exp(-constants["alpha"] * math.log(parameters))
    by_data = constants["B"] * math.exp(-constants["beta"] * math.log(tokens))
    return constants["E"] + by_size + by_data


def best_parameters(constants: Mapping[str, float], budget: float) -> float:
    """Return N with the least loss for a budget in operations, NaN where there is none.

    There is one where both exponents are positive.
    """
    alpha, beta = constants["alpha"], constants["beta"]
    if not (alpha > 0 and beta > 0 and constants["A"] > 0 and constants["B"] > 0):
        return math.nan
    logarithm = math.log(alpha * constants["A"]) - math.log(beta * constants["B"])
    product = math.log(budget / FLOPS_PER_PRODUCT)
    return _exp((logarithm + beta * product) / (alpha + beta))


def best_tokens(constants: Mapping[str, float], budget: float) -> float:
    """Return D with the least loss for a budget in operations, NaN where there is none."""
    return budget / FLOPS_PER_PRODUCT / best_parameters(constants, budget)


def _exp(value: float) -> float:
    return math.exp(value) if abs(value) < 700 else math.nan
