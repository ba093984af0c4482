"""Crystals and tables for ``compare_checkouts.py``: always the same, and from no package of ours.

The structures are the example crystals with other elements in the place of theirs, each scaled by
a factor. Their labels are made up: simple functions of the elements with noise, so that a short
training has something to learn.
"""

from __future__ import annotations

import json
import random
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pymatgen.core import Structure

PROTOTYPES = (
    "caesium-chloride", "corundum", "diamond", "fluorite", "magnesium", "perovskite", "quartz",
    "rock-salt", "rutile", "spinel", "wurtzite", "zincblende",
)  # fmt: skip
ELEMENTS = (
    "H", "Li", "Be", "B", "C", "N", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K",
    "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
    "Te", "I", "Cs", "Ba", "La", "Ce", "Nd", "Eu", "Gd", "Yb", "Hf", "Ta", "W", "Re", "Os",
    "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Th", "U",
)  # fmt: skip
CRYSTALS = 260
LABELLED = 150
SEED = 17


def write_inputs(
    folder: Path, examples: Path, crystals: int = CRYSTALS, labelled: int = LABELLED
) -> None:
    """Write ``cifs/``, ``structures.json``, ``labels.csv`` and ``formulas.csv`` into a folder.

    ``labels.csv`` has CIF texts and the columns ``gap`` (one label of seven is absent), ``heat``
    (of a cell), ``metal`` (0 or 1) and ``cv@300K``.

    Args:
        folder: where they go; it must not be there yet.
        examples: the folder of the example CIF files.
        crystals: how many there are.
        labelled: how many of them have labels.
    """
    from pymatgen.io.cif import CifWriter

    (folder / "cifs").mkdir(parents=True)
    made = structures(examples, crystals)
    texts = {name: str(CifWriter(one)) for name, one in made.items()}
    for name, text in texts.items():
        (folder / "cifs" / f"{name}.cif").write_text(text, encoding="utf-8")
    (folder / "cifs" / "damaged.cif").write_text("data_damaged\n_cell_length_a 4\n", "utf-8")
    plain = {name: one.as_dict() for name, one in list(made.items())[:40]}
    (folder / "structures.json").write_text(json.dumps(plain), encoding="utf-8")
    labels_of(made, texts, labelled).to_csv(folder / "labels.csv", index=False)
    formulas = [one.composition.reduced_formula for one in made.values()]
    table = pd.DataFrame({"id": list(made), "formula": formulas})
    table.drop_duplicates("formula").to_csv(folder / "formulas.csv", index=False)


def structures(examples: Path, count: int) -> dict[str, Structure]:
    """Return the crystals by id: no two have the same prototype and formula."""
    from pymatgen.core import Structure

    warnings.simplefilter("ignore")
    prototypes = [Structure.from_file(examples / f"{name}.cif") for name in PROTOTYPES]
    draw = random.Random(SEED)  # noqa: S311 - made-up crystals
    made: dict[tuple[int, str], Structure] = {}
    while len(made) < count:
        which = draw.randrange(len(prototypes))
        one = prototypes[which].copy()
        species = sorted(str(element) for element in one.composition)
        one.replace_species(dict(zip(species, draw.sample(ELEMENTS, len(species)), strict=True)))
        one.scale_lattice(one.volume * draw.uniform(0.8, 1.3))
        made.setdefault((which, one.composition.reduced_formula), one)
    return {f"made-{k:03}": one for k, one in enumerate(made.values())}


def labels_of(made: Mapping[str, Structure], texts: Mapping[str, str], count: int) -> pd.DataFrame:
    """Return a table of labels of the first crystals."""
    names = list(made)[:count]
    noise = np.random.default_rng(SEED)
    heavy = np.array([_mean(made[name], [e.Z for e in made[name].species]) for name in names])
    sites = np.array([len(made[name]) for name in names])
    gap = 6 * np.exp(-heavy / 20) + noise.normal(0, 0.1, len(names))
    gap[::7] = np.nan
    return pd.DataFrame(
        {
            "material_id": names,
            "cif": [texts[name] for name in names],
            "gap": gap,
            "heat": (heavy / 10 - 3) * sites,
            "metal": (heavy > np.median(heavy)).astype(int),
            "cv@300K": 24.9 / (1 + 4 / heavy),
        }
    )


def _mean(structure: Structure, values: Sequence[int]) -> float:
    return sum(values) / len(structure)
