"""Asking servers politely: not too often, with patience where they fail, and never for ever."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from stratus.corpora.sources.addresses import host_of, joined, require_allowed, shown
from stratus.corpora.sources.bodies import ACCEPTED, pieces, start_of
from stratus.corpora.sources.source import PassingError, SourceError
from stratus.crystals.reading.json_text import loads
from stratus.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self

    import httpx
    import tenacity

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes that may be gone when the same is asked again."""

_SHOWN = 300
_MOST_SAID = 1 << 16
_MOST_REDIRECTS = 10


class PoliteOptions(BaseModel):
    """How a server is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int = Field(8, ge=1, description="How often one request is tried.")
    timeout_s: float = Field(60.0, gt=0, description="Longest silence of a server, in s.")
    page_timeout_s: float = Field(600.0, gt=0, description="Longest time for one answer, in s.")
    delay_s: float = Field(0.1, ge=0, description="Shortest time between two requests, in s.")
    max_wait_s: float = Field(120.0, ge=0, description="Longest wait before a new try, in s.")
    max_answer_mib: int = Field(256, ge=1, description="Largest answer that is read, in MiB.")
    max_file_gib: int = Field(
        64, ge=1, description="Largest file whose size is not known before, in GiB."
    )
    allow_hosts: frozenset[str] = Field(
        frozenset(), description="Hosts that links and redirects may lead to, NAME or NAME:PORT."
    )

    @field_validator("allow_hosts")
    @classmethod
    def _are_hosts(cls, hosts: frozenset[str]) -> frozenset[str]:
        return frozenset(str(host_of(f"https://{host}")) for host in hosts)


class PoliteClient:
    """An HTTP client that keeps its distance between requests and tries again where it helps.

    Args:
        options: how patient it is.
        sleep: what waits; a stand-in in tests.

    Raises:
        MissingExtraError: httpx or tenacity is not installed.
    """

    def __init__(
        self, options: PoliteOptions | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        try:
            import httpx
            import tenacity  # noqa: F401 - found out now, not after the first failure
        except ImportError as error:
            raise MissingExtraError(error.name or "httpx", "fetch") from error
        self.options = options or PoliteOptions()
        self.sleep = sleep
        self.http = httpx.Client(
            timeout=self.options.timeout_s,
            headers={"User-Agent": f"stratus-crystals/{version('stratus-crystals')}"},
        )
        self._next = 0.0
        self._own_delay = self.options.delay_s

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its connections."""
        self.http.close()

    def json(self, url: str, params: dict[str, str] | None = None, home: str | None = None) -> Any:
        """Return what an address answers, decoded from JSON.

        Args:
            url: the address.
            params: what stands behind its question mark.
            home: the address that the user named, if this one is from a server.

        Raises:
            SourceError: it refuses, or still fails after all tries; the text says how.
        """

        def once() -> Any:
            body = self._body(url, params, home)
            try:
                return loads(body)
            except RecursionError:
                raise SourceError(
                    f"{shown(url)} answers with JSON that is nested too deep"
                ) from None
            except ValueError as error:
                start = shown(" ".join(body[:60].decode("utf-8", "replace").split()))
                raise PassingError(f"{shown(url)} answers no JSON ({error}): {start!r}") from error

        return self.patiently(once)

    def patiently(self, once: Callable[[], _T]) -> _T:
        """Return what a function gives, tried again when it fails for a time.

        Raises:
            SourceError: it fails for good, or failed as often as it may.
        """
        import tenacity

        backoff = tenacity.wait_random_exponential(multiplier=1, max=self.options.max_wait_s)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            asked = error.wait_s if isinstance(error, PassingError) else None
            if asked is not None:
                return min(asked, self.options.max_wait_s)
            return float(backoff(state))

        def log(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome is not None else None
            _LOG.warning("%s; tried again in %.1f s", error, state.upcoming_sleep)

        try:
            return tenacity.Retrying(
                stop=tenacity.stop_after_attempt(self.options.attempts),
                retry=tenacity.retry_if_exception_type(PassingError),
                wait=wait,
                sleep=self.sleep,
                before_sleep=log,
                reraise=True,
            )(once)
        except PassingError as error:
            raise SourceError(f"{error}; tried {self.options.attempts} times") from error

    def slow_down(self, delay_s: float) -> None:
        """Leave at least so much time between requests, as a server may ask for, up to a limit."""
        self._own_delay = max(self.options.delay_s, min(delay_s, self.options.max_wait_s))

    def pause(self) -> None:
        """Wait until the next request may be sent."""
        now = time.monotonic()
        if self._next > now:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + self._own_delay

    @contextmanager
    def answer(
        self,
        url: str,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        *,
        home: str | None = None,
        elsewhere: bool = False,
    ) -> Iterator[httpx.Response]:
        """Give the answer to a request, of which the body is still to be read.

        Args:
            url: the address.
            params: what stands behind its question mark.
            headers: what is said besides.
            home: the address that the user named, if this one is from a server; see
                :func:`stratus.corpora.sources.addresses.require_allowed`.
            elsewhere: whether redirects may lead to any public host.

        Yields:
            the answer, after redirects, whatever its status.

        Raises:
            SourceError: the address, or one that it leads to, is none or may not be asked.
            PassingError: the connection cannot be made, is silent or breaks off.
        """
        import httpx

        home, at, asked = home or url, url, params
        for _ in range(_MOST_REDIRECTS):
            require_allowed(at, home, self.options.allow_hosts, elsewhere=elsewhere)
            self.pause()
            try:
                response = self._begun(
                    self.http.build_request("GET", at, params=asked, headers=headers)
                )
                try:
                    target = response.headers.get("Location") if response.is_redirect else None
                    if target is None:
                        yield response
                        return
                finally:
                    response.close()
            except httpx.InvalidURL as error:
                raise SourceError(f"{shown(at)} is no address: {error}") from error
            except httpx.UnsupportedProtocol as error:
                raise SourceError(f"{shown(at)} is no http or https address") from error
            except httpx.RemoteProtocolError as error:
                if "location header" in str(error):
                    raise SourceError(f"{shown(at)} leads to what is no address") from error
                raise broken(at, error) from error
            except (httpx.TransportError, httpx.DecodingError) as error:
                raise broken(at, error) from error
            at, asked = joined(at, target), None
        raise SourceError(f"{shown(url)} leads on and on; after {_MOST_REDIRECTS} it was given up")

    def _begun(self, request: httpx.Request) -> httpx.Response:
        """Return an answer whose head has come: a server may send that, too, byte by byte."""
        found: queue.SimpleQueue[httpx.Response | Exception] = queue.SimpleQueue()
        late = threading.Event()

        def ask() -> None:
            try:
                response = self.http.send(request, stream=True, follow_redirects=False)
            except Exception as error:  # noqa: BLE001 - the thread that waits raises it
                found.put(error)
                return
            found.put(response)
            if late.is_set():
                response.close()

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = found.get(timeout=self.options.page_timeout_s)
        except queue.Empty:
            late.set()
            raise PassingError(
                f"{shown(request.url)} has not answered after {self.options.page_timeout_s:g} s"
            ) from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def refuse(self, response: httpx.Response) -> NoReturn:
        """Raise what an answer that is none means, with the server's own words.

        Raises:
            PassingError: the server may do better later.
            SourceError: it will not.
        """
        give_up = time.monotonic() + min(self.options.timeout_s, self.options.page_timeout_s)
        url, code = shown(response.url), response.status_code
        detail = _reason(response, start_of(response, _MOST_SAID, give_up))
        if code in PASSING:
            raise PassingError(f"{url} answers {code}{detail}", _asked(response))
        raise SourceError(f"{url} answers {code}{detail}")

    def _body(self, url: str, params: dict[str, str] | None, home: str | None) -> bytes:
        import httpx

        limit = self.options.max_answer_mib << 20
        give_up = time.monotonic() + self.options.page_timeout_s
        with self.answer(url, params, {"Accept-Encoding": ACCEPTED}, home=home) as response:
            if response.status_code != httpx.codes.OK:
                self.refuse(response)
            return b"".join(pieces(response, limit, give_up))


def broken(url: str, error: Exception) -> PassingError:
    """Return the error of a connection that could not be made, was silent or broke off."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return PassingError(f"{shown(url)} cannot be read: {reason}")


def _reason(response: httpx.Response, body: bytes) -> str:
    """Return what the server says, in the form of JSON:API or else its first words."""
    try:
        errors = loads(body)["errors"]
        said = "; ".join(str(e.get("detail") or e.get("title")) for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = response.reason_phrase
    said = " ".join("".join(c if c.isprintable() else " " for c in said).split())[:_SHOWN]
    return f": {said}" if said else ""


def _asked(response: httpx.Response) -> float | None:
    """Return the seconds of a ``Retry-After``, given as a number or as a date."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(text)
        when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return max(0.0, (when - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
