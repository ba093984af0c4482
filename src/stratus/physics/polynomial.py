"""Polynomials of fixed coefficients whose derivatives are polynomials too, to any order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import Tensor


def polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    """Return ``c0 + c1 x + c2 x^2 + ...``, of the shape and type of ``x``.

    Autograd goes through each step of a Horner scheme and keeps all of them. This keeps ``x``
    alone: the derivative is the polynomial of the derived coefficients, which can be derived again.
    """
    value: Tensor = _Polynomial.apply(x, coefficients)  # type: ignore[no-untyped-call]
    return value


class _Polynomial(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
        if len(coefficients) == 1:
            return torch.full_like(x, coefficients[0])
        value = x * coefficients[-1] + coefficients[-2]
        for coefficient in coefficients[-3::-1]:
            value.mul_(x).add_(coefficient)
        return value

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, tuple[float, ...]], output: Tensor) -> None:
        del output
        x, ctx.coefficients = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        derived = tuple(power * c for power, c in enumerate(ctx.coefficients) if power)
        return gradients[0] * polynomial(x, derived or (0.0,)), None
