"""A crystal as a set: one row an orbit, without positions, so the order of orbits is nothing.

The row of a slot is the sum of the embeddings of its tokens (an orbit: element and Wyckoff symbol)
and of its segment, and of what the words mean beyond their ids: the properties of an element, the
share of the atoms that an orbit or a component has, the atoms of the cell, and the site symmetry
of an orbit. Pre-norm blocks follow (Xiong et al. 2020, arXiv:2002.04745), then a norm; the crystal
is the row of [CLS] and the mean over the orbits, each by its share. A transformer without
positions does not see the order of its rows (Lee et al. 2019, arXiv:1810.00825).

A slot is a sum, so it does not see the order of its words either. That costs nothing below 10,000:
the words of a number, ``1_ 37``, are other tokens in the hundreds than in the units; and the
generators of a space group are a set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional as fn

from stratus.crystals.element_properties import property_names
from stratus.crystals.wyckoff import POINT_GROUPS
from stratus.encoders.architecture import Architecture
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.token_tables import element_features, token_values
from stratus.encoders.transformer import (
    PRESETS,
    Block,
    TransformerConfig,
    attention_mask,
    draw_weights,
)
from stratus.errors import InputError
from stratus.scope.vocabulary import vocabulary
from stratus.views.keys import MASK, SEGMENTS, SITES, TOKENS
from stratus.views.orbit_set import N_SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


_ORBIT, _COMPONENT, _ATOMS = 2, 3, 4  # segments of the view
_SMALLEST_SHARE: Final = 1e-4
_NUMBERS: Final = 12


class OrbitSetConfig(TransformerConfig):
    """Sizes of :class:`OrbitSet`; ``max_length`` is the limit of its view, in slots.

    What it is told beyond token ids can be left out, to measure what it is worth.
    """

    pad_id: int = Field(0, ge=0, description="Token id that stands where a slot has no token.")
    element_properties: bool = Field(default=True, description="Properties of the elements.")
    shares: bool = Field(default=True, description="Shares of the atoms, and atoms of the cell.")
    site_symmetry: bool = Field(default=True, description="Point group of the site of an orbit.")
    mean_of_orbits: bool = Field(default=True, description="Mean of the orbits beside [CLS].")


class OrbitSet(nn.Module):
    """The encoder of the orbit dialect.

    Args:
        config: sizes.
        generator: where fresh weights come from; torch's own generator if None.

    Raises:
        stratus.errors.InputError: the vocabulary is not of the size of that of the orbit dialect.
    """

    element_table: Tensor
    value_table: Tensor

    def __init__(self, config: OrbitSetConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if config.vocabulary_size != len(vocabulary()):
            raise InputError(
                f"orbit-set reads the {len(vocabulary())} tokens of the orbit dialect, not a "
                f"vocabulary of {config.vocabulary_size}"
            )
        self.config = config
        with torch.device("meta"):  # nothing is drawn here, so torch's own generator stays put
            self.token_embedding = nn.Embedding(config.vocabulary_size, config.hidden)
            self.segment_embedding = nn.Embedding(N_SEGMENTS, config.hidden)
            if config.element_properties:
                told = len(property_names())
                self.element_projection = nn.Linear(told, config.hidden, bias=False)
            if config.shares:
                self.number_projection = nn.Linear(_NUMBERS, config.hidden)
            if config.site_symmetry:
                self.site_embedding = nn.Embedding(len(POINT_GROUPS) + 1, config.hidden)
            self.blocks = nn.ModuleList(Block(config, pre_norm=True) for _ in range(config.layers))
            self.final_norm = nn.LayerNorm(config.hidden, eps=config.layer_norm_eps)
        draw_weights(self, generator)
        self.register_buffer("element_table", element_features(), persistent=False)
        self.register_buffer("value_table", token_values(), persistent=False)
        if not self.token_embedding.weight.is_meta:  # a skeleton gets its weights on the CPU
            self.to(self.token_embedding.weight.device)

    def forward(self, batch: Mapping[str, Tensor]) -> Encoding:
        """Encode a batch of the view ``orbit-set``.

        Args:
            batch: ``tokens`` int64 ``[B, S, F]``, ``segments`` and ``sites`` int64 ``[B, S]``,
                ``mask`` bool ``[B, S]`` and ``padding``.

        Returns:
            crystal ``[B, d]``; parts ``[B * S, d]``, one row a slot.
        """
        tokens, segments = batch[TOKENS], batch[SEGMENTS]
        present = (tokens != self.config.pad_id).unsqueeze(-1)
        x = (fn.embedding(tokens, self._embeddings()) * present).sum(dim=2)
        x = x + self.segment_embedding(segments)
        values = self.value_table[tokens].sum(dim=2)
        orbits, components = (_shares(values * (segments == k)) for k in (_ORBIT, _COMPONENT))
        if self.config.shares:
            atoms = values * (segments == _ATOMS)
            x = x + self.number_projection(_numbers(orbits, components, atoms).to(x.dtype))
        if self.config.site_symmetry:
            sites = batch[SITES]
            x = x + self.site_embedding(sites) * (sites > 0).unsqueeze(-1)
        x = fn.dropout(x, self.config.dropout, training=self.training)
        real = attention_mask(batch)
        for block in self.blocks:
            x = block(x, real)
        x = self.final_norm(x)
        crystal = x[:, 0]
        if self.config.mean_of_orbits:
            known = orbits.sum(dim=1, keepdim=True) > 0
            share = torch.where(known, orbits, components).to(x.dtype)
            crystal = crystal + (share.unsqueeze(-1) * x).sum(dim=1)
        return Encoding.of_padded(crystal, x, batch[MASK])

    def _embeddings(self) -> Tensor:
        """Return the row of each token ``[V, d]``, properties of its element included."""
        if not self.config.element_properties:
            return self.token_embedding.weight
        properties: Tensor = self.element_projection(self.element_table)
        return self.token_embedding.weight + properties


def _shares(values: Tensor) -> Tensor:
    """Return what each slot is of the sum of its crystal, ``[B, S]``; 0 where the sum is."""
    return values / values.sum(dim=1, keepdim=True).clamp(min=1)


def _numbers(orbits: Tensor, components: Tensor, atoms: Tensor) -> Tensor:
    """Return the shares and the atoms on several scales of about 1, ``[B, S, 12]``."""
    columns = []
    for share in (orbits, components):
        here = share > 0
        logarithm = share.clamp(min=_SMALLEST_SHARE).log() / 3 + 0.5
        columns += [share, share.square(), share.sqrt(), logarithm * here]
    here, logarithm = atoms > 0, atoms.clamp(min=1).log() - 2
    columns += [here, logarithm * here, logarithm.square() * here, 10 * here / atoms.clamp(min=1)]
    return torch.stack([column.to(atoms.dtype) for column in columns], dim=-1)


ORBIT_SET: Final = Architecture(
    name="orbit-set",
    config=OrbitSetConfig,
    build=OrbitSet,
    presets=PRESETS,
    view="orbit-set",
    gives=frozenset({Gives.CRYSTAL, Gives.PARTS, Gives.TOKENS}),
    numerics=2,
)
