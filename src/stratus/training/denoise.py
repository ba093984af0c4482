"""Pre-train an encoder of atoms by denoising, in a folder from which it can go on."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from stratus.corpora.documents import read_json, validated
from stratus.corpora.packed.frames import FrameOptions, open_frames, pack_frames
from stratus.crystals.entry import Reject
from stratus.crystals.facets import USUAL_STRINGS
from stratus.crystals.reading.parse import read
from stratus.encoders.table import architecture, configure, in_words
from stratus.errors import InputError
from stratus.files.lock import sole_writer
from stratus.heads.denoising import DENOISING, DenoisingHead
from stratus.heads.head import CrystalHeadConfig
from stratus.models.bundle import save_bundle
from stratus.models.net import Net
from stratus.objectives.denoising import Denoising, DisplacedRows
from stratus.training.device import device_here, is_first_process
from stratus.training.events import FitStarted
from stratus.training.finish import make_card
from stratus.training.fit import FitFolder, Fitted, check_devices, fit
from stratus.training.learner import to_device
from stratus.training.loader import Loader
from stratus.training.options import PretrainOptions, make_options, require_objective
from stratus.training.overfit import choose_rows, overfit
from stratus.training.run_folder import (
    RunCorpus,
    RunFolder,
    open_corpora,
    require_files,
    tables_of,
    write_text,
)
from stratus.training.throughput import n_parameters
from stratus.views.table import view_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stratus.corpora.packed.corpus import PackedCorpora, PackedCorpus
    from stratus.corpora.packed.frames import FrameInfo
    from stratus.training.events import FitEvent, OnFitEvent
    from stratus.training.overfit import Overfitted
    from stratus.views.view import View

FRAMES: Final = "frames"
"""The folder of the packed atoms in that of a run."""


@dataclass(frozen=True)
class DenoisingStarted:
    """Training is about to begin, or to go on.

    Attributes:
        encoder: architecture and sizes of the encoder.
        corpus: counts of the packed atoms.
        fit: steps, device, and how many parameters.
    """

    encoder: str
    corpus: FrameInfo
    fit: FitStarted


DenoisingEvent: TypeAlias = "DenoisingStarted | FitEvent"


class DenoisingSummary(BaseModel):
    """What came out of a run; ``metrics.json``. It holds nothing that differs from run to run.

    Attributes:
        encoder: the architecture.
        preset: its sizes.
        parameters: trained values of encoder and head.
        rows: crystals of each split.
        rejected: how many inputs were no crystals, by the code of the reject.
        noise_a: spread of the displacements, in Å.
        best_step: the step whose weights are in the bundle.
        loss: mean square of what is left of the displacements of the test split, over degrees of
            freedom, in units of the noise; with nothing moved back it is 1, but for chance.
        explained: share of the square displacements that is not left.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str
    preset: str
    parameters: int
    rows: dict[str, int]
    rejected: dict[str, int]
    noise_a: float
    best_step: int
    loss: float
    explained: float


def denoise(
    table: str | Path | Sequence[str | Path],
    run_folder: str | Path,
    options: PretrainOptions | None = None,
    *,
    resume: bool = False,
    card: Mapping[str, Any] | None = None,
    on_progress: Callable[[DenoisingEvent], None] | None = None,
) -> DenoisingSummary | None:
    """Pre-train an encoder by moving displaced atoms back (arXiv 2206.00133).

    Args:
        table: a file of crystals with atoms, of any form that is read; or several.
        run_folder: where everything goes: options, packed atoms, checkpoints, logs, metrics and,
            at the end, the model as ``bundle``.
        options: what may be set; its objective is ``denoising``.
        resume: whether to go on with the run in ``run_folder``. The result is then, on one device,
            the same bit for bit as if it had never been interrupted.
        card: values for the model's card that the run cannot know: licences, origin of the data.
        on_progress: called with what happens.

    Returns:
        The scores on the test split; None in the other processes of a run on several devices.

    Raises:
        stratus.errors.InputError: a table, an option or the card cannot be used, or another run is
            writing the folder.
        stratus.errors.ResumeError: an option differs from that of the run.
        stratus.errors.StratusError: the disk is full, or the loss is not finite.
    """
    options = options or make_options({"objective": DENOISING})
    require_objective(options, DENOISING)
    tables = tables_of(table)
    make_card(card, options, tables[0].name)  # refuse a wrong one before the work
    folder = Path(run_folder)
    with sole_writer(folder) if is_first_process() else nullcontext():
        setup = _set_up(tables, folder, options, resume=resume)
        run = setup.run
        if resume and run.metrics.exists():
            return validated(DenoisingSummary, read_json(run.metrics), run.metrics)
        if is_first_process():
            run.sweep()
        fitted = _fit(setup, on_progress or (lambda _: None))
        return _finish(setup, fitted, card) if is_first_process() else None


def overfit_denoising(
    tables: Sequence[str | Path],
    count: int,
    options: PretrainOptions,
    *,
    on_event: OnFitEvent | None = None,
) -> Overfitted:
    """Let a fresh net learn the displacements of some training crystals by heart.

    All epochs have the same displacements, and these are scored.

    Args:
        tables: as of :func:`denoise`.
        count: how many crystals; the seed decides which.
        options: of the run; without early stopping.
        on_event: called with what happens.

    Raises:
        stratus.errors.InputError: a table or an option cannot be used, or there are not so many.
        stratus.errors.StratusError: a loss is not finite.
    """
    require_objective(options, DENOISING)
    with TemporaryDirectory(prefix="stratus-overfit-") as folder:
        setup = _set_up(tables_of(tables), Path(folder), options, resume=False)
        rows = setup.rows(setup.corpora.train)
        return overfit(
            setup.net,
            Denoising(),
            rows,
            choose_rows(count, len(rows), options.seed),
            options,
            dropout_key=lambda rank, step: (options.seed, rank, step),
            on_event=on_event,
        )


