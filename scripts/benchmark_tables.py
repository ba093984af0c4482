"""Write the tables of the results page: strings, labels and official folds, for `stratus finetune`.

    python scripts/benchmark_tables.py OUT [--data DIR] [--atoms]

`phonons`, `dielectric`, `moduli` and `perovskites` have the official MatBench fold of each row
(column `fold`). `mp` joins the Materials Project structures at hand, one row a string, with labels
averaged; its folds are those of `stratus finetune` by formula. `wbm` is for testing alone;
`mp-wbm` is both: a tenth of the formulas of `mp` validate, and those of `wbm` that it lacks test.
`dielectric-released` is the fold that the authors of CLOUD released, official fold 0, in their own
strings (the `paper` dialect); a tenth of the strings in their training file validates.

With `--atoms` tables hold the atoms beside the strings, for encoders of either; and `mp` has a row
for each structure, with its own labels, where several structures have one string. `transfer` is
`mp-wbm` whose test rows (`source` says which) are also all rows of `mp` of a formula that has such
structures: what tells them apart must be learned from other formulas.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.crystals.facets import Facet

STRUCTURES = "matbench_structures/matbench_{}_structures.parquet"
RELEASED = "cloud_example/finetune_dielectric_{}.csv.gz"
COLUMNS = ["id", "scope", "n_atoms", "dialect"]
ATOMS = ["lattice", "species", "frac_coords"]


def encode_structures(data: Path, file: str, *, out: Path, atoms: bool) -> pd.DataFrame:
    """Encode a table of structures; its other columns stay, and its atoms where asked for."""
    path = out / "encoded.parquet"
    keep = (Facet.SCOPE, Facet.ATOMS) if atoms else (Facet.SCOPE,)
    done = encode_corpus([str(data / file)], path, EncodeOptions(keep=keep))
    print(f"{file}: {done.rows_in} rows, {done.rows_out} strings")
    table = pq.read_table(path).to_pandas()
    for left in (path, path.with_suffix(".rejects.csv"), Path(done.rejects_file)):
        left.unlink(missing_ok=True)
    return table


def write(table: pd.DataFrame, columns: list[str], out: Path, name: str) -> None:
    """Write some columns of a table."""
    kept = [column for column in (*COLUMNS, *ATOMS, *columns) if column in table]
    table[kept].to_parquet(out / f"{name}.parquet", index=False)
    counts = ", ".join(f"{column} {table[column].notna().sum()}" for column in columns)
    print(f"{name}: {len(table)} rows, {table['scope'].nunique()} unlike strings; {counts}")


def formulas_of(table: pd.DataFrame) -> pd.Series:
    """Return the reduced composition of each string."""
    return table["scope"].str.split(" | ", regex=False).str[-2]


def learning_parts(names: pd.Series) -> np.ndarray:
    """Return train or validation for each row; a tenth of the names validates."""
    unlike = names.unique()
    held = np.random.default_rng(0).choice(unlike, len(unlike) // 10, replace=False)
    return np.where(names.isin(held), "validation", "train")


def released(data: Path) -> pd.DataFrame:
    """Read the released fold."""
    learn, test = (pd.read_csv(data / RELEASED.format(name)) for name in ("train_and_val", "test"))
    learn = learn.assign(part=learning_parts(learn["scope"]))
    both = pd.concat([learn, test.assign(part="test")], ignore_index=True)
    return both.assign(id=[f"released-{row}" for row in range(len(both))], dialect="paper")


def main() -> None:
    """Write all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    default = Path(__file__).parents[2] / "shared/data"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--atoms", action="store_true", help="keep the atoms beside the strings")
    given = parser.parse_args()
    data, out = given.data, given.output
    encoded = partial(encode_structures, data, out=out, atoms=given.atoms)
    out.mkdir(parents=True, exist_ok=True)

    phonons = encoded(STRUCTURES.format("phonons"))
    write(phonons, ["last_phdos_peak", "fold"], out, "phonons")
    dielectric = encoded(STRUCTURES.format("dielectric_inferred"))
    write(dielectric.rename(columns={"target": "n"}), ["n", "fold"], out, "dielectric")

    write(released(data), ["n", "part"], out, "dielectric-released")

    shear = encoded(STRUCTURES.format("log_gvrh_inferred"))
    bulk = encoded(STRUCTURES.format("log_kvrh_inferred"))
    by_crystal = bulk.set_index("mp_id_inferred")["target"]
    shear["log10_k"] = shear["mp_id_inferred"].map(by_crystal[~by_crystal.index.duplicated()])
    shear = shear.rename(columns={"target": "log10_g"})
    write(shear, ["log10_k", "log10_g", "fold"], out, "moduli")

    perovskites = encoded("perov5/perov5_structures.parquet")
    labels = pd.read_parquet(data / "matbench_labels/matbench_perovskites.parquet")
    perovskites["fold"] = perovskites["mbid"].map(labels.set_index("mbid")["fold"])
    known = perovskites["e_form"].notna() & perovskites["fold"].notna()
    perovskites = perovskites[known].astype({"fold": int})
    write(perovskites, ["e_form", "fold"], out, "perovskites")

    energy, gap = "formation_energy_per_atom", "band_gap"
    first = encoded("mp20_partial/mp20_partial.parquet")
    second = encoded("mpts52/mpts52_val_test.parquet")
    mp = pd.concat([first, second], ignore_index=True)
    mp = mp[[c for c in (*COLUMNS, *ATOMS, energy, gap) if c in mp]]
    if not given.atoms:
        means = mp.groupby("scope", sort=False)[[energy, gap]].transform("mean")
        mp = mp.assign(**{energy: means[energy], gap: means[gap]}).drop_duplicates("scope")
    write(mp, [energy, gap], out, "mp")
    wbm = encoded("wbm/wbm_5k_structures.parquet")
    write(wbm, [energy, gap], out, "wbm")

    formulas = formulas_of(mp)
    mp["part"] = learning_parts(formulas)
    new = ~formulas_of(wbm).isin(formulas)
    both = pd.concat([mp, wbm[new].assign(part="test")], ignore_index=True)
    write(both, [energy, gap, "part"], out, "mp-wbm")
    if given.atoms:
        several = formulas[mp["scope"].duplicated(keep=False)]
        both["source"] = np.where(np.arange(len(both)) < len(mp), "mp", "wbm")
        both.loc[formulas_of(both).isin(several) & (both["source"] == "mp"), "part"] = "test"
        write(both, [energy, "source", "part"], out, "transfer")


if __name__ == "__main__":
    main()
