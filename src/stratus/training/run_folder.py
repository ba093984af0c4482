"""The folder of a run: what lies where, and who may write into it."""

from __future__ import annotations

import json
import logging
import platform
import shutil
import time
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from stratus.corpora.documents import read_json
from stratus.corpora.packed.tokens import (
    build_tokens,
    digest_of_tables,
    digest_of_words,
    open_tokens,
)
from stratus.errors import InputError, ResumeError, StratusError
from stratus.files.sealed import is_sealed
from stratus.files.whole import write_whole
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
    from collections.abc import Sequence
    from pathlib import Path

    from stratus.corpora.packed.corpus import PackedCorpora
    from stratus.corpora.packed.tokens import TokenInfo

_PACKAGES: Final = ("stratus-crystals", "torch", "lightning", "numpy", "safetensors", "pyarrow")
_WAIT_S: Final = 3600.0
_log = logging.getLogger(__name__)


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
        """The token corpus."""
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

    def begin(
        self, tables: Sequence[Path], options: PretrainOptions, max_tokens: int
    ) -> PackedCorpora[TokenInfo]:
        """Lay out a new run.

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
            corpora = self._build(tables, options, max_tokens)
        except StratusError:
            self.options.unlink()
            self.path.rmdir()
            raise
        self._write_versions(tables, corpora.info.table_sha256)
        return corpora

    def go_on(
        self, tables: Sequence[Path], options: PretrainOptions, max_tokens: int
    ) -> PackedCorpora[TokenInfo]:
        """Take up a run that was interrupted.

        Raises:
            ResumeError: there is none, or a table or an option is another than before.
            InputError: the token corpus was damaged; the text names the file.
        """
        if not self.options.exists():
            raise ResumeError(f"there is no run in {self.path}; begin it without --resume")
        check_same(make_options(read_options(self.options)), options)
        if not is_sealed(self.tokens):  # it was interrupted before training began
            corpora = self._build(tables, options, max_tokens)
        else:
            corpora = open_tokens(self.tokens)
            if digest_of_tables(tables) != corpora.info.table_sha256:
                which = " ".join(map(str, tables))
                raise ResumeError(
                    f"{which} is not the table the run in {self.path} was begun with; give "
                    f"{corpora.info.table} as it was, or begin a new run"
                )
        self._compare_versions(tables, corpora.info.table_sha256)
        return corpora

    def join(self) -> PackedCorpora[TokenInfo]:
        """Open the run that the first process of several lays out."""
        deadline = time.monotonic() + _WAIT_S
        while not is_sealed(self.tokens):
            if time.monotonic() > deadline:
                raise StratusError(f"the first process never wrote {self.tokens}; look at its log")
            time.sleep(0.2)
        return open_tokens(self.tokens, verify=False)

    def sweep(self) -> None:
        """Remove what a killed process left half written."""
        for end in ("part-*", "old-*"):
            for stale in self.path.glob(f".*.{end}"):
                shutil.rmtree(stale, ignore_errors=True)

    def _build(
        self, tables: Sequence[Path], options: PretrainOptions, max_tokens: int
    ) -> PackedCorpora[TokenInfo]:
        build = partial(
            build_tokens,
            tables,
            fractions=options.shares,
            salt=options.salt,
            max_tokens=max_tokens,
        )
        if options.sample_cache is None:
            return build(self.tokens)
        depends_on = [
            digest_of_tables(tables),
            digest_of_words(),
            str(options.shares),
            options.salt,
        ]
        names = [path.name for path in tables]
        name = f"tokens-{digest_of(*depends_on, str(max_tokens), *names)}"
        copy_cached(options.sample_cache, name, self.tokens, build)
        return open_tokens(self.tokens)

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
