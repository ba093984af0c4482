"""Parts of crystals end to end, with the crystal that each belongs to."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stratus.crystals.facets import AtomArrays
from stratus.encoders.encoding import Encoding, Gives
from stratus.encoders.table import ARCHITECTURES, architecture, configure
from stratus.scope.dialects import Dialect
from stratus.views.table import view_class

TEXTS = [
    "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2",
    "i0 | H 1a Na 1a Cl 1a | H 1 Na 1 Cl 1 | 3",
]


def test_padded_parts_are_flattened_without_a_copy_and_come_back():
    parts = torch.arange(24.0).view(2, 3, 4)
    real = torch.tensor([[True, True, True], [True, False, False]])
    found = Encoding.of_padded(parts[:, 0], parts, real)
    assert found.owner.tolist() == [0, 0, 0, 1, -1, -1]
    assert found.parts.shape == (6, 4)
    assert found.parts.data_ptr() == parts.data_ptr() == found.by_crystal().data_ptr()
    assert torch.equal(found.by_crystal(), parts)


def test_parts_that_were_never_padded_have_no_rows_by_crystal():
    found = Encoding(torch.zeros(2, 4), torch.zeros(5, 4), torch.tensor([0, 0, 0, 1, 1]))
    with pytest.raises(ValueError, match="no parts of crystals that were padded"):
        found.by_crystal()
    with pytest.raises(ValueError, match="no parts"):
        Encoding(torch.zeros(2, 4)).by_crystal()


CELL = AtomArrays(np.eye(3) * 4, np.array([11, 17]), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]))


@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_each_encoder_gives_what_it_says(name):
    kind = architecture(name)
    of_view = view_class(kind.view)
    fields = kind.config.model_fields
    sizes = {k: v for k, v in of_view.encoder_values("orbit").items() if k in fields}
    config = configure(name, "nano", **sizes)
    encoder = kind.build(config, torch.Generator().manual_seed(0)).eval()
    reader = of_view.of_encoder(config, "orbit")
    crystals = [Dialect.ORBIT.crystal(text)._replace(atoms=CELL) for text in TEXTS]
    found = encoder(reader.collate([reader.sample(crystal) for crystal in crystals]))
    assert found.crystal.shape == (2, config.hidden)
    assert (found.parts is not None) == (Gives.PARTS in kind.gives)
    assert (found.vectors is not None) == (Gives.VECTORS in kind.gives)
    assert hasattr(encoder, "token_embedding") == (Gives.TOKENS in kind.gives)
    assert len(found.owner) == len(found.parts)
    if reader.padded:
        sizes = [int((found.owner == k).sum()) for k in range(2)]
        assert sizes == reader.sizes([reader.sample(crystal) for crystal in crystals]).tolist()
