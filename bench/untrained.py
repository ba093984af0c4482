"""A model with fresh weights: as fast and as large as a trained one, and as wise as dice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from stratus.encoders.table import DEFAULT_ENCODER, architecture, configure, default_preset
from stratus.heads.property import make_property_head
from stratus.models.bundle import save_bundle
from stratus.models.card import Card
from stratus.models.net import Net
from stratus.tasks.normalise import Normaliser
from stratus.tasks.task import make_task
from stratus.views.table import view_class

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = ("formation_energy", "gap", "hull", "bulk", "shear", "index", "phonon")
MAX_LENGTH = 512
STRINGS = "orbit"


def save_untrained(folder: Path, encoder: str = DEFAULT_ENCODER, members: int = 4) -> None:
    """Save a model of seven targets with fresh weights, in the sizes that are usual for it."""
    kind = architecture(encoder)
    of_view = view_class(kind.view)
    values = dict(of_view.encoder_values(STRINGS))
    if values:
        values["max_length"] = MAX_LENGTH
    config = configure(encoder, default_preset(encoder), **values)
    generator = torch.Generator().manual_seed(0)
    tasks = [make_task({"column": name}) for name in TARGETS]
    of_labels = Normaliser(mean=0.0, std=1.0, rows=2)
    made = []
    for _ in range(members):
        hidden = config.hidden  # type: ignore[attr-defined]
        heads = {t.name: make_property_head(t, of_labels, hidden, generator) for t in tasks}
        made.append(Net(kind.build(config, generator), heads))
    save_bundle(
        folder,
        members=made,
        architecture=encoder,
        view=of_view.of_encoder(config, STRINGS),
        card=Card(
            name="untrained",
            summary="Fresh weights.",
            licence_code="MIT",
            licence_weights="MIT",
            intended_use="Timings.",
            limits="It knows nothing.",
        ),
    )
