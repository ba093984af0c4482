"""The folder of a run: what lies where, and who may write into it."""

from __future__ import annotations

import json
import logging
import platform
import shutil
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic

from stratus.corpora.documents import read_json
from stratus.corpora.packed.corpus import Info
from stratus.corpora.packed.info import digest_of_tables
from stratus.errors import InputError, ResumeError, StratusError
from stratus.files.sealed import is_sealed
from stratus.files.whole import write_whole
from stratus.training.device import is_first_process
from stratus.training.fit import FitFolder
from stratus.training.option_layers import read_options
from stratus.training.options import (
    PretrainOptions,
    check_same,
    make_options,
    write_options,
)
from stratus.training.sample_cache import copy_cached, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stratus.corpora.packed.corpus import PackedCorpora

_PACKAGES: Final = ("stratus-crystals", "torch", "lightning", "numpy", "safetensors", "pyarrow")
_WAIT_S: Final = 3600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunCorpus(Generic[Info]):
    """The packed corpus of a run: what it is made of, and how.

    Attributes:
        name: of its folder in that of the run, and of what it holds.
        tables: what it is made of.
        depends_on: what else decides what becomes of them.
        build: writes it into a folder that is not there, and opens it.
        open: opens it; the second argument says whether its digests are compared.
    """

    name: str
    tables: Sequence[Path]
    depends_on: tuple[str, ...]
    build: Callable[[Path], PackedCorpora[Info]]
    open: Callable[[Path, bool], PackedCorpora[Info]]


