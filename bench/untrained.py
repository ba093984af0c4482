"""A model with fresh weights: as fast and as large as a trained one, and as wise as dice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from stratus.encoders.table import architecture, configure
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.scope import vocabulary
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.orbit_set import OrbitSetView

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = ("formation_energy", "gap", "hull", "bulk", "shear", "index", "phonon")
MAX_LENGTH = 512


def save_untrained(folder: Path, preset: str = "nano", members: int = 4) -> None:
    """Save a model of seven targets with fresh weights."""
    config = configure(
        "orbit-set", preset, vocabulary_size=len(vocabulary()), max_length=MAX_LENGTH
    )
    generator = torch.Generator().manual_seed(0)
    tasks = [make_task({"column": name}) for name in TARGETS]
    of_labels = Normaliser(mean=0.0, std=1.0, rows=2)
    made = []
    for _ in range(members):
        hidden = config.hidden  # type: ignore[attr-defined]
        heads = {t.name: make_property_head(t, of_labels, hidden, generator) for t in tasks}
        made.append(Net(architecture("orbit-set").build(config, generator), heads))
    save_bundle(
        folder,
        members=made,
        architecture="orbit-set",
        view=OrbitSetView(vocabulary(), MAX_LENGTH),
        card=Card(
            name="untrained",
            summary="Fresh weights.",
            licence_code="MIT",
            licence_weights="MIT",
            intended_use="Timings.",
            limits="It knows nothing.",
        ),
    )
