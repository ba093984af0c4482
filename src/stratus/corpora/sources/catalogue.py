"""The published files that stratus knows by name: ``data/catalogue.yaml``."""

from __future__ import annotations

import difflib
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.documents import read_yaml, validated
from stratus.corpora.sources.download import RemoteFile
from stratus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FILE: Final = "data/catalogue.yaml"


class CatalogueFile(BaseModel):
    """A file of a set, or several that are numbered.

    Attributes:
        file: its name on disk.
        urls: where it is.
        digest: its digest, where one is published.
        rows: how many rows it has.
        many: how many files there are, with ``{index}`` from 0 in name and addresses.
        ids: what makes the id of a row, from ``{row}`` counted from 1.
        id: the key of the id in a row.
        structure: the key of the structure in a row.
        crystals: whether it holds crystals.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    urls: tuple[str, ...] = Field(min_length=1)
    digest: str | None = None
    rows: int | None = None
    many: int | None = Field(None, ge=1)
    ids: str | None = None
    id: str | None = None
    structure: str | None = None
    crystals: bool = True

    def remote(self) -> tuple[RemoteFile, ...]:
        """Return the files on the net that it stands for."""
        return tuple(
            RemoteFile(
                file=self.file.format(index=index),
                urls=tuple(url.format(index=index) for url in self.urls),
                digest=self.digest,
            )
            for index in range(self.many or 1)
        )


class CatalogueSet(BaseModel):
    """A data set.

    Attributes:
        title: what it is called.
        licence: its licence, as an SPDX name where there is one.
        citation: what to cite.
        digests: who published the digests; empty where nobody did.
        files: its files by a short name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    licence: str
    citation: str
    digests: str
    files: dict[str, CatalogueFile] = Field(min_length=1)


class Catalogue(BaseModel):
    """All sets by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sets: dict[str, CatalogueSet]


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that comes with the package."""
    with as_file(files(__package__).joinpath(_FILE)) as path:
        return validated(Catalogue, read_yaml(path), path)


def find_set(name: str) -> CatalogueSet:
    """Return a set by its name.

    Raises:
        InputError: there is none of that name.
    """
    sets = catalogue().sets
    if name not in sets:
        raise InputError(f"{name!r} is no data set of the catalogue{_hint(name, list(sets))}")
    return sets[name]


def find_files(name: str, wanted: Sequence[str]) -> tuple[CatalogueFile, ...]:
    """Return files of a set by their short names.

    Raises:
        InputError: there is no such set or file, or none is named.
    """
    known = find_set(name).files
    if not wanted:
        raise InputError(f"name the files of {name} to fetch; it has {', '.join(known)}")
    for one in wanted:
        if one not in known:
            raise InputError(f"{name} has no file {one!r}{_hint(one, list(known))}")
    return tuple(known[one] for one in dict.fromkeys(wanted))


def _hint(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else f"; there are {', '.join(known)}"
