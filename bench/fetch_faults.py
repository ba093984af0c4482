"""What becomes of a fetch when the server fails: `stratus fetch optimade` and another client.

    python bench/fetch_faults.py [FAULT ...]

Starts the OPTIMADE server of the tests on loopback (the sample data of its own package and the
example crystals), makes it fail in each way, and prints a table in Markdown: the fault, what the
user sees, and how many of the 32 structures are lost. A structure that is no crystal is not lost:
it is in the rejects. The last column is `OptimadeClient` of the package `optimade`, on the same
server with the same faults. The ratio is that of the structures kept by both in all faults.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stratus.corpora.sources.collect import CollectOptions, CollectSummary, collect
from stratus.corpora.sources.optimade import Optimade, OptimadeQuery
from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
from stratus.errors import StratusError

if TYPE_CHECKING:
    from collections.abc import Callable

SERVER = Path(__file__).parents[1] / "tests/unit/corpora/sources/conftest.py"
SENT, PAGE = 32, 8


def announce(count: int, *, more: bool) -> Callable[[dict], None]:
    """Return a fault: wrong counts in every answer."""

    def change(answer: dict) -> None:
        answer["meta"] |= {
            "data_returned": count,
            "data_available": count,
            "more_data_available": more,
        }

    return change


def again(answer: dict) -> None:
    """A fault: an entry comes twice."""
    answer["data"].append(answer["data"][0])


def spoiled(answer: dict) -> None:
    """A fault: an entry without a lattice."""
    answer["data"][-1]["attributes"]["lattice_vectors"] = None


FAULTS = {
    "none": {},
    "500, once": {"plan": {1: "500"}},
    "500, three times running": {"plan": {1: "500", 2: "500", 3: "500"}},
    "429 with Retry-After: 7": {"plan": {2: "429"}},
    "the connection breaks in the middle of a page": {"plan": {1: "cut"}},
    "a page of HTML with status 200": {"plan": {2: "html"}},
    "a page takes longer than the timeout": {"plan": {1: "slow"}, "slow_s": 6.0},
    "announces 3 structures, no more data": {"always": announce(3, more=False)},
    "announces 100 structures": {"always": announce(100, more=False)},
    "announces 100, says there is more, gives no link": {"always": announce(100, more=True)},
    "sends an entry twice": {"plan": {3: again}},
    "sends an entry without a lattice": {"plan": {3: spoiled}},
    "500 from the third page on": {"plan": dict.fromkeys(range(2, 99), "500")},
    "429 for ever": {"always": "429"},
}  # fmt: skip


class Said(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.lines.append(record.getMessage())


def ours(url: str, folder: Path, *, resume: bool = False) -> CollectSummary:
    """Fetch as the command does, without waiting."""
    options = PoliteOptions(attempts=4, timeout_s=4.0, delay_s=0)
    with PoliteClient(options, sleep=lambda _: None) as client:
        source = Optimade([url], OptimadeQuery(page_limit=PAGE), client)
        return collect(source, folder, CollectOptions(resume=resume))


def theirs(url: str) -> int | None:
    """Return the structures that the other client gets; None where it has not ended in 40 s."""
    from optimade.client import OptimadeClient

    found: list[int] = []

    def ask() -> None:
        client = OptimadeClient(base_urls=[url], use_async=False, silent=True, http_timeout=4.0)
        query = {"endpoint": "structures", "filter": "", "paginate": True, "page_limit": PAGE}
        answer = client.get_one(base_url=url, **query)[url]
        found.append(len({entry["id"] for entry in answer.data}))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(40)
    return found[0] if found else None


def row(name: str, fault: dict, url: str, faults: Any) -> tuple[str, int, int]:
    """Return one line of the table, and how many structures we and the other client keep."""
    said = Said()
    logging.getLogger("stratus").addHandler(said)

    with tempfile.TemporaryDirectory() as name_of_folder:
        folder = Path(name_of_folder)
        faults.__init__(**fault)
        try:
            done = ours(url, folder)
            told = "; ".join([*said.lines, *done.remarks]) or "the counts"
            if done.rejects.get("duplicate-id") or done.rejects.get("bad-lattice", 0) > 1:
                told += "; one more reject, with the reason"
            kept = done.rows_in
        except StratusError as error:
            told = f"exit code 1: {error}"
            faults.__init__()
            done = ours(url, folder, resume=True)
            told += f" | then, with --resume: {done.rows_in} structures"
            kept = done.rows_in
    logging.getLogger("stratus").removeHandler(said)
    faults.__init__(**fault)
    answered = theirs(url)
    kept, got = min(SENT, kept), min(SENT, answered or 0)
    other = "not ended in 40 s" if answered is None else str(SENT - got)
    shown = told.replace(url, "URL").replace(name_of_folder, "DIR").replace("|", "\\|")
    shown = re.sub(r"\?response_fields=\S*", "?...", shown)
    return f"| {name} | {shown} | {SENT - kept} | {other} |", kept, got


def main(wanted: list[str]) -> None:
    """Print the table."""
    spec = importlib.util.spec_from_file_location("server_of_the_tests", SERVER)
    server = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = server
    spec.loader.exec_module(server)
    logging.getLogger("stratus").propagate = False
    kept = got = 0
    with tempfile.TemporaryDirectory() as folder, server.running(Path(folder)) as (url, faults):
        print("| fault | what the user sees | lost | lost by `OptimadeClient` |")
        print("|---|---|---:|---:|")
        for name in wanted:
            line, ours_kept, theirs_kept = row(name, FAULTS[name], url, faults)
            kept, got = kept + ours_kept, got + theirs_kept
            print(line, flush=True)
    print(f"ratio: {kept / max(1, got):.3f}")


if __name__ == "__main__":
    main(sys.argv[1:] or list(FAULTS))
