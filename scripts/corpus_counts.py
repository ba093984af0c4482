"""How many rows each key leaves, of each set of a corpus and of all together.

    python scripts/corpus_counts.py CORPUS.parquet

CORPUS is what `scripts/real_corpus.py` makes: in front of each id stands the name of its set.
Prints a Markdown table: rows, and different ids, strings, formulas with space group, formulas,
chemical systems and prototypes. Then, for each pair of sets, how many strings the two share.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

from stratus.corpora.keys import Key, keys_of
from stratus.corpora.packed.table import open_table

ALL = "all together"


def read(path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Return ids and strings by set."""
    sets: dict[str, tuple[list[str], list[str]]] = {}
    with open_table(path) as table:
        for batch in table.rows(["id", "scope"]):
            for name, scope in zip(*(c.to_pylist() for c in batch.columns), strict=True):
                ids, scopes = sets.setdefault(name.partition("/")[0], ([], []))
                ids.append(name)
                scopes.append(scope)
    return sets


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    sets = read(parser.parse_args().corpus)
    both = [[text for rows in sets.values() for text in rows[k]] for k in (0, 1)]
    print("| set | rows | " + " | ".join(Key) + " |")
    print("|---|" + "---:|" * (1 + len(Key)))
    for name, (ids, scopes) in {**sets, ALL: (both[0], both[1])}.items():
        counts = [len({*keys_of(key, ids, scopes)} - {None}) for key in Key]
        print(f"| {name} | {len(ids):,} | " + " | ".join(f"{n:,}" for n in counts) + " |")
    strings = {name: set(scopes) for name, (_, scopes) in sets.items()}
    print("\n| sets | strings in both |\n|---|---:|")
    shared = {pair: len(strings[pair[0]] & strings[pair[1]]) for pair in combinations(sets, 2)}
    for pair, count in sorted(shared.items(), key=lambda item: -item[1]):
        if count:
            print(f"| {pair[0]}, {pair[1]} | {count:,} |")


if __name__ == "__main__":
    main()
