"""A tiny model of three targets with two groups of two members, and crystals to predict for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import stratus
from stratus.crystals.facets import Detail
from stratus.encoders.table import architecture
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.tasks.conformal import Calibration, calibrate
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.token_view import token_view as view

CARD = Card(
    name="tiny",
    summary="A model too small to be of use.",
    licence_code="MIT",
    licence_weights="MIT",
    intended_use="Tests.",
    limits="Everything else.",
)
TASKS = (
    make_task({"column": "gap", "unit": "eV", "minimum": 0.0}),
    make_task({"column": "energy", "unit": "eV", "per": "cell"}),
    make_task({"column": "magnetic", "kind": "binary"}),
    make_task({"column": "use", "kind": "multiclass", "classes": ("glass", "metal", "salt")}),
)


def save(folder: Path, *, heads: bool = True, max_length: int = 64) -> Path:
    kind = architecture("orbit-set")
    config = kind.config(
        vocabulary_size=595, hidden=32, layers=2, heads=2, feed_forward=64, max_length=max_length
    )
    generator = torch.Generator().manual_seed(5)
    members = []
    for group in ("a", "a", "b", "b"):
        made = {
            task.name: make_property_head(
                task, Normaliser(mean=1.0, std=2.0, per_atom=task.per == "cell", rows=9)
                if task.kind == "regression" else Normaliser(mean=0.0, std=1.0, rows=9),
                32, generator,
            )
            for task in TASKS if heads
        }  # fmt: skip
        members.append(Net(kind.build(config, generator), made, group))
    rng = np.random.default_rng(0)
    scores = calibrate(rng.normal(size=200), np.zeros(200), np.full(200, 0.1))
    known = {Detail.WHOLE: scores, Detail.FORMULA: scores}
    save_bundle(
        folder,
        members=members,
        architecture="orbit-set",
        view=view("orbit-set", vocabulary(), max_length),
        card=CARD,
        calibration=Calibration(tasks={"gap": {"a": known, "b": known}}) if heads else None,
    )
    return folder


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def model(bundle):
    return stratus.load(bundle)


@pytest.fixture
def make_bundle():
    return save
