"""Files from the net: whole, the right ones, gone on with after a break, or not there at all.

While it comes, a file is ``.NAME.part``; it gets its name when its digest is right and its
content was looked through. ``NAME.sha256`` beside it is what ``sha256sum -c`` reads.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.sources.contents import check_contents
from stratus.corpora.sources.source import PassingError, SourceError
from stratus.errors import InputError
from stratus.files.digest import sha256
from stratus.files.whole import sync_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from stratus.corpora.sources.rate_limit import PoliteClient

GIB = 1 << 30
_LOG = logging.getLogger(__name__)

_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
_LENGTH = re.compile(r"[0-9]{1,18}")
_SUM = re.compile(r"([0-9a-f]{64}) [ *].*\n?")


class RemoteFile(BaseModel):
    """A file on the net.

    Attributes:
        file: its name on disk.
        urls: where it is; the others are tried when the first fails.
        digest: ``sha256:`` or ``md5:`` and hexadecimal digits; ``None`` where nobody published it.
        bytes: its size, where it is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(pattern=r"^[A-Za-z0-9][\w.=+-]*$")
    urls: tuple[str, ...] = Field(min_length=1)
    digest: str | None = Field(None, pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")
    bytes: int | None = Field(None, ge=0)


class Downloaded(BaseModel):
    """A file that is there.

    Attributes:
        path: where.
        sha256: its SHA-256.
        url: where it came from; empty where it was there before.
        published: whether its digest was held against one that its publisher gave.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    sha256: str
    url: str = ""
    published: bool


class _Draft(BaseModel):
    """What is known of a part: whose it is, and how to ask for the rest of the same file."""

    model_config = ConfigDict(extra="forbid")

    url: str
    validator: str = ""
    total: int | None = None


def download(
    file: RemoteFile,
    folder: Path,
    client: PoliteClient,
    on_bytes: Callable[[int, int | None], None] | None = None,
) -> Downloaded:
    """Make a file be there.

    A second process that wants the same file waits, and then finds it.

    Args:
        file: which.
        folder: where it goes; made if it is not there.
        client: what asks.
        on_bytes: called with the bytes that are there, and how many there will be.

    Raises:
        InputError: a file of that name is there and is another one.
        SourceError: no address gives the file, or what came is another file or unsafe; nothing
            is at its name then.
    """
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    target = folder / file.file
    with FileLock(folder / f".{file.file}.lock"):
        if target.exists():
            return _there(file, target)
        failures = []
        for url in file.urls:
            try:
                return _fetch(file, url, target, client, on_bytes or (lambda _have, _all: None))
            except SourceError as error:
                _LOG.warning("%s", error)
                failures.append(str(error))
    raise SourceError("; ".join(failures))


def _there(file: RemoteFile, target: Path) -> Downloaded:
    """Hold a file that is there already against what is known of it."""
    found, sums = sha256(target), _sums(target)
    if file.digest is not None:
        _check_digest(file, target, InputError)
    elif sums.exists():
        match = _SUM.fullmatch(sums.read_text(encoding="utf-8"))
        if match is None or match[1] != found:
            raise InputError(
                f"{target} has changed: its SHA-256 is {found}, not that in {sums}; "
                "remove both to fetch it again"
            )
    _write_sums(target, found)
    return Downloaded(path=target, sha256=found, published=file.digest is not None)


def _fetch(
    file: RemoteFile,
    url: str,
    target: Path,
    client: PoliteClient,
    on_bytes: Callable[[int, int | None], None],
) -> Downloaded:
    part = target.with_name(f".{file.file}.part")
    coming = _Coming(file, url, part, client, on_bytes)
    while True:
        before = coming.size
        try:
            client.patiently(coming.go_on)
            break
        except SourceError as error:
            # as long as some of it comes, it is worth another round
            if coming.size <= before or not isinstance(error.__cause__, PassingError):
                raise
    try:
        if file.bytes is not None and coming.size != file.bytes:
            raise SourceError(f"{url} gives {coming.size:,} bytes, not {file.bytes:,}")
        _check_digest(file, part, SourceError, url)
        check_contents(part, file.file)
    except SourceError:
        coming.drop()
        raise
    found = sha256(part)
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.replace(target)
    sync_folder(target.parent)
    coming.drop()
    _write_sums(target, found)
    return Downloaded(path=target, sha256=found, url=url, published=file.digest is not None)


class _Coming:
    """A file on its way."""

    def __init__(
        self,
        file: RemoteFile,
        url: str,
        part: Path,
        client: PoliteClient,
        on_bytes: Callable[[int, int | None], None],
    ) -> None:
        self.file, self.url, self.part, self.client = file, url, part, client
        self.on_bytes = on_bytes
        self.notes = part.with_name(f"{part.name}.json")

    @property
    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)

    def go_on(self) -> None:
        """Ask for what is missing, and write it down as it comes."""
        draft = self._draft()
        have = self.size if draft is not None else 0
        headers = {"Accept-Encoding": "identity"}  # the bytes of the file itself
        if draft is not None and have:
            headers["Range"] = f"bytes={have}-"
            if draft.validator:
                headers["If-Range"] = draft.validator
        with self.client.answer(self.url, headers=headers, elsewhere=True) as response:
            if response.status_code == 416:  # there is no more of it
                self._past_the_end(response, have)
                return
            start, total = self._place(response, have)
            self._write(response, start, total)

    def _draft(self) -> _Draft | None:
        """Return what is known of the part, if more of the same file can be asked for."""
        try:
            draft = _Draft.model_validate_json(self.notes.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        sure = draft.validator or self.file.digest  # else two files could be put together
        return draft if draft.url == self.url and sure else None

    def _place(self, response: httpx.Response, have: int) -> tuple[int, int | None]:
        """Return where what comes belongs, and the size of the whole file."""
        if response.status_code == 206:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match is None or int(match[1]) != have:
                self.drop()
                raise PassingError(f"{self.url} sends another stretch than was asked for")
            return have, None if match[2] == "*" else int(match[2])
        if response.status_code != 200:
            self.client.refuse(response)
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if _LENGTH.fullmatch(length) else None

    def _past_the_end(self, response: httpx.Response, have: int) -> None:
        match = re.fullmatch(r"bytes \*/(\d{1,18})", response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            self.drop()
            raise PassingError(f"{self.url} does not go on after {have:,} bytes; begun anew")

    def _write(self, response: httpx.Response, start: int, total: int | None) -> None:
        headers = response.headers
        tag = headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")
        draft = _Draft(url=self.url, validator=validator, total=total)
        if start == 0:
            self.part.unlink(missing_ok=True)
        write_whole(self.notes, draft.model_dump_json())
        have = start
        limit = self.client.options.max_file_gib * GIB
        with self.part.open("ab") as file:
            for data in response.iter_raw():  # as it comes, so that a break loses none of it
                file.write(data)
                have += len(data)
                if self.file.bytes is not None and have > self.file.bytes:
                    self.drop()
                    raise SourceError(f"{self.url} gives more than {self.file.bytes:,} bytes")
                if have > limit and self.file.bytes is None:
                    self.drop()
                    raise SourceError(f"{self.url} gives more than {limit:,} bytes")
                self.on_bytes(have, total)
        if total is not None and have != total:
            raise PassingError(f"{self.url} breaks off after {have:,} of {total:,} bytes")


def _check_digest(
    file: RemoteFile, path: Path, kind: type[InputError | SourceError], url: str = ""
) -> None:
    if file.digest is None:
        return
    name, wanted = file.digest.split(":")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, name).hexdigest()
    if found != wanted:
        what = url or str(path)
        help_ = "" if url else "; remove it to fetch it again"
        raise kind(
            f"{what} is not the file that is known: its {name} is {found}, not {wanted}{help_}"
        )


def _sums(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _write_sums(target: Path, digest: str) -> None:
    write_whole(_sums(target), f"{digest}  {target.name}\n")
