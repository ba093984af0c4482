"""Which density functional the labels of a model were computed with.

A model says so in its tasks; what the bundled one learned from is in ``data/functionals.csv``: the
Materials Project (PBE, with +U for oxides and fluorides of some metals; Jain et al. 2013), its
elastic constants (PBE; de Jong et al. 2015), its dielectric constants (PBE, with +U as before;
Petousis et al. 2017), and phonons (PBEsol; Petretto et al. 2018).
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratus.models.model import Model


def functional_of(model: Model, target: str) -> str:
    """Return the functional of the labels of a target; empty where nobody says.

    Args:
        model: what predicts.
        target: one of its targets, or of the quantities of its law.
    """
    task = model.tasks.get(target)
    own = task.functional if task is not None else ""
    return own or _known().get((model.card.name, target), "")


@cache
def _known() -> dict[tuple[str, str], str]:
    text = files("stratus.models").joinpath("data/functionals.csv").read_text("utf-8")
    return {(r["model"], r["target"]): r["functional"] for r in csv.DictReader(text.splitlines())}
