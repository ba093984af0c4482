"""Train the weights that come with stratus, from the tables of the data folder.

    python examples/bundled/train.py OUT [--data DIR] [--options YAML]

What is read, and under which licence, is in `sources.yaml` beside this file. A tenth of all
formulas, chosen by hash, is never learned from (test), and a tenth is only used to choose epochs
and to calibrate intervals (validation). Then, each stage beginning with the weights of the last:

1. `pretrain`: masked tokens of the strings.
2. `supervised`: energies, gaps and volumes. Formulas of the benchmark sets are left out of these
   two stages, so `OUT/supervised` can be fine-tuned on all folds of those sets.
3. `targets`: all targets at once, several members, with parts of the crystals hidden.
4. `bundled`: the same, with the law of thermodynamics, on fewer of the other crystals.

A stage whose result is in OUT is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from spectra import columns_of, law_tasks, with_labels

import stratus
from stratus.corpora.encoding.job import encode_corpus
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.tables.duplicates import merge_twins
from stratus.corpora.tables.folds import Fold
from stratus.corpora.tables.joining import join_tables
from stratus.corpora.tables.reading import read_labelled
from stratus.models.bundle import load_bundle, save_bundle
from stratus.models.bundle_copy import keep_tasks
from stratus.tasks.task import Task, make_task
from stratus.training.finetune.events import EpochEnded
from stratus.training.finetune.options import make_finetune_options
from stratus.training.finetune.run import finetune
from stratus.training.option_layers import read_options
from stratus.training.options import make_options
from stratus.training.pretrain import pretrain

if TYPE_CHECKING:
    from stratus.corpora.tables.table import Table

HERE = Path(__file__).parent
TEST, VALIDATION = 0.1, 0.2  # a formula whose hash is below the first, and below the second
VOLUME = "volume_per_atom"
SUPERVISED = ("formation_energy_per_atom", "band_gap", "energy_above_hull", VOLUME)


def place(composition: str) -> float:
    """Return where a formula falls between 0 and 1; the same for ever."""
    digest = hashlib.blake2b(f"stratus held out|{composition}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def renamed(table: Table, labels: dict[str, str]) -> Table:
    """Give the targets the names that they have in all tables."""
    return replace(table, targets=tuple(labels[name] for name in table.targets))


def with_volumes(table: Table, path: Path) -> Table:
    """Add the volume per atom of each crystal, in Å^3, from its structure."""
    volumes = {
        entry.id: abs(np.linalg.det(entry.lattice)) / len(entry.numbers)
        for entry in stratus.read([path])
        if isinstance(entry, stratus.Entry)
    }
    column = np.array([volumes[id_] for id_ in table.ids])
    return replace(
        table,
        targets=(*table.targets, VOLUME),
        kinds=(*table.kinds, table.kinds[0]),
        labels=np.column_stack([table.labels, column]),
    )


def read_tables(sources: dict[str, Any], data: Path) -> Table:
    """Read every labelled table, and keep one row of each string.

    How many rows a table has is noted in its source.
    """
    tables = {}
    for source in [*sources["whole"], *sources["partial"]]:
        path = data / source["file"]
        if "spectrum" in source:
            table = read_spectra(path, source["spectrum"], sources["thermodynamics"])
        else:
            table = renamed(read_labelled(path, list(source["labels"])), source["labels"])
        if source.get("volume"):
            table = with_volumes(table, path)
        print(f"{source['name']:22}{len(table):8} rows, {len(table.rejects)} rejects")
        source["rows"] = len(table)
        tables[source["name"]] = table
    return merge_twins(join_tables(tables))


def read_spectra(path: Path, density: dict[str, Any], wanted: dict[str, Any]) -> Table:
    """Read a table of densities of states with what they come to."""
    with tempfile.TemporaryDirectory() as folder:
        written = with_labels(path, density, wanted, Path(folder))
        return read_labelled(written, [column for column, _, _ in columns_of(wanted)])


def write_strings(sources: dict[str, Any], data: Path, out: Path, leave: set[str]) -> Path:
    """Encode all structures, and write the strings that may be learned from."""
    path = out / "strings.parquet"
    parts = []
    for source in [*sources["whole"], *sources["strings"]]:
        encoded = out / f"{source['name']}.parquet"
        read = {"id_column": source["id"]} if "id" in source else {}
        options = EncodeOptions.model_validate({"read": read})
        encode_corpus([str(data / source["file"])], encoded, options)
        table = pq.read_table(encoded)
        ids = pa.array([f"{source['name']}/{id_}" for id_ in table["id"].to_pylist()])
        texts = table["scope"].to_pylist()
        formulas = [text.split(" | ")[2] for text in texts]
        keep = pa.array([f not in leave and place(f) >= TEST for f in formulas])
        columns = ["scope", "n_atoms", "dialect", "symprec"]
        parts.append(table.select(columns).add_column(0, "id", ids).filter(keep))
    pq.write_table(pa.concat_tables(parts), path, compression="zstd")
    return path


def formulas_to_leave(sources: dict[str, Any], data: Path, out: Path) -> set[str]:
    """Return the formulas of the sets that the first two stages must not see."""
    tables = [source for source in sources["partial"] if source.get("benchmark")]
    found = {
        formula
        for source in tables
        for formula in read_labelled(data / source["file"], list(source["labels"])).compositions
    }
    structures = [source for source in sources["whole"] if source.get("benchmark")]
    for source in [*structures, *sources["kept_away"]]:
        encoded = out / f"{source['name']}.parquet"
        encode_corpus([str(data / source["file"])], encoded, EncodeOptions())
        texts = pq.read_table(encoded, columns=["scope"])["scope"].to_pylist()
        found |= {text.split(" | ")[2] for text in texts}
    return found


def at_hand(strings: list[dict[str, Any]], data: Path) -> list[dict[str, Any]]:
    """Return the tables of strings that are there; the others are named, and learned from no more.

    Every other table is needed.
    """
    lost = [source["name"] for source in strings if not (data / source["file"]).exists()]
    if lost:
        print(f"not there, so without their strings: {', '.join(lost)}")
    return [source for source in strings if source["name"] not in lost]


def tasks_of(names: tuple[str, ...], sources: dict[str, Any]) -> list[Task]:
    """Return the tasks of some targets."""
    return [make_task({"column": name, **sources["targets"][name]}) for name in names]


def data_of(sources: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the cards say about the data; rows are those read, before any is held out."""
    keys = ("name", "rows", "licence", "origin")
    read = [*sources["whole"], *sources["partial"], *sources["strings"]]
    return [{key: source[key] for key in keys} for source in read]


