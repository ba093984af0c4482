"""The Materials Project, through its own client mp-api.

The key is read from the environment, handed to the client and nowhere else: it is in no file, no
log and no message.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
from stratus.corpora.sources.source import Page, PassingError, SourceError
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading import Record
from stratus.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType
    from typing import Protocol

    class Summary(Protocol):
        """``MPRester.materials.summary``, as far as it is used."""

        def search(self, **criteria: Any) -> list[Any]:
            """Return the documents of one page."""

    class Materials(Protocol):
        """``MPRester.materials``."""

        summary: Summary

    class Rester(Protocol):
        """``MPRester``, as far as it is used."""

        materials: Materials
        db_version: str | None

        def __enter__(self) -> Self: ...

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            traceback: TracebackType | None,
        ) -> None: ...


KEY: Final = "MP_API_KEY"
LICENCE: Final = "CC-BY-4.0"
LICENCE_GNOME: Final = "CC-BY-4.0, and CC-BY-NC-4.0 for the materials of GNoME"
ADDRESS: Final = "https://next-gen.materialsproject.org"
_HIDDEN: Final = "***"
_NO_LABELS: Final = frozenset({"material_id", "fields_not_requested"})
_LOG = logging.getLogger(__name__)

LABELS: Final = (
    "formation_energy_per_atom",
    "energy_above_hull",
    "band_gap",
    "is_stable",
    "theoretical",
    "deprecated",
    "last_updated",
)
"""What is asked for with each structure. Energies in eV/atom, gaps in eV."""


class MaterialsProjectQuery(BaseModel):
    """Which materials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    elements: tuple[str, ...] = Field((), description="Elements that all must hold.")
    chemsys: str | None = Field(None, description="A chemical system, such as Li-Fe-O.")
    max_sites: int | None = Field(None, ge=1, description="Largest cell, in atoms.")
    max_energy_above_hull: float | None = Field(None, ge=0, description="In eV/atom.")
    fields: tuple[str, ...] = Field((), description="More properties, which become labels.")
    gnome: bool = Field(default=False, description="GNoME's materials too; not for commerce.")
    page_limit: int = Field(500, ge=1, le=1000, description="Materials a page.")

    def criteria(self) -> dict[str, Any]:
        """Return the question in the words of ``MPRester.materials.summary.search``."""
        found: dict[str, Any] = {"deprecated": False, "include_gnome": self.gnome}
        if self.elements:
            found["elements"] = list(self.elements)
        if self.chemsys is not None:
            found["chemsys"] = self.chemsys
        if self.max_sites is not None:
            found["num_sites"] = (1, self.max_sites)
        if self.max_energy_above_hull is not None:
            found["energy_above_hull"] = (0.0, self.max_energy_above_hull)
        return found


class _State(BaseModel):
    """A cursor: the next page, and the version of the database."""

    model_config = ConfigDict(extra="forbid")

    page: int = 1
    database: str = ""
    done: bool = False


class MaterialsProject:
    """Materials with their structures, sorted by id, a page a request.

    Args:
        query: which.
        connect: makes the client from a key; mp-api's ``MPRester`` if not given.
        client: how patiently failures are tried again.

    Raises:
        InputError: there is no key in the environment variable ``MP_API_KEY``.
        MissingExtraError: the extra ``mp`` is not installed.
    """

    name = "materials-project"
    origin = f"Materials Project, {ADDRESS}"

    def __init__(
        self,
        query: MaterialsProjectQuery | None = None,
        connect: Callable[[str], Rester] | None = None,
        client: PoliteClient | None = None,
    ) -> None:
        self.query = query or MaterialsProjectQuery()
        if not os.environ.get(KEY, "").strip():
            raise InputError(
                f"the Materials Project needs a key: set {KEY} to the one of your account "
                f"({ADDRESS}/api)"
            )
        self._connect = connect or _mp_api()
        self._client = client or PoliteClient(PoliteOptions())

    def identity(self) -> Mapping[str, Any]:
        """Return the question; the key is no part of it."""
        return {"query": self.query.model_dump(mode="json")}

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Yield the pages after a cursor.

        Raises:
            SourceError: the database fails for good, or changed between two pages.
        """
        state = _State() if cursor is None else _State.model_validate_json(cursor)
        if state.done:
            return
        key = os.environ[KEY].strip()
        rester = self._guarded(key, lambda: self._connect(key))
        with rester:
            version = str(self._guarded(key, lambda: rester.db_version) or "unknown")
            if state.database and state.database != version:
                raise SourceError(
                    f"the Materials Project went from version {state.database} to {version} "
                    "since this run began; delete the parts and start anew"
                )
            state.database = version
            while not state.done:
                yield self._page(key, rester, state)

    def remarks(self, cursor: str | None) -> tuple[str, ...]:  # noqa: ARG002 - the protocol's
        """Return nothing: pages are asked for until one is empty, and no count is believed."""
        return ()

    def _page(self, key: str, rester: Rester, state: _State) -> Page:
        fields = dict.fromkeys(("material_id", "structure", *LABELS, *self.query.fields))
        found = self._guarded(
            key,
            lambda: rester.materials.summary.search(
                **self.query.criteria(),
                fields=list(fields),
                all_fields=False,
                chunk_size=self.query.page_limit,
                _page=state.page,
                _sort_fields="material_id",
            ),
        )
        state.page += 1
        state.done = not found
        database = f"{ADDRESS} {state.database}"
        records = tuple(_record(document) for document in found)
        licence = LICENCE_GNOME if self.query.gnome else LICENCE
        return Page(records, database, licence, state.model_dump_json())

    def _guarded(self, key: str, ask: Callable[[], Any]) -> Any:
        """Return what the client gives, tried again where it fails; no message holds the key."""

        def once() -> Any:
            self._client.pause()
            try:
                return ask()
            except Exception as error:  # noqa: BLE001 - mp-api lets errors of many libraries out
                said = " ".join(f"{type(error).__name__}: {error}".split()).replace(key, _HIDDEN)
                kind = SourceError if _final(said) else PassingError
            raise kind(f"the Materials Project does not answer: {said}")  # without its cause

        return self._client.patiently(once)


def _final(said: str) -> bool:
    """Whether asking again would be useless: the key or the question is refused."""
    return any(
        sign in said
        for sign in (" 400", " 401", " 403", " 404", "invalid fields", "does not support")
    )


def _mp_api() -> Callable[[str], Rester]:
    try:
        from mp_api.client import MPRester
    except ImportError as error:
        raise MissingExtraError("mp-api", "mp") from error

    def connect(key: str) -> Rester:
        found: Rester = MPRester(key, use_document_model=False, mute_progress_bars=True)
        return found

    return connect


def _record(document: Any) -> Record | Reject:
    """Return a document as a record; it is a mapping, or a model of mp-api."""
    if not isinstance(document, dict):
        document = document.model_dump(mode="python") if hasattr(document, "model_dump") else {}
    name = str(document.get("material_id") or "").strip()
    source = f"{ADDRESS}/materials/{name}"
    structure = document.get("structure")
    if hasattr(structure, "as_dict"):
        structure = structure.as_dict()
    if not name or not isinstance(structure, dict):
        detail = "the document has no structure" if name else "the document has no material_id"
        return Reject(name, source, Stage.READING, Code.NOT_A_STRUCTURE, detail)
    known = {key: value for key, value in document.items() if key not in _NO_LABELS}
    return Record(name, source, "mapping", {**known, "structure": structure})
