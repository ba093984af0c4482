"""Print how much of the batches of training is padding where atoms are laid out in rows."""

from __future__ import annotations

import argparse

import numpy as np

from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.tables.reading import read_crystals
from stratus.crystals.facets import Facet
from stratus.training.epochs import n_batches, plan_epoch


def padding(sizes: np.ndarray, batch_size: int, epochs: int = 3) -> float:
    """Return the share of places that are empty, over all batches of some epochs."""
    real = places = 0
    for epoch in range(epochs):
        plan = plan_epoch(sizes, batch_size, seed=0, epoch=epoch)
        for number in range(n_batches(len(sizes), batch_size)):
            mine = sizes[plan.rows(number)]
            real += int(mine.sum())
            places += int(mine.max()) * len(mine)
    return 1 - real / places


def main() -> None:
    """Read tables of structures and print a line of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="+", help="files of structures")
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    for path in arguments.tables:
        table = read_crystals(path, options=EncodeOptions(keep=(Facet.ATOMS,), workers=0))
        sizes = np.array([len(crystal.atoms.numbers) for crystal in table.crystals])
        share = padding(sizes, arguments.batch_size)
        print(f"{path}: {len(sizes)} crystals of {sizes.mean():.1f} atoms, padding {share:.2%}")


if __name__ == "__main__":
    main()