def learn(
    table: Table, tasks: list[Task], options: dict[str, Any], start: Path, folder: Path,
    card: dict[str, Any], *, scored: bool, keep: list[str] | None = None,
) -> None:  # fmt: skip
    """Fine-tune on one fold, whose parts are given by the formulas.

    The test rows are predicted, beside simple models, only where the result is to be ``scored``.
    Of the tasks those that are to be kept stay, or all.
    """
    columns = [table.targets.index(task.column) for task in tasks]
    table = table.take(np.flatnonzero(np.isfinite(table.labels[:, columns]).any(axis=1)))
    repeat = options.pop("repeat", {})
    table = repeated(rehearsed(table, options.pop("rehearse", 1.0), list(repeat)), repeat)
    where = np.array([place(formula) for formula in table.compositions])
    fold = Fold(
        "formulas",
        np.flatnonzero(where >= VALIDATION),
        np.flatnonzero((where >= TEST) & (where < VALIDATION)),
        np.flatnonzero(where < TEST) if scored else np.empty(0, np.int64),
    )
    result = finetune(
        table, [fold], tasks, make_finetune_options(options),
        model=load_bundle(start), on_progress=show,
    )  # fmt: skip
    result.save(folder, card=card)
    found = load_bundle(folder)
    if keep is not None:
        found = keep_tasks(found, keep)
    save_bundle(  # without the predictions of the test rows, which are larger than the weights
        folder, members=found.members, architecture=found.architecture, view=found.view,
        card=found.card, metrics=found.metrics, calibration=found.calibration, domain=found.domain,
        seen=found.seen, replace=True,
    )  # fmt: skip


