"""How many structures share a string, for the published dialect and for ours?

Within each data set, two structures that share a string cannot be told apart by a model that reads
strings. The published string also depends on how a file lists its atoms, which tells structures
apart by accident; "sorted" is the published string with its words sorted, which is what it really
says. Some of them are one crystal twice, so for the orbit dialect the pairs are also compared
with pymatgen's StructureMatcher (a sample of them).

    python bench/scope_distinction.py [--data DIR] [--limit 4000]

The last line is the sorted published share over ours, on all sets together.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from pymatgen.core.structure_matcher import StructureMatcher
from real_sets import DATA, SETS

import stratus
from stratus.crystals.entry import Entry
from stratus.errors import StratusError


def sort_words(text: str) -> str:
    """Sort the Wyckoff symbols and the elements of a published string."""
    group, wyckoffs, fractions = text.split(" | ")
    words = fractions.split(" ")
    pairs = sorted(zip(words[::2], words[1::2], strict=True))
    return f"{group} | {sorted(wyckoffs.split(' '))} | {pairs}"


def sharing(groups: dict[str, list[int]]) -> int:
    """Count the structures whose string another structure has too."""
    return sum(len(members) for members in groups.values() if len(members) > 1)


def same_crystal(entries: list[Entry], groups: dict[str, list[int]], sample: int) -> str:
    """Say which share of (up to) ``sample`` pairs StructureMatcher calls one crystal."""
    pairs = [members[:2] for members in groups.values() if len(members) > 1]
    chosen = np.random.default_rng(0).permutation(len(pairs))[:sample]
    matcher = StructureMatcher()
    same = sum(
        matcher.fit(entries[pairs[k][0]].structure, entries[pairs[k][1]].structure) for k in chosen
    )
    return f"{same}/{len(chosen)}" if len(chosen) else "-"


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--limit", type=int, default=4000, help="structures of each set at most")
    parser.add_argument("--pairs", type=int, default=100, help="pairs to compare in each set")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("moyo").setLevel(logging.ERROR)
    header = "".join(f"{word:>9}" for word in ("paper", "sorted", "orbit"))
    print(f"{'set':<12}{'structures':>11}{header}   one crystal, of the pairs")
    total: Counter[str] = Counter()
    for name, file in SETS.items():
        entries = [e for e in stratus.read(arguments.data / file) if isinstance(e, Entry)]
        step = max(1, len(entries) // arguments.limit)
        entries = entries[::step][: arguments.limit]
        groups = {kind: defaultdict(list) for kind in ("paper", "sorted", "orbit")}
        kept = 0
        for k, entry in enumerate(entries):
            try:
                texts = {d: str(stratus.encode(entry, dialect=d)) for d in ("paper", "orbit")}
            except StratusError as error:
                print(f"left out {entry.id}: {error}")
                continue
            texts["sorted"] = sort_words(texts["paper"])
            kept += 1
            for dialect, text in texts.items():
                groups[dialect][text].append(k)
        shared = {kind: sharing(members) for kind, members in groups.items()}
        matched = same_crystal(entries, groups["orbit"], arguments.pairs)
        total.update(shared, rows=kept)
        shares = "".join(f"{100 * count / kept:>8.2f}%" for count in shared.values())
        print(f"{name:<12}{kept:>11}{shares}   {matched}", flush=True)
    counts = ", ".join(f"{kind} {total[kind]}" for kind in ("paper", "sorted", "orbit"))
    print(f"all: {total['rows']} structures; sharing a string: {counts}")
    print(f"ratio: {total['sorted'] / max(total['orbit'], 1):.2f}")


if __name__ == "__main__":
    sys.exit(main())
