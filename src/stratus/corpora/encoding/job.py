"""The encode job from end to end."""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stratus.corpora.encoding.fingerprint import STANDARD_INPUT, require_same, run_fingerprint
from stratus.corpora.encoding.ids import IdIndex
from stratus.corpora.encoding.merge import count_codes, stored_metadata, write_rejects, write_table
from stratus.corpora.encoding.notes import count_notes
from stratus.corpora.encoding.options import EncodeOptions
from stratus.corpora.encoding.output_checks import check_apart, check_output
from stratus.corpora.encoding.parts import PartStore, discard
from stratus.corpora.encoding.rows import run_fields
from stratus.corpora.encoding.stream import accepted, default_work, encoded
from stratus.corpora.encoding.summary import EncodeSummary, Progress
from stratus.errors import InputError, StratusError, StrictError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Generator, Sequence

    from stratus.corpora.encoding.chunks import Work
    from stratus.corpora.encoding.rows import ChunkResult


def encode_corpus(
    inputs: Sequence[object],
    output: str | os.PathLike[str],
    options: EncodeOptions | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    work: Work | None = None,
) -> EncodeSummary:
    """Encode crystals to a table with one SCOPE string a row, in the order of the inputs.

    ``keep`` of the options says what a row has of a crystal: its string, its atoms, or both.

    Nothing is lost silently: every crystal is a row of the table or a row of the rejects file,
    and the numbers are checked. A repeated id is a reject, and the first row keeps it. Nothing is
    at ``output`` before the table is whole; an older table there is replaced at that moment.
    Until then finished stretches are kept in ``OUTPUT.parts``, from where ``resume`` goes on.

    Args:
        inputs: files, folders, archives or objects that :func:`stratus.read` takes.
        output: where the table goes, ``.parquet`` or ``.csv``.
        options: how; see :class:`EncodeOptions`.
        on_progress: called after each chunk.
        work: other functions for parsing and encoding, importable by worker processes.

    Returns:
        the counts.

    Raises:
        stratus.errors.InputError: an input or the output cannot be used.
        stratus.errors.ResumeError: ``resume`` was asked for and inputs or options have changed.
        stratus.errors.StrictError: ``strict`` was asked for and an input was rejected.
        stratus.errors.MissingExtraError: ``engine="ray"`` without Ray.
        stratus.errors.StratusError: writing failed; what was done is kept for ``resume``.
    """
    options = options or EncodeOptions()
    started = time.monotonic()
    work = work or replace(default_work(options), says_arrays=True)
    job = _Job(list(inputs), Path(output), options, work)
    finished = job.finished_before() if options.resume else None
    if finished is None:
        try:
            finished = job.run(on_progress or (lambda _: None))
        except OSError as error:
            raise StratusError(
                f"The run stopped at {error.filename or output}: {error.strerror or error}; "
                f"what is done is kept in {job.parts}: mend the cause and go on with --resume"
            ) from error
        except pa.ArrowException as error:
            reason = " ".join(str(error).split())
            raise StratusError(f"{output} cannot be written: {reason}") from error
    return finished.model_copy(update={"seconds": time.monotonic() - started})


