"""Write the tables of the thermodynamics page: strings, labels, atoms, splits and folds.

    python scripts/thermo_tables.py OUT [--data DIR] [--dense]

`cv`: the published C_v at 300 K of the crystals whose structures are at hand, in J/(mol K) per cell
of `cell_atoms` atoms, with the published `split`. `cv_all`: all published rows; where there is no
structure, the formula and the space group of the published string stand in for it. `dos`: C_v and
S in J/(mol K) and U and F in kJ/mol, per mole of atoms, at seven temperatures (`--dense`: more), by
quadrature of the phonon densities of states, with the split of their file.

All have five folds twice: `fold` keeps rows of one string together, `fold_formula` those of one
composition. `volume_a3` is that of the cell that the labels, or `n_atoms`, refer to.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from pymatgen.core import Composition

from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.tables.folds import kfold
from stratus.corpora.tables.reading import read_labelled
from stratus.scope.paper import PaperScope
from stratus.scope.partial import write_partial

TEMPERATURES_K: Final = (20, 50, 100, 200, 300, 500, 1000)
MORE_K: Final = (10, 30, 70, 150, 400, 700, 1500)
CV: Final = "cv@300K"
LAST_OF_SYSTEM: Final = {
    2: "triclinic", 15: "monoclinic", 74: "orthorhombic", 142: "tetragonal",
    167: "trigonal", 194: "hexagonal", 230: "cubic",
}  # fmt: skip
COLUMNS: Final = (
    "id", "scope", "n_atoms", "dialect", "formula", "space_group", "crystal_system", "volume_a3",
)  # fmt: skip
DOS_STEP_CM: Final = 20.0


def encoded(file: Path) -> pd.DataFrame:
    """Encode a table of structures; its other columns stay, and the volume of the cell is added."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoded.parquet"
        done = encode_corpus([str(file)], path, EncodeOptions(workers=0))
        print(f"{file.name}: {done.rows_in} rows, {done.rows_out} strings")
        table = pd.read_parquet(path)
    cells = pd.read_parquet(file, columns=["mp_id", "lattice", "species"]).set_index("mp_id")
    matrices = np.stack(cells["lattice"]).reshape(-1, 3, 3)
    per_atom = np.abs(np.linalg.det(matrices)) / cells["species"].str.split().map(len)
    table["volume_a3"] = table["id"].map(per_atom) * table["n_atoms"]
    return with_system(table)


def with_system(table: pd.DataFrame) -> pd.DataFrame:
    """Add the crystal system, by the number of the space group."""
    place = np.searchsorted(list(LAST_OF_SYSTEM), table["space_group"])
    return table.assign(crystal_system=np.array(list(LAST_OF_SYSTEM.values()))[place])


def without_structure(table: pd.DataFrame, data: Path) -> pd.DataFrame:
    """Return the published rows that have no structure, as partial strings."""
    found = []
    for part in ("train_and_val", "test"):
        have = set(table.loc[table["part"] == part, "row"])
        published = pd.read_csv(data / f"cloud_example/cloud_cv_{part}.csv.gz")
        for row, text, label, atoms in published.itertuples():
            if row in have:
                continue
            paper = PaperScope.parse(text)
            amounts = {symbol: round(float(x) * atoms) for symbol, x in paper.fractions}
            if sum(amounts.values()) != atoms:
                raise SystemExit(f"{part}, row {row}: {text} does not add up to {atoms} atoms")
            found.append(
                {
                    "id": f"{part}-{row}",
                    "scope": write_partial(amounts, paper.space_group),
                    "n_atoms": 0,
                    "dialect": "orbit",
                    "formula": Composition(amounts).reduced_formula,
                    "space_group": paper.space_group,
                    "volume_a3": np.nan,
                    "part": part,
                    "cv": label,
                    "label_n_atoms": int(atoms),
                }
            )
    return with_system(pd.DataFrame(found))


