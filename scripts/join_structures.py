"""Give rows of MatBench the structure that has their composition and space group, if one does.

    python scripts/join_structures.py DATA OUT

DATA has `matbench_labels` (labels, composition of the cell, space group at a tolerance of 0.1) and
the structures of the Materials Project that `public_tables.py` writes. A row and a structure become
a pair where composition of the cell and space group stand once on both sides, one id of the
Materials Project counting once. Polymorphs of one space group cannot be told apart, and a
structure may be of another release than the label: 1 to 4 % of the pairs are expected to be wrong.
How far the formation energies of the two are apart, where both are known, is printed and written
beside each.

OUT gets `matbench_NAME_inferred_structures.parquet` for dielectric and moduli, and
`matbench_NAME_join_ids.parquet`, without the structures, for formation energies and gaps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import spglib

import stratus
from stratus.crystals.elements import SYMBOLS

POOL = {
    "mp20": "mp20_partial/mp20_partial.parquet",
    "mpts52": "mpts52/mpts52_val_test.parquet",
    "3dsc": "mp_3dsc/mp_source_cifs_4704.parquet",
    "phdos": "phonon_dos/phdos_1521.parquet",
}
ENERGY = "formation_energy_per_atom"
TASKS = {
    "dielectric": ("n", "structures"),
    "log_gvrh": ("log10(G_VRH)", "structures"),
    "log_kvrh": ("log10(K_VRH)", "structures"),
    "mp_e_form": ("e_form", "ids"),
    "mp_gap": ("gap pbe", "ids"),
}
CORRECTED = {"O", "F", "Cl", "Br", "I", "S", "Se", "Te", "N", "H", "Si", "Sb"}
"""Anions: energies of their compounds were corrected anew between releases."""
SYMPREC = 0.1
NEAR = 0.03, 0.1  # eV/atom


def composition(numbers: np.ndarray) -> tuple[tuple[str, int], ...]:
    """Return the composition of a cell."""
    kinds, counts = np.unique(numbers, return_counts=True)
    return tuple(sorted((SYMBOLS[z], int(n)) for z, n in zip(kinds, counts, strict=True)))


def of_text(text: str) -> tuple[tuple[str, int], ...]:
    """Return the same of a composition as label tables write it: `K6 S6`."""
    found = {}
    for word in text.split():
        symbol = word.rstrip("0123456789.")
        found[symbol] = found.get(symbol, 0) + round(float(word[len(symbol) :] or 1))
    return tuple(sorted(found.items()))


def pool(data: Path) -> pd.DataFrame:
    """Return one row for each structure: id, source, composition, space group, geometry."""
    rows = []
    for source, file in POOL.items():
        table = pd.read_parquet(data / file)
        name = "mp_id" if "mp_id" in table else "material_id"
        energies = table[ENERGY].to_dict() if ENERGY in table else {}
        ids = table[name].tolist()
        place = {id_: k for k, id_ in enumerate(ids)}
        for entry in stratus.read([data / file], id_column=name):
            if isinstance(entry, stratus.Reject):
                continue
            cell = entry.lattice, entry.frac_coords, entry.numbers
            found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
            if found is None:
                continue
            rows.append(
                {
                    "mp_id_inferred": entry.id,
                    "structure_source": source,
                    "key": (composition(entry.numbers), int(found.number)),
                    "energy": energies.get(place.get(entry.id, -1), np.nan),
                    "lattice": np.round(entry.lattice, 8).ravel(),
                    "species": " ".join(SYMBOLS[z] for z in entry.numbers),
                    "frac_coords": np.round(entry.frac_coords, 8).ravel(),
                }
            )
    return pd.DataFrame(rows).drop_duplicates("mp_id_inferred")


def join(labels: pd.DataFrame, column: str, structures: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs."""
    keys = zip(labels["composition"].map(of_text), labels["spg_num"], strict=True)
    rows = labels.assign(key=[(formula, int(group)) for formula, group in keys])
    rows = rows[["mbid", "fold", column, "key"]].rename(columns={column: "target"})
    rows = rows.drop_duplicates("key", keep=False)
    once = structures.drop_duplicates("key", keep=False)
    return rows.merge(once, on="key").drop(columns="key")


def main() -> None:
    """Join every task whose labels are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    structures = pool(given.data)
    print(f"{len(structures):,} structures of {structures['key'].nunique():,} kinds")
    label_file = "matbench_labels/matbench_{}.parquet"
    energies = pd.read_parquet(given.data / label_file.format("mp_e_form"))
    of_energy = join(energies, "e_form", structures).set_index("mp_id_inferred")
    apart = (of_energy["target"] - of_energy["energy"]).abs().rename("join_check_abs_de_eform")
    for name, (column, what) in TASKS.items():
        labels = pd.read_parquet(given.data / label_file.format(name))
        found = join(labels, column, structures).drop(columns="energy")
        found = found.merge(apart, left_on="mp_id_inferred", right_index=True, how="left")
        known = found["join_check_abs_de_eform"].dropna()
        near = ", ".join(f"{100 * (known < most).mean():.1f} % within {most}" for most in NEAR)
        print(f"{name}: {len(found):,} of {len(labels):,} rows; of {len(known):,} energies {near}")
        if name == "mp_e_form":
            plain = [
                not CORRECTED & {symbol for symbol, _ in of_text(text)}
                for text in labels.set_index("mbid").loc[found["mbid"], "composition"]
            ]
            known = found["join_check_abs_de_eform"][plain].dropna()
            near = ", ".join(f"{100 * (known < most).mean():.1f} % within {most}" for most in NEAR)
            print(f"  of {len(known):,} without anions, whose energies are of one kind, {near}")
        if what == "ids":
            found = found.drop(columns=["lattice", "species", "frac_coords"])
        ending = "inferred_structures" if what == "structures" else "join_ids"
        found.to_parquet(given.output / f"matbench_{name}_{ending}.parquet", index=False)


if __name__ == "__main__":
    main()
