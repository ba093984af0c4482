"""A bundle of an encoder that reads no tokens: it is saved, loaded, and gives the same vectors."""

from __future__ import annotations

import pytest
import torch

from stratus.encoders.roost import Roost
from stratus.encoders.table import configure
from stratus.errors import InputError
from stratus.inference.predictor import Predictor
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.views.token_view import token_view as view

TEXTS = ["i0 | H 1a | H 1 | 1", "i0 | H 1a | O 3 Ti 1 Ba 1 | 5"]
CARD = Card(
    name="tiny",
    summary="Not trained.",
    licence_code="MIT",
    licence_weights="MIT",
    intended_use="Tests.",
    limits="Everything else.",
)


def save(folder, max_length: int = 20) -> Roost:
    encoder = Roost(configure("roost", "nano"), torch.Generator().manual_seed(0))
    save_bundle(
        folder,
        members=[Net(encoder)],
        architecture="roost",
        view=view("composition", vocabulary(), max_length),
        card=CARD,
    )
    return encoder


@pytest.mark.parametrize("max_length", [20, 8])
def test_what_is_loaded_gives_the_vectors_of_what_was_saved(tmp_path, max_length):
    encoder = save(tmp_path / "roost", max_length)
    model = load_bundle(tmp_path / "roost")
    assert model.encoder.config == encoder.config
    assert (model.view.name, model.view.max_length) == ("composition", max_length)
    batch = model.view.collate([model.view.tokens(text) for text in TEXTS])
    with torch.no_grad():
        assert torch.equal(model.encoder(batch).crystal, encoder(batch).crystal)
    assert model.info()["config"]["trunk"] == [128]
    salt = "i1 aODD aDOD bOOO cOOO dOOO eOOO | Na 4a Cl 4b | Na 1 Cl 1 | 2"
    batch = model.view.collate([model.view.tokens(salt)])
    with torch.no_grad():
        expected = encoder(batch).crystal
    assert torch.allclose(torch.from_numpy(Predictor(model).embed([salt])), expected, atol=1e-6)


def test_more_elements_than_the_encoder_takes_are_refused(tmp_path):
    with pytest.raises(InputError, match="21, but the encoder takes 20"):
        save(tmp_path / "roost", 21)
