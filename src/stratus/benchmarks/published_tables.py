"""Tables of crystals and labels as MatBench and UnconvBench publish them: JSON, read as data.

The form is that of pandas, ``{"index": ..., "columns": [...], "data": [[structure, label], ...]}``,
with structures as pymatgen writes them. Rows are called by number and split by scikit-learn.
"""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stratus.benchmarks.question import Question, Unread
from stratus.corpora.encoding.rows import STRINGS_ALONE
from stratus.corpora.tables.folds import from_column
from stratus.corpora.tables.reading import read_labelled
from stratus.crystals.reading.json_records import json_records
from stratus.crystals.reading.record import ReadOptions
from stratus.crystals.reading.refusal import Refusal
from stratus.errors import InputError
from stratus.files.digest import sha256

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from stratus.benchmarks.published_rows import Published
    from stratus.benchmarks.record import Asked
    from stratus.crystals.facets import Facet

N_FOLDS: Final = 5
ID, FORMULA, GROUP = "id", "formula", "space_group"
"""Columns of the table that :func:`published_question` encodes, beside those of the geometry."""
COMPOSITION: Final = "composition"
GEOMETRY: Final = ("lattice", "species", "frac_coords")
"""Columns that :func:`geometry` gives."""


def payloads(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file by column, one in memory at a time.

    Raises:
        stratus.errors.InputError: the file is damaged, or none of this form.
    """
    opened = gzip.open if file.suffix == ".gz" else open
    try:
        with opened(file, "rb") as stream:
            for record in json_records(stream, file.stem, file.name, ReadOptions()):  # type: ignore[arg-type]
                if not isinstance(record.payload, dict):
                    raise InputError(f"{record.source} of {file.name} is no row of a table")
                yield record.payload
    except (Refusal, OSError, EOFError) as error:
        raise InputError(f"{file.name} cannot be read ({error}); fetch it again") from None


def geometry(structure: Any, file: Path) -> dict[str, Any]:
    """Return lattice, species and coordinates of a structure as pymatgen writes it.

    What it holds is read as data: no class is looked up, whatever ``@module`` says.

    Raises:
        stratus.errors.InputError: it is no such structure, or a site is shared or partly empty.
    """
    try:
        matrix = np.array(structure["lattice"]["matrix"], np.float64)
        sites = structure["sites"]
        species = [
            part["element"]
            for site in sites
            for part in site["species"]
            if len(site["species"]) == 1 and part["occu"] == 1
        ]
        coords = np.array([site["abc"] for site in sites], np.float64)
        if matrix.shape != (3, 3) or len(species) != len(sites) or coords.shape[1:] != (3,):
            raise ValueError("it is not ordered, or has no three axes")
        symbols = " ".join(str(symbol) for symbol in species)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(
            f"a structure of {file.name} is none that pymatgen writes ({error})"
        ) from None
    return {
        "lattice": matrix.ravel().tolist(),
        "species": symbols,
        "frac_coords": coords.ravel().tolist(),
    }


def column(values: Sequence[Any]) -> pa.Array:
    """Return labels as a column; as texts where they are of several kinds, to be refused by row."""
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values])


def read_published(
    file: Path, crystal: str, target: str | None = None
) -> tuple[str, pa.Array, dict[str, list[Any]]]:
    """Read a file whole, one crystal in memory at a time beside what is kept of it.

    Args:
        file: the table.
        crystal: its column of crystals: structures, unless it is called ``composition``.
        target: its column of labels; left out, the one beside the crystals.

    Returns:
        The name of the target, the labels ``[rows]`` as they stand there, and columns of an input
        table by name: those of the geometry, or ``formula``.

    Raises:
        stratus.errors.InputError: the file is damaged, or a row has not these two columns.
    """
    formulas = crystal == COMPOSITION
    found: list[Any] = []
    columns: dict[str, list[Any]] = {name: [] for name in ([FORMULA] if formulas else GEOMETRY)}
    for payload in payloads(file):
        target = target or next((name for name in payload if name != crystal), "")
        if payload.keys() != {crystal, target}:
            raise InputError(
                f"row {len(found)} of {file.name} has not {crystal!r} and one label, "
                f"{target!r}, but {', '.join(map(repr, payload)) or 'nothing'}"
            )
        found.append(payload[target])
        given = payload[crystal]
        for name, value in ({FORMULA: given} if formulas else geometry(given, file)).items():
            columns[name].append(value)
    return target or "", column(found), columns


def numbered(stem: str, rows: int) -> list[str]:
    """Return the ids of rows, such as ``mb-phonons-0001``: as wide as the last of them."""
    return [f"{stem}-{row + 1:0{len(str(rows))}d}" for row in range(rows)]


def shuffled_folds(
    labels: NDArray[np.float64], seed: int, *, by_class: bool = False
) -> NDArray[np.int64]:
    """Return in which of five folds each row is a test row, ``[rows]``, by scikit-learn's KFold.

    Args:
        labels: ``[rows]``; only the classes among them matter.
        seed: of the shuffle.
        by_class: let each fold have its share of each class.
    """
    from sklearn.model_selection import (  # type: ignore[import-untyped, unused-ignore]
        KFold,
        StratifiedKFold,
    )

    kind = StratifiedKFold if by_class else KFold
    split = kind(n_splits=N_FOLDS, shuffle=True, random_state=seed)
    folds = np.empty(len(labels), dtype=np.int64)
    for number, (_, test) in enumerate(split.split(labels, labels)):
        folds[test] = number
    return folds


def published_question(  # noqa: PLR0913 - one for each thing that differs by benchmark
    asked: Asked,
    inputs: pa.Table,
    labels: Mapping[str, float],
    folds: NDArray[np.int64],
    files: Iterable[Path],
    *,
    published: tuple[Published, ...] = (),
    facets: Collection[Facet | str] | None = STRINGS_ALONE,
    seed: int = 0,
    workers: int | None = 0,
) -> Question:
    """Encode the crystals of a task, and split them by its folds.

    Args:
        asked: how it is called.
        inputs: a table of ids (``ID``), labels, and structures or formulas (``FORMULA`` and
            ``GROUP``); some rows of the task may be missing.
        labels: of all rows, by their ids in order.
        folds: ``[rows]``, in which each is a test row.
        files: what was read.
        published: numbers of others for the official task.
        facets: what is read of crystals, as :func:`stratus.corpora.read_labelled` has it; strings
            are needed, which the simple models see.
        seed: of the validation rows, drawn from the training rows of each fold.
        workers: processes that encode structures.

    Raises:
        stratus.errors.InputError: a label is none.
    """
    fold = dict(zip(labels, map(str, folds.tolist()), strict=True))
    has = inputs.column_names
    with tempfile.TemporaryDirectory(prefix="stratus-benchmark-") as folder:
        path = Path(folder) / f"{asked.name}.parquet"
        pq.write_table(inputs, path)
        table = read_labelled(
            path,
            [asked.target],
            kinds={asked.target: asked.kind},
            id_column=ID,
            formula_column=FORMULA if FORMULA in has else None,
            space_group_column=GROUP if GROUP in has else None,
            facets=facets,
            workers=workers,
        )
    table = replace(table, splits=tuple(fold[id_] for id_ in table.ids))
    return Question(
        asked=asked,
        table=table,
        folds=tuple(from_column(table, seed=seed)),
        files={path.name: sha256(path) for path in files},
        unread=tuple(
            Unread(reject.id, fold[reject.id], labels[reject.id], reject.detail)
            for reject in table.rejects
        ),
        published=published,
    )