def with_folds(table: pd.DataFrame, label: str) -> pd.DataFrame:
    """Add two columns of five folds: twins together, compositions together."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        table[["id", "scope", "n_atoms", "dialect", label]].to_parquet(path, index=False)
        read = read_labelled(path, [label])
    if len(read) != len(table):
        raise SystemExit(f"{len(table) - len(read)} rows cannot be read: {read.rejects[:3]}")
    for name, group in (("fold", "scope"), ("fold_formula", "composition")):
        of = np.full(len(table), -1)
        for fold in kfold(read, 5, 0, group=group):
            of[fold.test] = int(fold.name)
        table[name] = of
    return table


def write(table: pd.DataFrame, columns: list[str], out: Path, name: str) -> None:
    """Write some columns of a table."""
    kept = [*COLUMNS, *columns, "split", "fold", "fold_formula"]
    table[kept].to_parquet(out / f"{name}.parquet", index=False)
    parts = ", ".join(f"{part} {n}" for part, n in table["split"].value_counts().items())
    print(
        f"{name}: {len(table)} rows ({parts}), {table['scope'].nunique()} unlike strings, "
        f"{table['formula'].nunique()} formulas"
    )


def published(data: Path, out: Path) -> pd.DataFrame:
    """Write the published heat capacities, and return them."""
    table = encoded(data / "cloud_example/cloud_cv_structures.parquet")
    if (table["n_atoms"] != table["label_n_atoms"]).any():
        raise SystemExit("a label belongs to another cell than the primitive one")
    both = pd.concat([table, without_structure(table, data)], ignore_index=True)
    both = both.rename(columns={"cv": CV, "label_n_atoms": "cell_atoms"})
    both["split"] = both["part"].map({"train_and_val": "train", "test": "test"})
    both = with_folds(both, CV)
    write(both, [CV, "cell_atoms"], out, "cv_all")
    write(both[both["n_atoms"] > 0], [CV, "cell_atoms"], out, "cv")
    return both


def from_dos(data: Path, out: Path, temperatures_k: tuple[int, ...]) -> pd.DataFrame:
    """Write what the densities of states come to, and return it."""
    import torch

    from stratus.physics import spectrum

    table = encoded(data / "phonon_dos/phdos_1521.parquet")
    density = torch.from_numpy(np.stack(table["phdos"]).astype(np.float64))
    wavenumbers = DOS_STEP_CM * torch.arange(density.shape[1])
    kelvins = torch.tensor(temperatures_k, dtype=torch.float64)
    columns = []
    for quantity, scale in (("cv", 1.0), ("u", 1e-3), ("s", 1.0), ("f", 1e-3)):
        values = spectrum.evaluate(quantity, wavenumbers, density, kelvins).numpy()
        for k, kelvin in enumerate(temperatures_k):
            columns.append(f"{quantity}@{kelvin}K")
            table[columns[-1]] = scale * values[:, k]
    table = with_folds(table, CV)
    write(table, columns, out, "dos")
    return table


def main() -> None:
    """Write all of them, and say how well the two sources of C_v agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    default = Path(__file__).parents[2] / "shared/data"
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--dense", action="store_true", help="twice as many temperatures")
    given = parser.parse_args()
    data, out = given.data, given.output
    out.mkdir(parents=True, exist_ok=True)
    cv = published(data, out)
    temperatures_k = tuple(sorted(TEMPERATURES_K + (MORE_K if given.dense else ())))
    dos = from_dos(data, out, temperatures_k)
    compare(dos[CV] - dos["cv300_J_per_molatom_from_dos"], "quadrature - column of the file")
    both = cv.merge(dos[["id", CV]], on="id", suffixes=("", " of the DOS"))
    error = both[f"{CV} of the DOS"] - both[CV] / both["cell_atoms"]
    compare(error, "quadrature - published C_v")


def compare(difference: pd.Series, what: str) -> None:
    """Print how far two sources of C_v at 300 K are apart."""
    size = difference.abs()
    print(
        f"{what}, {len(size)} crystals, J/(mol K) per atom: mean {difference.mean():+.4f}, "
        f"mean size {size.mean():.4f}, 95 % below {size.quantile(0.95):.3f}, most {size.max():.3f}"
    )


if __name__ == "__main__":
    main()
