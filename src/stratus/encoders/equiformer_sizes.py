"""The sizes of EquiformerV2: our presets, and the twenty of a paper of scaling laws.

The twenty are those of a published study of scaling laws for models of materials, named by the
parameters it counts (embeddings left out, its heads of energy, forces and stress included).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_OURS: Final[Mapping[str, Mapping[str, object]]] = MappingProxyType(
    {
        "nano": {
            "hidden": 64, "lmax": 2, "mmax": 2, "channels": 12, "edge_channels": 16, "layers": 2,
            "heads": 2, "attention_hidden": 8, "alpha_channels": 8, "value_channels": 4,
            "feed_forward": 16, "gaussians": 32,
        },
        "small": {
            "hidden": 128, "lmax": 2, "mmax": 2, "channels": 24, "edge_channels": 24, "layers": 3,
            "heads": 2, "attention_hidden": 12, "alpha_channels": 12, "value_channels": 8,
            "feed_forward": 32, "gaussians": 48,
        },
        "base": {
            "hidden": 256, "lmax": 3, "mmax": 2, "channels": 48, "edge_channels": 48, "layers": 4,
            "heads": 4, "attention_hidden": 16, "alpha_channels": 16, "value_channels": 8,
            "feed_forward": 64, "gaussians": 64,
        },
    }
)  # fmt: skip

_COMMON: Final[Mapping[str, object]] = MappingProxyType(
    {
        "lmax": 4,
        "mmax": 2,
        "cutoff_a": 12.0,
        "max_neighbours": 20,
        "gaussians": 600,
        "gaussian_width": 2.0,
        "activation": "s2",
        "grid_mlp": True,
        "grid_resolution": 18,
        "norm": "layer_norm_sh",
        "mean_degree": 61.95,
        "alpha_dropout": 0.1,
        "path_dropout": 0.1,
        "element_properties": False,
    }
)

PUBLISHED: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {
        "eqv2-2k": (1_926, 1, 1, 1, 1, 1, 1, 1),
        "eqv2-4k": (3_643, 1, 1, 1, 2, 2, 1, 1),
        "eqv2-10k": (9_548, 2, 2, 2, 2, 4, 1, 1),
        "eqv2-14k": (14_175, 3, 3, 3, 2, 4, 1, 1),
        "eqv2-23k": (23_165, 3, 3, 3, 2, 8, 1, 2),
        "eqv2-31k": (30_872, 3, 3, 3, 3, 8, 1, 2),
        "eqv2-40k": (40_104, 4, 4, 4, 3, 8, 1, 2),
        "eqv2-62k": (62_065, 5, 5, 5, 4, 8, 1, 2),
        "eqv2-125k": (125_040, 6, 10, 10, 4, 8, 1, 2),
        "eqv2-176k": (175_710, 8, 12, 12, 4, 10, 1, 2),
        "eqv2-204k": (204_250, 10, 12, 12, 4, 12, 1, 3),
        "eqv2-278k": (278_492, 12, 16, 16, 4, 12, 1, 3),
        "eqv2-349k": (348_882, 16, 16, 16, 4, 16, 1, 4),
        "eqv2-472k": (472_154, 18, 18, 18, 4, 20, 1, 5),
        "eqv2-832k": (831_514, 24, 24, 24, 4, 24, 2, 6),
        "eqv2-2m": (2_146_582, 36, 36, 36, 5, 32, 3, 8),
        "eqv2-4m": (3_624_602, 48, 48, 48, 6, 32, 4, 8),
        "eqv2-5m": (5_242_826, 64, 64, 64, 6, 32, 5, 8),
        "eqv2-6m": (6_294_242, 72, 72, 72, 6, 32, 6, 8),
        "eqv2-11m": (10_970_586, 96, 96, 96, 6, 40, 7, 10),
    }
)
"""By name: the published count, then feed-forward, edge and sphere channels, layers, channels of
the attention (hidden and alpha), heads, value channels."""


def presets() -> Mapping[str, Mapping[str, object]]:
    """Return the values of each preset, by name."""
    return MappingProxyType({**_OURS, **{name: _published(name) for name in PUBLISHED}})


def _published(name: str) -> Mapping[str, object]:
    _, feed_forward, edge, channels, layers, attention, heads, value = PUBLISHED[name]
    return {
        **_COMMON,
        "hidden": channels,
        "channels": channels,
        "edge_channels": edge,
        "layers": layers,
        "heads": heads,
        "attention_hidden": attention,
        "alpha_channels": attention,
        "value_channels": value,
        "feed_forward": feed_forward,
    }