def rehearsed(table: Table, share: float, rare: list[str]) -> Table:
    """Keep a share of the rows to learn from that have no rare label, and all other rows."""
    columns = [table.targets.index(name) for name in rare]
    keep = np.isfinite(table.labels[:, columns]).any(axis=1)
    where = np.array([place(formula) for formula in table.compositions])
    keep |= where < VALIDATION + share * (1 - VALIDATION)
    return table.take(np.flatnonzero(keep))


def repeated(table: Table, times: dict[str, int]) -> Table:
    """Let crystals with a rare label stand several times among the rows to learn from.

    Args:
        table: every crystal once.
        times: how often a crystal stands there, by target; the most where it has several.
    """
    count = np.ones(len(table), np.int64)
    for name, number in times.items():
        has = np.isfinite(table.labels[:, table.targets.index(name)])
        count[has] = np.maximum(count[has], number)
    count[[place(formula) < VALIDATION for formula in table.compositions]] = 1
    rows = np.repeat(np.arange(len(table)), count)
    again = np.concatenate([np.arange(number) for number in count])
    ids = tuple(
        f"{table.ids[k]}#{n}" if n else table.ids[k] for k, n in zip(rows, again, strict=True)
    )
    return replace(table.take(rows), ids=ids)


def show(event: object) -> None:
    """Print a line an epoch."""
    if isinstance(event, EpochEnded):
        best = " best" if event.best else ""
        print(f"epoch {event.epoch:3} validation loss {event.loss:.4f}{best}", flush=True)


def main() -> None:
    """Run the stages that are not done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared/data")
    parser.add_argument("--options", type=Path, default=HERE / "options.yaml")
    given = parser.parse_args()
    sources = yaml.safe_load((HERE / "sources.yaml").read_text("utf-8"))
    options = read_options(given.options)
    out: Path = given.output
    out.mkdir(parents=True, exist_ok=True)
    if not given.data.is_dir():
        sys.exit(f"{given.data} is no folder; name the folder of the tables: --data")
    sources["strings"] = at_hand(sources["strings"], given.data)
    leave = formulas_to_leave(sources, given.data, out)
    table = read_tables(sources, given.data)
    print(f"{len(table)} unlike strings; labels {table.labelled}")

    for source in sources["strings"]:
        source["rows"] = pq.ParquetFile(given.data / source["file"]).metadata.num_rows
    card = {"data": data_of(sources)}
    strings = out / "strings.parquet"
    if not (out / "pretrain").exists():
        write_strings(sources, given.data, out, leave)
        pretrain(strings, out / "pretrain", make_options(options["pretrain"]), card=card)
    start = out / "pretrain" / "bundle"
    if not (out / "supervised").exists():
        seen = [k for k, formula in enumerate(table.compositions) if formula not in leave]
        tasks = tasks_of(SUPERVISED, sources)
        learn(
            table.take(seen), tasks, options["supervised"], start, out / "supervised", card,
            scored=False,
        )  # fmt: skip
    card |= options["card"]
    tasks = tasks_of(tuple(sources["targets"]), sources)
    if not (out / "targets").exists():
        learn(
            table, tasks, options["targets"], out / "supervised", out / "targets", card,
            scored=True,
        )  # fmt: skip
    if not (out / "bundled").exists():
        law = law_tasks(sources["thermodynamics"])
        learn(
            table, [*tasks, *law], options["bundled"], out / "targets", out / "bundled", card,
            scored=True, keep=[*sources["targets"], *sources["thermodynamics"]["keep"]],
        )  # fmt: skip


if __name__ == "__main__":
    main()
