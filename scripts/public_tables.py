"""Make the tables that the results pages read from the public files that they come from.

    python scripts/public_tables.py RAW DATA [--only TABLE ...]
    python scripts/join_structures.py DATA DATA/matbench_structures

RAW is a folder of downloads; `public_tables.yaml` beside this file says where each lies and under
which licence. Nothing is downloaded here. A table whose files are all in RAW is written to DATA; of
the others every missing file is named with its address, and the exit code is 1. The second command
joins rows of MatBench to structures of the Materials Project.

MatBench publishes structures of all rows, so with its files `stratus benchmark matbench --data RAW`
runs the whole official sets. The joined tables are here because the numbers on the results pages
were made on them; their perovskites were 15,268 rows, those of the official file are 18,928.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import re
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pandas as pd
import spglib
import yaml

from stratus.benchmarks.matbench import matbench_task, official_folds
from stratus.benchmarks.published_tables import read_published
from stratus.scope.paper import PaperScope

SYMPREC = 0.1
ARRAY = re.compile(r"array\((\[.*?\])(, dtype=\w+)?\)", re.DOTALL)
GEOMETRY = ["lattice", "species", "frac_coords"]
SYSTEMS = {
    2: "triclinic", 15: "monoclinic", 74: "orthorhombic", 142: "tetragonal",
    167: "trigonal", 194: "hexagonal", 230: "cubic",
}  # fmt: skip


class MissingFilesError(Exception):
    """Files of a table that are not in RAW, with their addresses."""


def at_hand(raw: Path, files: list[tuple[str, str]]) -> list[Path]:
    """Return the paths of files, or say which are missing and where they lie."""
    missing = [f"{name} from {address}" for name, address in files if not (raw / name).exists()]
    if missing:
        raise MissingFilesError("\n".join(f"  {line}" for line in missing))
    return [raw / name for name, _ in files]


def group_number(lattice: Any, species: str, coords: Any) -> int:
    """Return the space group at a tolerance of 0.1; 1 where none is found."""
    numbers = [gemmi.Element(symbol).atomic_number for symbol in species.split()]
    cell = np.reshape(lattice, (3, 3)), np.reshape(coords, (-1, 3)), numbers
    found = spglib.get_symmetry_dataset(cell, symprec=SYMPREC)
    return 1 if found is None else int(found.number)


def in_cell(species: str) -> str:
    """Return the composition of a cell as label tables write it: `K6 S6`."""
    return " ".join(f"{symbol}{count}" for symbol, count in Counter(species.split()).items())


def system_of(number: int) -> str:
    """Return the crystal system of a space group."""
    return next(system for last, system in SYSTEMS.items() if number <= last)


def matbench(raw: Path, name: str, source: dict[str, Any]) -> pd.DataFrame:
    """Read an official file: ids, labels, folds, and structures or compositions."""
    file, address = (source[key].format(name=name) for key in ("file", "address"))
    [path] = at_hand(raw, [(file, address)])
    task = matbench_task(name)
    target, values, columns = read_published(path, task.input, task.column)
    labels = np.array(values.to_pylist(), np.float64)
    table = pd.DataFrame({"mbid": task.ids(), target: labels} | columns)
    return table.assign(fold=official_folds(task, labels))


def matbench_labels(raw: Path, name: str, source: dict[str, Any]) -> pd.DataFrame:
    """Return labels with composition and space group in place of structures."""
    table = matbench(raw, name, source)
    if "lattice" not in table:
        return table.rename(columns={"formula": "composition"})
    geometry = zip(*(table[column] for column in GEOMETRY), strict=True)
    groups = [group_number(*each) for each in geometry]
    table = table.assign(
        composition=table["species"].map(in_cell),
        spg_num=groups,
        crys_sys=[system_of(number) for number in groups],
    )
    return table.drop(columns=GEOMETRY)


def geometry_of(text: str) -> dict[str, Any]:
    """Return cell, species and coordinates of a CIF text in P1."""
    found = gemmi.make_small_structure_from_block(gemmi.cif.read_string(text).sole_block())
    sites = found.get_all_unit_cell_sites()
    if any(site.occ < 1 for site in sites):
        raise ValueError("a site is shared or partly empty")
    cell = found.cell
    return {
        "cell": [cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma],
        "species": " ".join(site.element.name for site in sites),
        "frac_coords": [round(x, 8) for site in sites for x in site.fract.tolist()],
    }


def crystals(raw: Path, source: dict[str, Any]) -> pd.DataFrame:
    """Read tables of CIF texts; of an id that several have the first is kept."""
    paths = at_hand(raw, [(each["file"], each["address"]) for each in source["files"]])
    both = pd.concat(
        [pd.read_csv(path, keep_default_na=False, na_values=[""]) for path in paths],
        ignore_index=True,
    )
    if "row" in source:
        both[source["row"]] = np.arange(len(both))
    id_ = source.get("id", source.get("row"))
    both = both.drop_duplicates(id_)
    cells = pd.DataFrame([geometry_of(text) for text in both["cif"]], index=both.index)
    kept = [column for column in source["keep"] if column in both]
    return pd.concat([both[[id_, *kept]], cells], axis=1)


def cif_folder(raw: Path, source: dict[str, Any]) -> pd.DataFrame:
    """Read a folder of CIF files as texts."""
    [folder] = at_hand(raw, [(source["folder"], source["address"])])
    files = sorted(folder.glob("*.cif"))
    texts = [file.read_text("utf-8") for file in files]
    table = pd.DataFrame({"file": [file.name for file in files], "cif": texts})
    return table if source["id"] == "file" else table.assign(mp_id=[file.stem for file in files])


def densities(raw: Path, source: dict[str, Any]) -> pd.DataFrame:
    """Read densities of states; structures are written as Python does, and read as plain values."""
    path, *parts = at_hand(raw, [(each["file"], each["address"]) for each in source["files"]])
    table = pd.read_csv(path)
    split = pd.Series("", index=table.index)
    for part, each in zip(parts, source["files"][1:], strict=True):
        split[[int(line) for line in part.read_text("utf-8").split()]] = each["split"]
    rows = []
    for text in table["structure"]:
        atoms = ast.literal_eval(ARRAY.sub(r"\1", text))
        cell = np.array(atoms["cell"], np.float64)
        fractions = np.linalg.solve(cell.T, np.array(atoms["positions"], np.float64).T).T
        rows.append(
            {
                "lattice": np.round(cell, 8).ravel(),
                "species": " ".join(gemmi.Element(int(z)).name for z in atoms["numbers"]),
                "frac_coords": np.round(fractions, 8).ravel(),
            }
        )
    spectra = [ast.literal_eval(text) for text in table["phdos"]]
    found = pd.DataFrame(rows).assign(mp_id=table["mp_id"], phdos=spectra, split=split)
    return found[["mp_id", *GEOMETRY, "phdos", "split"]]


def joined_heat_capacities(data: Path, structures: pd.DataFrame) -> pd.DataFrame:
    """Give released heat capacities the crystals with their formula, atoms and space group."""
    rows = []
    for part in ("train_and_val", "test"):
        released = pd.read_csv(data / f"cloud_example/cloud_cv_{part}.csv.gz")
        for row, text, label, atoms in released.itertuples():
            paper = PaperScope.parse(text)
            amounts = {symbol: round(float(x) * atoms) for symbol, x in paper.fractions}
            key = (tuple(sorted(amounts.items())), paper.space_group)
            rows.append((part, row, text, label, int(atoms), key))
    names = ["part", "row", "scope_paper", "cv", "label_n_atoms", "key"]
    released = pd.DataFrame(rows, columns=names).drop_duplicates("key", keep=False)
    keys = [
        (tuple(sorted(Counter(species.split()).items())), group_number(lattice, species, coords))
        for lattice, species, coords in structures[GEOMETRY].itertuples(index=False)
    ]
    once = structures.assign(key=keys).drop_duplicates("key", keep=False)
    return released.merge(once[["mp_id", *GEOMETRY, "key"]], on="key").drop(columns="key")


def makers(raw: Path, data: Path, sources: dict[str, Any]) -> dict[str, Any]:
    """Return what makes each table, by its path in DATA, in the order in which they are needed."""
    official = sources["matbench"]
    found: dict[str, Any] = {}
    for name in [*official["labels"], *official["compositions"]]:
        path = f"matbench_labels/matbench_{name}.parquet"
        found[path] = lambda name=name: matbench_labels(raw, name, official)
    for name, each in official["structures"].items():
        renamed = {matbench_task(name).column: each["target"]}
        found[each["table"]] = lambda name=name, renamed=renamed: matbench(
            raw, name, official
        ).rename(columns=renamed)
    for source in sources["crystals"]:
        found[source["table"]] = lambda source=source: crystals(raw, source)
    for source in sources["cif_folders"]:
        found[source["table"]] = lambda source=source: cif_folder(raw, source)
    spectra = sources["densities"]
    found[spectra["table"]] = lambda: densities(raw, spectra)
    released = sources["released"]
    for name in released["names"]:
        found[f"cloud_example/{name}.csv.gz"] = lambda name=name: at_hand(
            raw, [(f"{name}.csv", released["address"].format(name=name))]
        )[0]

    def joined() -> pd.DataFrame:
        needed = [
            data / f"cloud_example/cloud_cv_{part}.csv.gz" for part in ("train_and_val", "test")
        ]
        lost = [path for path in [*needed, data / spectra["table"]] if not path.exists()]
        if lost:
            raise MissingFilesError("\n".join(f"  {path}, which is made first" for path in lost))
        return joined_heat_capacities(data, pd.read_parquet(data / spectra["table"]))

    found[released["joined"]] = joined
    return found


def main() -> None:
    """Make the tables whose files are there, and name the files that are not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="*", metavar="TABLE", help="Tables, by their path in DATA.")
    given = parser.parse_args()
    beside = Path(__file__).with_suffix(".yaml")
    every = makers(given.raw, given.data, yaml.safe_load(beside.read_text("utf-8")))
    unknown = sorted(set(given.only or ()) - set(every))
    if unknown:
        sys.exit(f"{unknown[0]} is no table; there are\n  " + "\n  ".join(every))
    lacking = 0
    for name in given.only or every:
        try:
            made = every[name]()
        except MissingFilesError as missing:
            lacking += 1
            print(f"{name} is not made; download\n{missing}")
            continue
        path = given.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(made, Path):
            with made.open("rb") as source, gzip.GzipFile(path, "wb", mtime=0) as sink:
                shutil.copyfileobj(source, sink)
            print(f"{name}: as it is")
            continue
        made.to_parquet(path, index=False, compression="zstd")
        print(f"{name}: {len(made):,} rows")
    sys.exit(1 if lacking else 0)


if __name__ == "__main__":
    main()