@dataclass(frozen=True)
class RunFolder:
    """Where the parts of a run lie.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def options(self) -> Path:
        """The resolved options."""
        return self.path / "options.yaml"

    @property
    def versions(self) -> Path:
        """Versions of the software, and the digest of the table."""
        return self.path / "versions.json"

    @property
    def tokens(self) -> Path:
        """The token corpus, where strings are learned from."""
        return self.path / "tokens"

    @property
    def checkpoints(self) -> Path:
        """The checkpoints."""
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        """The curves, as CSV and for TensorBoard."""
        return self.path / "logs"

    def of_share(self, share: float) -> FitFolder:
        """Return where the net of a share of the training crystals lies, but for the last."""
        name = f"share-{share:g}"
        return FitFolder(self.path / "shares" / name, self.logs / name)

    @property
    def metrics(self) -> Path:
        """The result: scores of model and baselines."""
        return self.path / "metrics.json"

    @property
    def throughput(self) -> Path:
        """How fast it was."""
        return self.path / "throughput.json"

    @property
    def bundle(self) -> Path:
        """The model with the best validation loss."""
        return self.path / "bundle"

    def begin(self, corpus: RunCorpus[Info], options: PretrainOptions) -> PackedCorpora[Info]:
        """Lay out a new run.

        Args:
            corpus: what it learns from.
            options: of the run.

        Raises:
            InputError: the folder holds something already, or a table cannot be used.
        """
        if self.options.exists():
            raise InputError(
                f"{self.path} holds a run already; go on with --resume or name another folder"
            )
        if self.path.exists() and (not self.path.is_dir() or any(self.path.glob("[!.]*"))):
            raise InputError(f"{self.path} is no empty folder; name another one")
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.options, write_options(options))
        try:
            corpora = self._build(corpus, options)
        except StratusError:
            self.options.unlink()
            self.path.rmdir()
            raise
        self._write_versions(corpus.tables, corpora.info.table_sha256)
        return corpora

    def go_on(self, corpus: RunCorpus[Info], options: PretrainOptions) -> PackedCorpora[Info]:
        """Take up a run that was interrupted.

        Args:
            corpus: what it learns from.
            options: of the run.

        Raises:
            ResumeError: there is none, or a table or an option is another than before.
            InputError: the packed corpus was damaged; the text names the file.
        """
        if not self.options.exists():
            raise ResumeError(f"there is no run in {self.path}; begin it without --resume")
        check_same(make_options(read_options(self.options)), options)
        folder = self.path / corpus.name
        if not is_sealed(folder):  # it was interrupted before training began
            corpora = self._build(corpus, options)
        else:
            corpora = corpus.open(folder, True)  # noqa: FBT003 - a plain function
            if digest_of_tables(corpus.tables) != corpora.info.table_sha256:
                which = " ".join(map(str, corpus.tables))
                raise ResumeError(
                    f"{which} is not the table the run in {self.path} was begun with; give "
                    f"{corpora.info.table} as it was, or begin a new run"
                )
        self._compare_versions(corpus.tables, corpora.info.table_sha256)
        return corpora

    def join(self, corpus: RunCorpus[Info]) -> PackedCorpora[Info]:
        """Open the run that the first process of several lays out."""
        folder, deadline = self.path / corpus.name, time.monotonic() + _WAIT_S
        while not is_sealed(folder):
            if time.monotonic() > deadline:
                raise StratusError(f"the first process never wrote {folder}; look at its log")
            time.sleep(0.2)
        return corpus.open(folder, False)  # noqa: FBT003 - a plain function

    def sweep(self) -> None:
        """Remove what a killed process left half written."""
        for end in ("part-*", "old-*"):
            for stale in self.path.glob(f".*.{end}"):
                shutil.rmtree(stale, ignore_errors=True)

    def _build(self, corpus: RunCorpus[Info], options: PretrainOptions) -> PackedCorpora[Info]:
        folder = self.path / corpus.name
        if options.sample_cache is None:
            return corpus.build(folder)
        depends_on = [digest_of_tables(corpus.tables), *corpus.depends_on]
        names = [path.name for path in corpus.tables]
        name = f"{corpus.name}-{digest_of(*depends_on, *names)}"
        copy_cached(options.sample_cache, name, folder, corpus.build)
        return corpus.open(folder, True)  # noqa: FBT003 - a plain function

    def _write_versions(self, tables: Sequence[Path], digest: str) -> None:
        table_of = {"table": " + ".join(map(str, tables)), "table_sha256": digest}
        write_text(self.versions, json.dumps(_versions() | table_of, indent=1) + "\n")

    def _compare_versions(self, tables: Sequence[Path], digest: str) -> None:
        if not self.versions.exists():
            self._write_versions(tables, digest)
            return
        before = read_json(self.versions)
        if not isinstance(before, dict):
            raise InputError(f"{self.versions} holds no table of versions; remove it")
        for name, now in _versions().items():
            if before.get(name) != now:
                _log.warning(
                    "the run was begun with %s %s and goes on with %s: it may not be the same "
                    "bit for bit",
                    name,
                    before.get(name),
                    now,
                )


def tables_of(table: str | Path | Sequence[str | Path]) -> list[Path]:
    """Return the tables of a run.

    Raises:
        stratus.errors.InputError: there is none.
    """
    tables = [Path(one) for one in ([table] if isinstance(table, str | Path) else table)]
    if not tables:
        raise InputError("there is nothing to learn from; give at least one table")
    return tables


def require_files(tables: Sequence[Path], what: str) -> None:
    """Refuse tables that are no files.

    Raises:
        stratus.errors.InputError: one is none; the text says what to give.
    """
    for table in tables:
        if not table.is_file():
            raise InputError(f"{table} is no file; give {what}")


def open_corpora(
    run: RunFolder,
    corpus: RunCorpus[Info],
    options: PretrainOptions,
    resume: bool,  # noqa: FBT001 - a plain function
) -> PackedCorpora[Info]:
    """Open what a run learns from; the first process of several makes it.

    Raises:
        stratus.errors.InputError: as of :meth:`RunFolder.begin`.
        stratus.errors.ResumeError: as of :meth:`RunFolder.go_on`.
    """
    if not is_first_process():
        return run.join(corpus)
    return run.go_on(corpus, options) if resume else run.begin(corpus, options)


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename it.

    Raises:
        StratusError: the disk is full or may not be written.
    """
    try:
        write_whole(path, text)
    except OSError as error:
        raise StratusError(f"{path} could not be written ({error}); make room and repeat") from None


def _versions() -> dict[str, Any]:
    return {"python": platform.python_version(), "machine": platform.platform()} | {
        name: version(name) for name in _PACKAGES
    }
