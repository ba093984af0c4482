"""What several rooms are tested with."""

from __future__ import annotations

from pathlib import Path

import pytest

from stratus.views.token_view import token_view as view


@pytest.fixture(scope="session", autouse=True)
def few_boosted_trees():
    """Let gradient boosting stop at 50 trees: how good it is does not matter where it is tried."""
    patch = pytest.MonkeyPatch()
    patch.setattr("stratus.training.boosting.BOOSTED_TREES", (25, 50))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def law_bundle(tmp_path_factory) -> Path:
    """A tiny model of two groups of two members that share the law `mixture`; C_v is calibrated."""
    import numpy as np
    import torch

    from stratus.crystals.facets import Detail
    from stratus.encoders.table import architecture
    from stratus.heads.law import make_law_head
    from stratus.models.bundle import save_bundle
    from stratus.models.card import Card
    from stratus.models.net import Net
    from stratus.scope import vocabulary
    from stratus.tasks.by import ByLaw
    from stratus.tasks.conformal import Calibration, CurvePoint, calibrate
    from stratus.tasks.normalise import Normaliser
    from stratus.tasks.task import make_task

    kind = architecture("orbit-set")
    config = kind.config(
        vocabulary_size=595, hidden=32, layers=1, heads=2, feed_forward=32, max_length=64
    )
    generator = torch.Generator().manual_seed(5)
    at_300 = ByLaw(law="mixture", quantity="cv", temperature_k=300.0)
    task = make_task({"column": "cv@300K", "unit": "J/mol/K", "per": "atom", "by": at_300})
    of_labels = {task.name: Normaliser(mean=20.0, std=3.0, rows=9)}
    members = []
    for group in ("a", "a", "b", "b"):
        head = make_law_head([task], of_labels, 32, generator=generator)
        with torch.no_grad():
            head.out.weight.mul_(20)  # so that crystals differ
        members.append(Net(kind.build(config, generator), {"mixture": head}, group))
    scores = calibrate(np.linspace(-1, 1, 99), np.zeros(99), np.full(99, 0.1))
    known = {Detail.WHOLE: scores}
    points = tuple(
        CurvePoint(temperature_k=at, groups={"a": known, "b": known}) for at in (100.0, 300.0)
    )
    folder = tmp_path_factory.mktemp("law") / "tiny"
    save_bundle(
        folder,
        members=members,
        architecture="orbit-set",
        view=view("orbit-set", vocabulary(), 64),
        card=Card(
            name="tiny", summary="Nothing.", licence_code="MIT", licence_weights="MIT",
            intended_use="Tests.", limits="All.",
        ),
        calibration=Calibration(tasks={}, curves={"cv": points}),
    )  # fmt: skip
    return folder
