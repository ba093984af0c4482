"""How many parameters a module has, by the rule of scaling laws: embeddings are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn


def counted_parameters(
    module: nn.Module, left_out: Sequence[str] = ("embedding",)
) -> dict[str, int]:
    """Return the parameters that a published size counts, and how many numbers each holds.

    Papers of scaling laws count without embeddings, whose rows grow with what is told apart and not
    with what is learned of it (Kaplan et al. 2020, arXiv:2001.08361, section 2.1).

    Args:
        module: whose parameters are counted; it may be on the meta device.
        left_out: a parameter whose name, with those of the modules it is in, holds one of these
            words is not counted.

    Returns:
        numbers of each counted parameter, by its name, in the order of the module; their sum is
        the size.
    """
    return {
        name: parameter.numel()
        for name, parameter in module.named_parameters()
        if not any(word in name for word in left_out)
    }
