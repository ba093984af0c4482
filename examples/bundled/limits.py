"""What the identities and limits of the bundled model do on crystals that it never learned from.

    python examples/bundled/limits.py [BUNDLE] [--data DIR]

Prints, for formulas of the test tenth: how often a prediction is out of what its head learned from,
and how many labels the 90 % intervals hold there, as calibrated and as widened; how many crystals
that are called metals are metals; and what both do to elements. Then, for the crystals of a phonon
database that is in no table here, the same of heat capacities at 298.15 K, by how high modes reach.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from train import HERE, TEST, place, read_tables

import stratus
from stratus.crystals.facets import Detail
from stratus.scope.partial import hide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stratus.corpora.tables.table import Table
    from stratus.models.model import Model
    from stratus.tasks.predicted import Predicted

AT_K = 298.15
SOUND = 1e-3  # largest share of imaginary modes of a crystal whose heat capacity is believed
GAP, INDEX, FORMATION = "band_gap", "refractive_index", "formation_energy_per_atom"


def inside(one: Predicted, labels: NDArray[Any], rows: NDArray[Any]) -> str:
    """Return which share of the labels of some rows lies in their intervals."""
    held = (one.lo <= labels) & (labels <= one.hi)
    return f"{held[rows].mean():.1%}" if rows.any() else "-"


def show_out(model: Model, table: Table) -> None:
    """Print how often predictions are out, and what intervals hold there."""
    bare = model.predict(list(table.scopes), interval=0.9, imposed=False)
    found = model.predict(list(table.scopes), interval=0.9)
    print("\n| target | rows | out | calibrated interval holds | widened | others |")
    print("|---" * 6 + "|")
    for name in model.tasks:
        labels = table.labels[:, table.targets.index(name)]
        there = np.isfinite(labels)
        notes = [found[name].note(row) for row in range(len(table))]
        out = np.array(["learned from" in note for note in notes])
        cells = (inside(one, labels, there & out) for one in (bare[name], found[name]))
        rest = inside(bare[name], labels, there & ~out)
        share = f"{(there & out).sum()} ({(there & out).sum() / there.sum():.2%})"
        print(f"| {name} | {there.sum():,} | {share} | {' | '.join(cells)} | {rest} |")


def show_metals(model: Model, table: Table) -> None:
    """Print how many of the crystals that are called metals are metals, and lose their index."""
    gaps, indices = (table.labels[:, table.targets.index(name)] for name in (GAP, INDEX))
    print("\n| known | gaps | called metals | are metals | MAE of gaps, before | after | "
          "refractive indices | left empty |")  # fmt: skip
    print("|---" * 8 + "|")
    for kind in Detail:
        like = [k for k, one in enumerate(table.details) if (one is kind) or kind is Detail.FORMULA]
        texts = [hide(table.scopes[row], kind) for row in like]
        bare, found = (model.predict(texts, imposed=imposed) for imposed in (False, True))
        gap, index = gaps[like], indices[like]
        there, has = np.isfinite(gap), np.isfinite(index)
        metal = np.isnan(found[INDEX].value)
        before, after = (np.abs(one[GAP].value - gap)[there].mean() for one in (bare, found))
        print(f"| {kind} | {there.sum():,} | {(metal & there).sum():,} | "
              f"{(gap[metal & there] == 0).mean():.1%} | {before:.4g} | {after:.4g} | "
              f"{has.sum():,} | {(metal & has).sum() / has.sum():.1%} |")  # fmt: skip


def show_elements(model: Model, table: Table) -> None:
    """Print the errors of formation energies of elements, before and after."""
    labels = table.labels[:, table.targets.index(FORMATION)]
    rows = [k for k, text in enumerate(table.compositions)
            if text.count(" ") == 1 and np.isfinite(labels[k])]  # fmt: skip
    texts = [table.scopes[row] for row in rows]
    bare, found = (model.predict(texts, interval=0.9, imposed=x)[FORMATION] for x in (False, True))
    every = np.ones(len(rows), np.bool_)
    for what, one in (("as the head has it", bare), ("with identities", found)):
        error = np.abs(one.value - labels[rows]).mean()
        print(f"formation energies of {len(rows)} phases of elements, {what}: MAE {error:.3f}, "
              f"90 % intervals hold {inside(one, labels[rows], every)}")  # fmt: skip


def show_heat(model: Model, path: Path) -> None:
    """Print what intervals of heat capacities hold, by how high modes are predicted to reach."""
    columns = pq.read_table(path, columns=["mp_id", "imag", "cv", "fmax"]).to_pydict()
    heat = {id_: cv[5] for id_, cv, imag in zip(columns["mp_id"], columns["cv"], columns["imag"],
            strict=True) if imag < SOUND}  # fmt: skip
    reach = dict(zip(columns["mp_id"], columns["fmax"], strict=True))
    texts, labels, highest = [], [], []
    for entry in stratus.read([path]):
        if isinstance(entry, stratus.Entry) and entry.id in heat:
            texts.append(str(stratus.encode(entry)))
            labels.append(heat[entry.id])
            highest.append(reach[entry.id])
    measured = np.array(labels)
    bare, found = (model.curves(texts, [AT_K], interval=0.9, imposed=x) for x in (False, True))
    stiff = np.array(["modes reach" in note for note in found.notes])
    new = np.array([place(text.split(" | ")[2]) < TEST for text in texts])
    above = np.array(highest) > model.model.domain.modes_end_per_cm
    print(
        f"modes reach above 1,000 1/cm in {above.sum():,} crystals, of which "
        f"{stiff[above].mean():.1%} are found; of the others it fires at {stiff[~above].mean():.1%}"
    )
    reasons: Sequence[tuple[str, NDArray[Any]]] = (
        ("modes above 1,000 1/cm", stiff),
        ("such, formulas never learned from", stiff & new),
        ("an element never seen", np.array(["no crystal with" in n for n in found.notes]) & ~stiff),
        ("none", np.array([not note for note in found.notes])),
    )
    print("\n| out for | crystals | mean error | calibrated interval holds | widened | its width |")
    print("|---" * 6 + "|")
    for reason, rows in reasons:
        error = (bare.cv.value[:, 0] - measured)[rows].mean()
        held = [((c.cv.lo[:, 0] <= measured) & (measured <= c.cv.hi[:, 0]))[rows].mean()
                for c in (bare, found)]  # fmt: skip
        wide = (found.cv.hi - found.cv.lo)[rows, 0].mean()
        print(f"| {reason} | {rows.sum():,} | {error:.2f} | {held[0]:.1%} | {held[1]:.1%} | "
              f"{wide:.3g} |")  # fmt: skip


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="bundled")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared/data")
    given = parser.parse_args()
    sources = yaml.safe_load((HERE / "sources.yaml").read_text("utf-8"))
    model = stratus.load(given.bundle)
    table = read_tables(sources, given.data)
    table = table.take([k for k, text in enumerate(table.compositions) if place(text) < TEST])
    show_out(model, table)
    show_metals(model, table)
    show_elements(model, table)
    show_heat(model, given.data / "phonondb/phonondb_thermo.parquet")


if __name__ == "__main__":
    main()
