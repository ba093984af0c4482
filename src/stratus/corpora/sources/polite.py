"""Asking servers politely: not too often, with patience where they fail, and never for ever."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from stratus.corpora.sources.source import SourceError
from stratus.crystals.reading.json_text import loads
from stratus.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    import httpx
    import tenacity

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")

PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Status codes that may be gone when the same is asked again."""

_CHUNK = 1 << 16
_SHOWN = 300
_LONGEST = 120


class PoliteOptions(BaseModel):
    """How a server is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int = Field(8, ge=1, description="How often one request is tried.")
    timeout_s: float = Field(60.0, gt=0, description="Longest silence of a server, in s.")
    page_timeout_s: float = Field(600.0, gt=0, description="Longest time for one answer, in s.")
    delay_s: float = Field(0.1, ge=0, description="Shortest time between two requests, in s.")
    max_wait_s: float = Field(120.0, ge=0, description="Longest wait before a new try, in s.")
    max_answer_mib: int = Field(256, ge=1, description="Largest answer that is read, in MiB.")


class PassingError(SourceError):
    """What may succeed when it is tried again.

    Args:
        detail: what went wrong.
        wait_s: how long the server asks to wait, in s.
    """

    def __init__(self, detail: str, wait_s: float | None = None) -> None:
        self.wait_s = wait_s
        super().__init__(detail)


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
            follow_redirects=True,
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

    def json(self, url: str, params: dict[str, str] | None = None) -> Any:
        """Return what an address answers, decoded from JSON.

        Raises:
            SourceError: it refuses, or still fails after all tries; the text says how.
        """

        def once() -> Any:
            body = self._body(url, params)
            try:
                return loads(body)
            except (ValueError, RecursionError) as error:
                start = " ".join(body[:60].decode("utf-8", "replace").split())
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

    def _body(self, url: str, params: dict[str, str] | None) -> bytes:
        import httpx

        self.pause()
        limit = self.options.max_answer_mib << 20
        give_up = time.monotonic() + self.options.page_timeout_s
        parts, size = [], 0
        try:
            with self.http.stream("GET", url, params=params) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    refuse(response)
                for data in response.iter_bytes(_CHUNK):
                    size += len(data)
                    if size > limit:
                        raise SourceError(
                            f"{shown(url)} answers with more than "
                            f"{self.options.max_answer_mib} MiB; ask for less at a time"
                        )
                    if time.monotonic() > give_up:
                        raise PassingError(
                            f"{shown(url)} was still sending after "
                            f"{self.options.page_timeout_s:g} s"
                        )
                    parts.append(data)
        except httpx.InvalidURL as error:
            raise SourceError(f"{url} is no address: {error}") from error
        except httpx.UnsupportedProtocol as error:
            raise SourceError(f"{url} is no http or https address") from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise broken(url, error) from error
        except httpx.TooManyRedirects as error:
            raise SourceError(f"{url} leads round in a circle") from error
        return b"".join(parts)


def refuse(response: httpx.Response) -> NoReturn:
    """Raise what an answer that is none means.

    Raises:
        PassingError: the server may do better later.
        SourceError: it will not.
    """
    url, code = shown(response.url), response.status_code
    detail = _reason(response)
    if code in PASSING:
        raise PassingError(f"{url} answers {code}{detail}", _asked(response))
    raise SourceError(f"{url} answers {code}{detail}")


def broken(url: str, error: Exception) -> PassingError:
    """Return the error of a connection that could not be made, was silent or broke off."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return PassingError(f"{shown(url)} can not be read: {reason}")


def shown(url: object) -> str:
    """Return an address as messages show it: its middle is left out where it is long."""
    text = str(url)
    return text if len(text) <= _LONGEST else f"{text[:60]}...{text[-40:]}"


def _reason(response: httpx.Response) -> str:
    """Return what the server says, in the form of JSON:API or else its first words."""
    try:
        errors = response.json()["errors"]
        said = "; ".join(str(e.get("detail") or e.get("title")) for e in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = response.reason_phrase
    said = " ".join(said.split())[:_SHOWN]
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
    except ValueError:
        return None
    when = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
