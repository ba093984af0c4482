"""A tiny model of each architecture, saved once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from stratus.corpora.cards.card import DataSource
from stratus.encoders.table import architecture
from stratus.heads.masked_tokens import MaskedTokenHead
from stratus.models.bundle import save_bundle
from stratus.models.card import Card, Metric
from stratus.models.net import Net
from stratus.views.table import VIEWS

CARD = Card(
    name="tiny",
    summary="A model too small to be of use.",
    data=(DataSource(name="made up", rows=1234, licence="CC0-1.0", origin="this test"),),
    licence_code="MIT",
    licence_weights="CC-BY-4.0",
    metrics=(Metric(name="masked accuracy", value=0.5, split="test", rows=10),),
    intended_use="Tests.",
    limits="Everything else.",
)


def parts(name: str) -> dict:
    """Return what save_bundle takes, for a tiny model."""
    kind = architecture(name)
    generator = torch.Generator().manual_seed(3)
    config = kind.config(
        vocabulary_size=595, hidden=16, layers=2, heads=2, feed_forward=32, max_length=48
    )
    fields = VIEWS[kind.view].fields
    return {
        "members": [
            Net(
                kind.build(config, generator),
                {"masked": MaskedTokenHead(16, 595, fields, generator=generator)},
            )
        ],
        "architecture": name,
        "view": VIEWS[kind.view].of_encoder(config, "orbit"),
        "card": CARD,
        "metrics": {"test": {"masked accuracy": 0.5}},
    }


@pytest.fixture
def card() -> Card:
    return CARD


@pytest.fixture(params=["cloud", "orbit-set"])
def tiny(request) -> dict:
    return parts(request.param)


@pytest.fixture(scope="session")
def _saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("cloud", "orbit-set"):
        save_bundle(folder / name, **parts(name))
    return folder


@pytest.fixture
def bundles(_saved, tmp_path) -> Path:
    """A folder with a bundle of each architecture, which the test may spoil."""
    return Path(shutil.copytree(_saved, tmp_path / "models"))
