"""Which learning rate a layer has: the higher up, the higher (Howard and Ruder 2018, 1801.06146).

A layer is found by where it stands in the encoder: what is defined before its list ``blocks`` is
layer 0, block k is layer k + 1, and what is defined after the blocks stands beside the heads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from stratus.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def layers_of(encoder: nn.Module) -> tuple[dict[str, int], int]:
    """Return the layer of each weight of an encoder, by its name, and the topmost layer.

    Raises:
        stratus.errors.InputError: it has no list of blocks.
    """
    blocks = getattr(encoder, "blocks", None)
    if not isinstance(blocks, nn.ModuleList):
        raise InputError(
            f"{type(encoder).__name__} has no list of blocks, so its layers cannot have learning "
            "rates of their own; set layer_decay to 1"
        )
    parts = [name for name, _ in encoder.named_children()]
    above, top = parts[parts.index("blocks") + 1 :], len(blocks) + 1

    def layer(name: str) -> int:
        part, *rest = name.split(".")
        return int(rest[0]) + 1 if part == "blocks" else top * (part in above)

    return {name: layer(name) for name, _ in encoder.named_parameters()}, top


def parameter_groups(
    net: nn.Module, *, rate: float, weight_decay: float, layer_decay: float
) -> list[dict[str, Any]]:
    """Divide weights by layer, and by whether they decay: vectors, biases and norms, do not.

    Layer l of an encoder with B blocks has the rate ``rate * layer_decay ** (B + 1 - l)``, the
    heads have ``rate``. A schedule must multiply the rate of each group, as ``LambdaLR`` does.

    Args:
        net: has an ``encoder``; all else in it stands beside the heads.
        rate: peak learning rate of the top.
        weight_decay: of matrices.
        layer_decay: factor from a layer to that below it; 1 makes no difference.

    Returns:
        groups for an optimiser: ``params``, ``lr``, ``weight_decay``, and the ``layer``.

    Raises:
        stratus.errors.InputError: the encoder has no blocks, and ``layer_decay`` is not 1.
    """
    layers, top = layers_of(net.get_submodule("encoder")) if layer_decay != 1 else ({}, 0)
    groups: dict[tuple[int, bool], list[Tensor]] = {}
    for name, weight in net.named_parameters():
        part, _, inner = name.partition(".")
        layer = layers.get(inner, 0) if part == "encoder" else top
        groups.setdefault((layer, weight.ndim > 1), []).append(weight)
    return [
        {
            "params": weights,
            "lr": rate * layer_decay ** (top - layer),
            "weight_decay": weight_decay if decays else 0.0,
            "layer": layer,
        }
        for (layer, decays), weights in sorted(groups.items(), key=lambda item: item[0])
    ]
