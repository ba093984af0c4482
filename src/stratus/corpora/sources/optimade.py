"""Any OPTIMADE provider, or several: pages of structures over plain HTTP.

The pages are asked for here and not through ``optimade.client``: of a 500 or a broken connection
that client (1.5.0) makes an empty result, it follows no more pages than ``meta.data_available``
promises, and it keeps all of them in memory. docs/how-to/fetch.md says more. The package's list of
providers and its filter grammar are used.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.sources.addresses import host_of, is_private, joined
from stratus.corpora.sources.rate_limit import PoliteClient
from stratus.corpora.sources.source import Page, PassingError, SourceError
from stratus.crystals.entry import Code, Reject, Stage
from stratus.crystals.reading import Record
from stratus.crystals.reading.optimade import FIELDS
from stratus.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_VERSION = re.compile(r"/v\d+(\.\d+)*$")
_LABELS: Final = ("immutable_id", "last_modified")
_EMPTY_PAGES: Final = 100
_SHOWN: Final = 200
_MOST: Final = 10**15
_LONGEST_LICENCE: Final = 1000
_HINT: Final = "give an id as in https://providers.optimade.org, or the address of a database"


class OptimadeQuery(BaseModel):
    """What is asked of each database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filter: str = Field("", description="Which structures, in the OPTIMADE filter language.")
    fields: tuple[str, ...] = Field((), description="More properties, which become labels.")
    page_limit: int = Field(100, ge=1, description="Structures a page.")
    licence: str = Field("", description="The licence, where the provider names none.")


class _State(BaseModel):
    """A cursor: which database, which page, and what came so far."""

    model_config = ConfigDict(extra="forbid")

    database: int = 0
    next: str | None = None
    licence: str = ""
    announced: dict[str, int] = Field(default_factory=dict)
    received: dict[str, int] = Field(default_factory=dict)


class Optimade:
    """The structures of OPTIMADE databases, one after the other.

    Args:
        urls: base URLs, with or without ``/v1``; see :func:`find_databases` for names.
        query: what is asked.
        client: what asks; one of its own if not given.

    Raises:
        InputError: no URL, or one that is none.
        MissingExtraError: the extra ``optimade`` is not installed.
    """

    name = "optimade"

    def __init__(
        self,
        urls: Sequence[str],
        query: OptimadeQuery | None = None,
        client: PoliteClient | None = None,
    ) -> None:
        if not urls:
            raise InputError("name at least one OPTIMADE database")
        self.urls = tuple(dict.fromkeys(_versioned(url) for url in urls))
        self.query = query or OptimadeQuery()
        check_filter(self.query.filter)
        self._client = client or PoliteClient()

    @property
    def origin(self) -> str:
        """The databases, and the filter."""
        asked = f" with the filter {self.query.filter}" if self.query.filter else ""
        return f"OPTIMADE: {', '.join(self.urls)}{asked}"

    def identity(self) -> Mapping[str, Any]:
        """Return databases and question."""
        return {"urls": list(self.urls), **self.query.model_dump(mode="json")}

    def pages(self, cursor: str | None) -> Iterator[Page]:
        """Yield the pages after a cursor.

        A link to a next page is followed wherever there is one, whatever the counts say.

        Raises:
            SourceError: a database fails for good, sends what is no page of structures, repeats
                its pages, or has more data but no link to it.
        """
        state = _State() if cursor is None else _State.model_validate_json(cursor)
        while state.database < len(self.urls):
            base = self.urls[state.database]
            if state.next is None:
                state.licence = self._licence(base)
            yield from self._database(base, state)

    def remarks(self, cursor: str | None) -> tuple[str, ...]:
        """Return where a database sent another number of structures than it announced."""
        state = _State() if cursor is None else _State.model_validate_json(cursor)
        return tuple(
            f"{base} announced {count:,} structures and sent {state.received.get(base, 0):,}"
            for base, count in state.announced.items()
            if count != state.received.get(base, 0)
        )

    def _database(self, base: str, state: _State) -> Iterator[Page]:
        """Yield the pages of one database, and move the state on with each."""
        seen: set[int] = set()
        empty = 0
        while True:
            url, params = (
                (state.next, None) if state.next else (f"{base}/structures", self._params())
            )
            answer = self._client.json(url, params, base)
            data, meta = _checked(answer, url)
            self._note(base, state, meta, len(data))
            records = tuple(self._record(base, item) for item in data)
            follows = _next(answer, url)
            empty = 0 if data else empty + 1
            if follows is not None and (hash(follows) in seen or empty > _EMPTY_PAGES):
                raise SourceError(f"{base} sends the same pages again and again, at {follows}")
            if follows is None:
                _require_whole(base, state, meta)
                state.database, state.next = state.database + 1, None
            else:
                seen.add(hash(follows))
                state.next = follows
            total = sum(state.announced.values()) if len(self.urls) == 1 else None
            yield Page(records, base, state.licence, state.model_dump_json(), total)
            if follows is None:
                return

    def _params(self) -> dict[str, str]:
        fields = dict.fromkeys((*FIELDS, *_LABELS, *self.query.fields))
        params = {"response_fields": ",".join(fields), "page_limit": str(self.query.page_limit)}
        if self.query.filter:
            params["filter"] = self.query.filter
        return params

    def _note(self, base: str, state: _State, meta: Mapping[str, Any], count: int) -> None:
        announced = meta.get("data_returned")
        if base not in state.announced and isinstance(announced, int) and 0 <= announced < _MOST:
            state.announced[base] = announced
        state.received[base] = state.received.get(base, 0) + count
        delay = meta.get("request_delay")
        if isinstance(delay, (int, float)) and delay > 0:
            self._client.slow_down(float(delay))

    def _record(self, base: str, item: Any) -> Record | Reject:
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, (str, int)) or not str(name).strip():
            return Reject(
                "",
                f"{base}/structures",
                Stage.READING,
                Code.UNREADABLE,
                f"the entry has no id: {json.dumps(item)[:_SHOWN]}",
            )
        own = str(name)
        id_ = own if len(self.urls) == 1 else f"{_short(base)}/{own}"
        return Record(id_, f"{base}/structures/{quote(own, safe='')}", "mapping", item)

    def _licence(self, base: str) -> str:
        """Return what a database says about its licence (``/info``, since OPTIMADE 1.2)."""
        try:
            info = self._client.json(f"{base}/info", home=base)["data"]["attributes"]
        except (KeyError, TypeError):
            info = None
        except SourceError as error:
            if isinstance(error.__cause__, PassingError):
                raise  # it is not there now, and what it says must not depend on that
            info = None
        if not isinstance(info, dict):
            return self.query.licence or "unknown"
        for key in ("available_licenses", "available_licenses_for_entries"):
            named = info.get(key)
            if isinstance(named, list) and named and all(map(_is_licence, named)):
                joined_names = " OR ".join(named)
                return joined_names if _is_licence(joined_names) else "unknown"
        link = info.get("license")
        link = link.get("href") if isinstance(link, dict) else link
        return link if _is_licence(link) else self.query.licence or "unknown"


