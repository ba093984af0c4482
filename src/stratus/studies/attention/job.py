"""Any pile of crystals to a report on attention, a table and pictures."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stratus.errors import InputError, StratusError
from stratus.files.whole import whole_file
from stratus.inference.inputs import PredictOptions, rows
from stratus.plots.attention_picture import attention_picture
from stratus.plots.figure import save_figure
from stratus.studies.attention.part_scores import METHODS
from stratus.studies.attention.parts import SPACE_GROUP
from stratus.studies.attention.study import AttentionOptions, AttentionReport, study
from stratus.training.run_folder import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from stratus.models.model import Model
    from stratus.studies.attention.part_scores import Look

REPORT: Final = "attention.json"
TABLE: Final = "attention.csv"


@dataclass(frozen=True)
class Done:
    """What a job came to.

    Attributes:
        report: the numbers.
        rejects: crystals that could not be looked at, by code.
        files: what was written.
    """

    report: AttentionReport
    rejects: dict[str, int]
    files: tuple[Path, ...]


def run(
    inputs: Sequence[object],
    model: Model,
    folder: str | Path,
    options: AttentionOptions | None = None,
    reading: PredictOptions | None = None,
    *,
    pictures: int = 1,
    kind: str = "png",
) -> Done:
    """Look at crystals and write what was seen.

    Args:
        inputs: what :func:`stratus.read` takes; tables of SCOPE strings or formulas as well.
        model: of the architecture ``cloud`` or ``orbit-set``.
        folder: where the report, the table and the pictures go.
        options: how.
        reading: how crystals are read and encoded.
        pictures: how many of the first crystals are drawn.
        kind: png, svg or pdf.

    Raises:
        stratus.errors.InputError: an input, the model or the folder cannot be used, or no crystal
            can be looked at.
    """
    options, folder = options or AttentionOptions(), Path(folder)
    names: list[str] = []
    texts: list[str] = []
    rejects: Counter[str] = Counter()
    for row in rows(inputs, model.view.reads, reading or PredictOptions()):
        if row.crystal is None:
            rejects[str(row.reject.code) if row.reject else "unknown"] += 1
            continue
        try:
            model.view.sample(row.crystal)
        except StratusError:
            rejects["unfit"] += 1
            continue
        names.append(row.id)
        texts.append(str(row.crystal.scope))
    if not texts:
        raise InputError(
            f"none of {sum(rejects.values())} crystals can be looked at; stratus encode says why"
        )
    report, looks = study(texts, model, options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror})") from error
    files = [folder / REPORT, folder / TABLE]
    write_text(files[0], report.model_dump_json(indent=1) + "\n")
    _write_table(files[1], names, looks, max(options.ks))
    for k in range(min(pictures, len(looks))):
        files.append(folder / f"crystal-{k}.{kind}")
        save_figure(_picture(names[k], looks[k], options.layer), files[-1])
    return Done(report, dict(rejects), tuple(files))


def _picture(name: str, one: Look, layer: int) -> Figure:
    return attention_picture(
        [part.words for part in one.parts],
        one.heads,
        marked=[part.kind == SPACE_GROUP for part in one.parts],
        title=f"{name}, layer {layer}",
    )


def _write_table(path: Path, names: Sequence[str], looks: Sequence[Look], most: int) -> None:
    """Write for each crystal and method the parts with the highest scores, the highest first."""
    with whole_file(path) as draft, draft.open("w", newline="", encoding="utf-8") as to:
        writer = csv.writer(to, lineterminator="\n")
        writer.writerow(
            ["id", "parts", "space_group_parts", "scores", "rank", "words", "kind", "score"]
        )
        for name, one in zip(names, looks, strict=True):
            wanted = sum(part.kind == SPACE_GROUP for part in one.parts)
            for method in METHODS:
                scores = one.scores[method]
                for rank, place in enumerate((-scores).argsort(kind="stable")[:most], start=1):
                    part = one.parts[place]
                    writer.writerow(
                        [name, len(one.parts), wanted, method, rank, part.words, part.kind,
                         f"{scores[place]:.6g}"]
                    )  # fmt: skip