@dataclass(frozen=True)
class _Setup:
    run: RunFolder
    options: PretrainOptions
    corpora: PackedCorpora[FrameInfo]
    view: View
    net: Net

    def rows(self, corpus: PackedCorpus) -> DisplacedRows:
        """Return a split as a source of displaced atoms."""
        return DisplacedRows(corpus, self.view, self.options.denoising, self.options.seed)


def _set_up(
    tables: Sequence[Path], folder: Path, options: PretrainOptions, *, resume: bool
) -> _Setup:
    check_devices(options, resume=resume)
    require_files(tables, "files of crystals with atoms, such as the Parquet of `stratus encode`")
    kind = architecture(options.encoder)
    config: Any = configure(options.encoder, options.preset, **options.model)
    generator = torch.Generator().manual_seed(options.seed)
    encoder = kind.build(config, generator)
    head = DenoisingHead(CrystalHeadConfig(hidden=config.hidden, outputs=1, dropout=0), generator)
    view = view_class(kind.view).of_encoder(config, USUAL_STRINGS)
    run = RunFolder(folder)
    corpora = open_corpora(run, _frames(tables, options), options, resume)
    return _Setup(run, options, corpora, view, Net(encoder, {DENOISING: head}))


def _frames(tables: Sequence[Path], options: PretrainOptions) -> RunCorpus[FrameInfo]:
    packed = FrameOptions(labels=(), fractions=options.shares, salt=options.salt)
    build = partial(_pack, tables, options=packed)
    return RunCorpus(FRAMES, tables, (packed.model_dump_json(),), build, _open_frames)


def _pack(
    tables: Sequence[Path], folder: Path, *, options: FrameOptions
) -> PackedCorpora[FrameInfo]:
    entries = read([str(table) for table in tables])
    first: list[Reject] = []

    def keep(reject: Reject) -> None:
        if not first:
            first.append(reject)

    def with_atoms() -> Any:
        some = False
        for entry in entries:
            some = some or not isinstance(entry, Reject)
            yield entry
        if not some:
            why = f": {first[0].detail}" if first else ""
            raise InputError(f"{' '.join(map(str, tables))} has no crystal with atoms{why}")

    return pack_frames(with_atoms(), folder, options, on_reject=keep, tables=tables)


def _open_frames(folder: Path, verify: bool) -> PackedCorpora[FrameInfo]:  # noqa: FBT001
    return open_frames(folder, verify=verify)


def _fit(setup: _Setup, on_progress: Callable[[DenoisingEvent], None]) -> Fitted:
    options = setup.options

    def tell(event: FitEvent) -> None:
        if not isinstance(event, FitStarted):
            on_progress(event)
            return
        encoder = in_words(options.encoder, options.preset, options.model)
        on_progress(DenoisingStarted(encoder, setup.corpora.info, event))

    return fit(
        setup.net,
        Denoising(),
        setup.rows(setup.corpora.train),
        setup.rows(setup.corpora.validation),
        options,
        seed=options.seed,
        dropout_key=lambda rank, step: (options.seed, rank, step),
        run=FitFolder(setup.run.checkpoints, setup.run.logs),
        on_event=tell,
    )


def _finish(setup: _Setup, fitted: Fitted, card: Mapping[str, Any] | None) -> DenoisingSummary:
    options, run, info = setup.options, setup.run, setup.corpora.info
    tested = setup.rows(setup.corpora.test)
    scores = _scores(setup.net, Loader(tested, options.batch_size, options.seed, shuffle=False),
                     device_here(options.accelerator))  # fmt: skip
    summary = DenoisingSummary(
        encoder=options.encoder,
        preset=options.preset,
        parameters=n_parameters(setup.net),
        rows={str(split): rows for split, rows in info.rows.items()},
        rejected=info.rejected,
        noise_a=options.denoising.noise_a,
        best_step=fitted.best_step,
        **scores,
    )
    metric = {
        "name": "explained displacements",
        "value": summary.explained,
        "unit": "",
        "split": "test: chosen by a hash of the composition, scored once",
        "rows": summary.rows["test"],
    }
    save_bundle(
        run.bundle,
        members=[setup.net],
        architecture=options.encoder,
        view=setup.view,
        card=make_card(
            {"metrics": [metric]} | dict(card or {}),
            options,
            info.table,
            rows=info.kept,
            digest=info.table_sha256,
        ),
        metrics=summary.model_dump(mode="json"),
        replace=True,
    )
    if fitted.speed:
        write_text(run.throughput, json.dumps(dict(fitted.speed), indent=1) + "\n")
    write_text(run.metrics, summary.model_dump_json(indent=1) + "\n")
    return summary


def _scores(net: Net, steps: Loader, device: torch.device) -> dict[str, float]:
    objective = Denoising()
    net.to(device).eval()
    with torch.no_grad():
        sums = [objective.sums(net, to_device(step, device)).cpu().numpy() for step in steps]
    net.cpu()
    return objective.scores(np.sum(sums, axis=0))