def find_databases(names: Sequence[str]) -> tuple[str, ...]:
    """Return the base URLs that names mean: a URL itself, a provider's id all of its databases.

    Args:
        names: URLs, and ids of the providers' list, such as ``mp``, ``oqmd`` or ``alexandria``.

    Raises:
        InputError: a provider is not in the list.
        SourceError: the list cannot be read, or a provider names no database.
        MissingExtraError: a provider is named, and the extra ``optimade`` is not installed.
    """
    found: list[str] = []
    for name in names:
        if "://" in name:
            found.append(name)
            continue
        try:
            from optimade.utils import get_all_databases, get_providers
        except ImportError as error:
            raise MissingExtraError("optimade", "optimade") from error
        if name not in {provider.get("id") for provider in _listed(get_providers)}:
            raise InputError(f"{name!r} is no OPTIMADE provider; {_HINT}")
        urls = sorted(str(url) for url in get_all_databases(include_providers={name}))
        for url in urls:
            if is_private(host_of(url).name):
                raise SourceError(
                    f"the OPTIMADE provider {name!r} names {url}, a machine of this network; name "
                    "it yourself if it is meant"
                )
        if not urls:
            raise SourceError(
                f"the OPTIMADE provider {name!r} names no database, or cannot be reached; {_HINT}"
            )
        found += urls
    return tuple(found)


def _listed(ask: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found = ask()
    if not found:  # which is how that function says that it could not be reached
        raise SourceError(
            "the list of OPTIMADE providers cannot be read; name the address of a database, or "
            "try again later"
        )
    return found


def check_filter(text: str) -> None:
    """Refuse a filter that no database could read, before any is asked.

    Raises:
        InputError: it is not in the OPTIMADE filter language.
        MissingExtraError: the extra ``optimade`` is not installed.
    """
    if not text:
        return
    try:
        from optimade.exceptions import BadRequest
        from optimade.filterparser import LarkParser
    except ImportError as error:
        raise MissingExtraError("optimade", "optimade") from error
    try:
        LarkParser().parse(text)
    except BadRequest as error:
        reason = str(getattr(error, "detail", error)).split("\n", 1)[0]
        raise InputError(f"{text!r} is no OPTIMADE filter: {reason}") from None


def _versioned(url: str) -> str:
    try:
        host_of(url.strip())
    except SourceError:
        raise InputError(f"{url!r} is no http or https address of an OPTIMADE database") from None
    parts = urlsplit(url.strip())
    plain = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
    return plain if _VERSION.search(plain) else f"{plain}/v1"


def _short(base: str) -> str:
    parts = urlsplit(base)
    return f"{parts.netloc}{_VERSION.sub('', parts.path)}"


def _checked(answer: Any, url: str) -> tuple[list[Any], Mapping[str, Any]]:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise SourceError(f"{url} answers with no list of structures; is it an OPTIMADE database?")
    meta = answer.get("meta")
    return data, meta if isinstance(meta, dict) else {}


def _is_licence(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_LICENCE and value.isprintable()


def _next(answer: Mapping[str, Any], url: str) -> str | None:
    """Return the link to the next page; a text or a mapping with ``href``, by the specification."""
    links = answer.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    if isinstance(link, dict):
        link = link.get("href")
    if not link:
        return None
    if not isinstance(link, str):
        raise SourceError(f"{url} has a link to the next page that is none: {json.dumps(link)}")
    return joined(url, link)


def _require_whole(base: str, state: _State, meta: Mapping[str, Any]) -> None:
    received, announced = state.received[base], state.announced.get(base)
    if meta.get("more_data_available") is True and (announced is None or received < announced):
        of = f" of {announced:,}" if announced is not None else ""
        raise SourceError(
            f"{base} says that more data is available after {received:,}{of} structures, but "
            "gives no link to it; ask for less with a filter, or report it to the provider"
        )
