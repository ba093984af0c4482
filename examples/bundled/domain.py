"""Write into a bundle what its heads learned from, and which formulas its weights have seen.

    python examples/bundled/domain.py [BUNDLE] [--data DIR]

Nothing is trained, and the weights stay as they are, byte for byte. From the tables of
`sources.yaml`, divided as `train.py` divides them, come

- `domain.json`: of each head the elements of the rows to learn from, each with its largest share,
  and the range of the labels; where the densities of states end; and, from the rows to choose with,
  the gap below which more crystals are metals than not, and by which factor intervals have to be
  widened of crystals that are out of what was learned;
- `seen.safetensors`: hashes of all formulas that a stage has learned from or chosen with.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import yaml
from train import HERE, TEST, VALIDATION, place, read_tables, write_strings

import stratus
from stratus.crystals.facets import Detail
from stratus.files.sealed import sealing
from stratus.models.bundle import check_files, write_domain
from stratus.models.loading import folder_of
from stratus.models.seen import SeenFormulas, write_seen
from stratus.scope.partial import hide
from stratus.tasks.contents import contents_of
from stratus.tasks.domain import Domain, Learned, metal_bound

if TYPE_CHECKING:
    from stratus.corpora.tables.table import Table
    from stratus.inference.predictor import Predictor

GAP = "band_gap"


def learned_from(table: Table, model: Predictor, sources: dict[str, Any]) -> Domain:
    """Return what the heads learned from, and where metals end."""
    where = np.array([place(formula) for formula in table.compositions])
    shares = table.fractions()

    def of(name: str, *, ranged: bool) -> Learned:
        labels = table.labels[:, table.targets.index(name)]
        rows = np.flatnonzero((where >= VALIDATION) & np.isfinite(labels))
        return Learned.of(shares[rows], labels[rows] if ranged else None)

    of_law = {name for name, task in model.tasks.items() if task.by.how == "law"}
    held = table.take(np.flatnonzero((where >= TEST) & (where < VALIDATION)))
    [density] = [source["spectrum"] for source in sources["whole"] if "spectrum" in source]
    found = Domain(
        targets={name: of(name, ranged=name not in of_law) for name in model.tasks},
        law=of(min(of_law), ranged=False),
        modes_end_per_cm=density["end_per_cm"],
        metal_below=metal_bounds(held, model),
    )
    return found.model_copy(update={"widening": widening(held, model, found)})


def metal_bounds(table: Table, model: Predictor) -> dict[Detail, float]:
    """Return the gap below which more crystals are metals than not, by how much is known."""
    gaps = table.labels[:, table.targets.index(GAP)]
    several = np.array([formula.count(" ") > 1 for formula in table.compositions])
    whole = np.array(["[MASK]" not in text for text in table.scopes])
    found: dict[Detail, float] = {}
    for kind in Detail:
        like = whole if kind is Detail.WHOLE else ~whole
        rows = np.flatnonzero(np.isfinite(gaps) & several & like)
        texts = [hide(table.scopes[row], kind) for row in rows]
        bound = metal_bound(gaps[rows], model.predict(texts, imposed=False)[GAP].value)
        if bound is not None:
            found[kind] = float(f"{bound:.3g}")
    return found


def widening(table: Table, model: Predictor, domain: Domain) -> float | None:
    """Return how many times as far as the ends of 90 % intervals 95 % of the labels are.

    Of crystals that are out of what a head learned from, those of all heads together; None where
    there is no such label.
    """
    found = model.predict(list(table.scopes), interval=0.9, imposed=False)
    contents = contents_of(table.crystals)
    ratios: list[float] = []
    for name, learned in domain.targets.items():
        labels, one = table.labels[:, table.targets.index(name)], found[name]
        for row in learned.reasons(contents, one.value):
            end = one.hi[row] if labels[row] > one.value[row] else one.lo[row]
            if np.isfinite([labels[row], end]).all():
                ratios.append(
                    abs(labels[row] - one.value[row]) / max(abs(end - one.value[row]), 1e-9)
                )
    print(f"{len(ratios)} labels are out of what their head learned from")
    return float(f"{max(np.quantile(ratios, 0.95), 1):.2g}") if ratios else None


def seen_by(table: Table, sources: dict[str, Any], data: Path) -> SeenFormulas:
    """Return the formulas that some stage has learned from or chosen with."""
    with tempfile.TemporaryDirectory() as folder:
        strings = write_strings(sources, data, Path(folder), set())
        texts = pq.read_table(strings, columns=["scope"])["scope"].to_pylist()
    formulas = {text.split(" | ")[2] for text in texts} | set(table.compositions)
    return SeenFormulas.of(formula for formula in formulas if place(formula) >= TEST)


def main() -> None:
    """Write both files, and seal the bundle again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", default="bundled")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared/data")
    given = parser.parse_args()
    sources = yaml.safe_load((HERE / "sources.yaml").read_text("utf-8"))
    folder = folder_of(given.bundle)
    files = check_files(folder)
    table = read_tables(sources, given.data)
    domain = learned_from(table, stratus.load(folder), sources)
    seen = seen_by(table, sources, given.data)
    with sealing(folder, replace=True) as draft:
        for name in files:
            shutil.copy2(folder / name, draft / name)
        write_domain(draft, domain)
        write_seen(draft, seen)
    print(f"{folder}: {len(seen):,} formulas seen; metals below {domain.metal_below}")
    stratus.load(given.bundle)  # all of it is as it should be


if __name__ == "__main__":
    main()
