"""Write the cards of the data sets that the project learns from.

    python scripts/data_cards.py [--data DIR] [-o examples/cards]

Names, licences and origins are those of `examples/bundled/sources.yaml` and of
`scripts/real_corpus.yaml`; digests, rows and columns are those of the files in the data folder. The
paths in a card count from that folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from stratus.corpora.cards.card import CARD_SUFFIX, DataCard
from stratus.corpora.cards.files import describe, write_data_card

HERE = Path(__file__).parent
LISTS = (HERE.parent / "examples/bundled/sources.yaml", HERE / "real_corpus.yaml")
UNITS = {
    "e_above_hull": "eV/atom",
    "cell": "Å, degree",
    "lattice": "Å",
    "frac_coords": "",
    "e_form": "eV/atom",
    "tc_K_from_3DSC_ICSD_by_formula": "K",
    "formation_energy_per_atom_mp2018": "eV/atom",
    "band_gap_pbe_mp2018": "eV",
    "energy_per_atom": "eV/atom",
    "uncorrected_energy_per_atom": "eV/atom",
    "efermi": "eV",
    "dir_gap": "eV",
    "ind_gap": "eV",
    "cv300_J_per_molatom_from_dos": "J/(mol K)",
    "join_check_abs_de_eform": "eV/atom",
}


def listed() -> list[dict[str, Any]]:
    """Return every data set of both lists that has a licence, each file once."""
    found: dict[str, dict[str, Any]] = {}
    for path in LISTS:
        lists = yaml.safe_load(path.read_text("utf-8"))
        for rows in lists.values():
            for row in rows if isinstance(rows, list) else []:
                if "licence" in row:
                    found.setdefault(row["file"], row)
    return list(found.values())


def units() -> dict[str, str]:
    """Return the unit of each column whose unit is known."""
    lists = yaml.safe_load(LISTS[0].read_text("utf-8"))
    of = {name: target["unit"] for name, target in lists["targets"].items()}
    labels = {
        column: of[target]
        for row in (*lists["whole"], *lists["partial"])
        for column, target in row.get("labels", {}).items()
        if column != "target"  # another one in each table
    }
    return {**UNITS, **of, **labels}


def card_of(row: dict[str, Any], data: Path) -> DataCard:
    """Return the card of one data set."""
    known = units()
    if "target" in row.get("labels", {}):
        lists = yaml.safe_load(LISTS[0].read_text("utf-8"))
        known["target"] = lists["targets"][row["labels"]["target"]]["unit"]
    path = data / row["file"]
    plain = describe([path], name=row["name"], licence=row["licence"], origin=row["origin"])
    columns = tuple(
        column.model_copy(update={"unit": known[column.name]}) if column.name in known else column
        for column in plain.columns
    )
    files = (plain.files[0].model_copy(update={"file": row["file"]}),)
    return plain.model_copy(update={"columns": columns, "files": files})


def main() -> None:
    """Write the cards."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data")
    parser.add_argument("-o", "--output", type=Path, default=HERE.parent / "examples/cards")
    options = parser.parse_args()
    options.output.mkdir(exist_ok=True)
    for row in listed():
        path = options.output / f"{row['name']}{CARD_SUFFIX}"
        write_data_card(path, card_of(row, options.data))
        print(path.name)


if __name__ == "__main__":
    main()