class _Job:
    def __init__(
        self, inputs: list[object], output: Path, options: EncodeOptions, work: Work
    ) -> None:
        self.inputs = inputs
        self.output = output
        self.options = options
        self.work = work
        self.rejects = (
            Path(options.rejects) if options.rejects else output.with_suffix(".rejects.csv")
        )
        self.parts = output.with_name(output.name + ".parts")
        check_output(self.output, self.rejects)
        check_apart(inputs, self.output, self.rejects)
        if not inputs:
            raise InputError("No input was given; name files or folders of crystals")
        self.fingerprint = json.loads(json.dumps(run_fingerprint(inputs, options)))

    def finished_before(self) -> EncodeSummary | None:
        """Return the summary of a table that this very run has finished already."""
        if self.output.suffix == ".parquet" and self.output.exists():
            known = stored_metadata(self.output)
            if known is not None and (
                known["fingerprint"] == self.fingerprint or not self.parts.exists()
            ):
                require_same(known["fingerprint"], self.fingerprint, self.output)
                if self.parts.exists():
                    discard(self.parts)
                names = ("rows_in", "rows_out", "rejects", "distinct", "notes")
                counts = {name: known[name] for name in names if name in known}
                return self._summary(**counts, resumed=known["rows_in"], already_complete=True)
        return None

    def run(self, on_progress: Callable[[Progress], None]) -> EncodeSummary:
        store = self._store()
        with closing(store), ExitStack() as stack:
            try:
                resumed = store.rows + store.rejects
                rows_in = resumed + self._encode(store, resumed, on_progress)
            except BaseException as error:
                if not isinstance(error, Exception):
                    store.flush()  # stopped from outside, with whole chunks in hand
                if isinstance(error, StrictError) or not store.parts:
                    stack.callback(store.remove)  # there is nothing to go on from
                raise
            return self._finish(store, rows_in, resumed)

    def _store(self) -> PartStore:
        options = self.options
        return PartStore(
            self.parts,
            self.fingerprint,
            options.part_rows,
            options.part_seconds,
            resume=options.resume,
        )

    def _encode(
        self, store: PartStore, resumed: int, on_progress: Callable[[Progress], None]
    ) -> int:
        """Encode what is not stored yet; return the number of crystals."""
        from stratus.crystals.reading import records

        rows_in, rows_out, rejects = 0, store.rows, store.rejects
        with (
            closing(IdIndex(self.parts / "ids.sqlite")) as ids,
            closing(self._results(store.chunks, records)) as results,
        ):
            for batch in store.stored_rows(["id", "source"]):
                ids.claim(batch.column("id").to_pylist(), batch.column("source").to_pylist())
            on_progress(
                Progress(rows_in=resumed, rows_out=rows_out, rejects=rejects, resumed=resumed)
            )
            for batch, refused, outcomes in accepted(results, ids, strict=self.options.strict):
                store.add(batch, refused)
                rows_in += outcomes
                rows_out += batch.num_rows
                rejects += len(refused)
                on_progress(
                    Progress(
                        rows_in=resumed + rows_in,
                        rows_out=rows_out,
                        rejects=rejects,
                        resumed=resumed,
                    )
                )
        store.flush()
        return rows_in

    def _results(
        self, skip: int, records: Callable[..., Any]
    ) -> Generator[ChunkResult, None, None]:
        options = self.options
        if options.engine == "ray":
            from stratus.corpora.encoding.ray_engine import run_on_ray

            yield from run_on_ray(self.inputs, self.work, options, skip)
            return
        stdin = sys.stdin.buffer if STANDARD_INPUT in self.inputs else None
        found = records(self.inputs, options.read.within(options.timeout_s), stdin)
        yield from encoded(found, options, self.work, skip)

    def _finish(self, store: PartStore, rows_in: int, resumed: int) -> EncodeSummary:
        codes = dict(sorted(count_codes(store).items()))
        if rows_in != store.rows + store.rejects or store.rejects != sum(codes.values()):
            raise StratusError(
                f"{rows_in} crystals were met but {store.rows} rows and {store.rejects} rejects "
                "were stored; this is a fault of stratus: please report it"
            )
        notes = count_notes(batch.column("notes") for batch in store.stored_rows(["notes"]))
        counts = {"rows_in": rows_in, "rows_out": store.rows, "rejects": codes, "notes": notes}
        safe = self.options.safe_cells
        write_rejects(store, self.rejects, safe=safe)
        made_with = self._provenance()
        run = {f.name: made_with[f.name] for f in run_fields(self.options.keep)}
        metadata = {
            "stratus_version": self.fingerprint["versions"]["stratus"],
            **({"scope_version": made_with["scope_version"]} if made_with else {}),
            "options": self.options.fingerprint(),
            "fingerprint": self.fingerprint,
            **counts,
        }
        distinct = write_table(store, self.output, run, metadata, keep=self.options.keep, safe=safe)
        store.remove()
        return self._summary(**counts, distinct=distinct, resumed=resumed)

    def _provenance(self) -> dict[str, Any]:
        if self.options.scope is None:
            return {}
        from stratus.scope import provenance

        return provenance(self.options.scope)

    def _summary(self, **counts: Any) -> EncodeSummary:
        return EncodeSummary(
            output=str(self.output),
            rejects_file=str(self.rejects),
            keep=self.options.keep,
            **counts,
        )
