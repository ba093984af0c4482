"""OPTIMADE databases that fail: every structure comes all the same, or the run says why not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from stratus.corpora.cards.files import check_files, read_data_card
from stratus.corpora.sources.collect import CollectOptions, collect
from stratus.corpora.sources.optimade import Optimade, OptimadeQuery, check_filter, find_databases
from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
from stratus.errors import InputError, ResumeError, StratusError

pytest.importorskip("httpx")
pytest.importorskip("tenacity")
pytest.importorskip("optimade")

SENT = 32  # 17 samples of the server package and 15 example crystals
ROWS = 16  # all but one of the samples have atoms on top of each other, or a flat cell
PAGE = 8  # so they are four pages


class Waits(list):
    """Takes the place of sleeping."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def source(url, waits=None, *, attempts=4, timeout_s=30.0, **query) -> Optimade:
    options = PoliteOptions(attempts=attempts, timeout_s=timeout_s, delay_s=0)
    client = PoliteClient(options, sleep=waits if waits is not None else Waits())
    urls = [url] if isinstance(url, str) else url
    return Optimade(urls, OptimadeQuery(page_limit=PAGE, **query), client)


def ids(folder) -> list[str]:
    return pq.read_table(folder / "crystals.parquet")["id"].to_pylist()


@pytest.fixture(scope="module")
def straight(_server, tmp_path_factory):
    """What a run without faults writes."""
    url, faults = _server
    faults.__init__()
    folder = tmp_path_factory.mktemp("straight")
    collect(source(url), folder)
    return folder


def test_every_structure_is_a_row_with_origin_and_licence_or_a_reject(optimade_server, tmp_path):
    url, faults = optimade_server
    faults.licences = ["CC-BY-4.0"]
    query = {"fields": ("elements_ratios",), "filter": 'elements HAS "Ti" OR elements HAS "Ag"'}
    done = collect(source(url, **query), tmp_path, made_by="a test")
    assert (done.rows_in, done.rows_out, done.remarks) == (15, 3, ())
    assert done.rejects == {"bad-lattice": 1, "overlapping-atoms": 11}
    rows = pq.read_table(tmp_path / "crystals.parquet").to_pylist()
    row = next(row for row in rows if row["id"] == "rutile")
    assert row["origin"] == f"{url}/v1/structures/rutile"
    assert (row["database"], row["licence"]) == (f"{url}/v1", "CC-BY-4.0")
    assert sorted(row["species"]) == ["O"] * 4 + ["Ti"] * 2
    assert (len(row["lattice"]), len(row["frac_coords"])) == (9, 18)
    assert row["elements_ratios"] == pytest.approx([2 / 3, 1 / 3])
    card = read_data_card(tmp_path / "crystals.card.yaml")
    assert (card.licence, card.made_by, card.sources[0].rows) == ("CC-BY-4.0", "a test", 3)
    assert 'elements HAS "Ag"' in card.origin
    assert "12 crystals were rejected" in card.notes
    check_files(card, tmp_path)


def test_the_rows_are_those_that_the_client_of_the_server_package_gets(optimade_server, straight):
    from optimade.client import OptimadeClient

    url, _ = optimade_server
    client = OptimadeClient(base_urls=[url], use_async=False, silent=True)
    found = client.get("", endpoint="structures")["structures"][""][url]["data"]
    rejected = (straight / "crystals.rejects.csv").read_text().splitlines()[1:]
    assert {e["id"] for e in found} == {*ids(straight), *(r.split(",")[0] for r in rejected)}


def test_the_table_is_one_that_encode_reads(straight, tmp_path):
    from stratus.corpora.encoding.job import encode_corpus
    from stratus.corpora.encoding.options import EncodeOptions

    done = encode_corpus(
        [straight / "crystals.parquet"], tmp_path / "scope.parquet", EncodeOptions(workers=0)
    )
    assert (done.rows_in, done.rows_out) == (ROWS, ROWS)
    assert {"origin", "licence"} <= set(pq.read_schema(tmp_path / "scope.parquet").names)


@pytest.mark.parametrize(
    ("plan", "waited"),
    [
        ({1: "500"}, 1),
        ({1: "500", 2: "500", 3: "500"}, 3),
        ({0: "500"}, 1),
        ({2: "429"}, 1),
        ({1: "cut"}, 1),
        ({3: "cut", 4: "500", 5: "html"}, 3),
    ],
    ids=["500", "500 three times", "500 first", "429", "cut", "cut, 500, html"],
)
def test_a_fault_that_passes_costs_no_row(optimade_server, straight, tmp_path, plan, waited):
    url, faults = optimade_server
    faults.plan = plan
    waits = Waits()
    done = collect(source(url, waits), tmp_path)
    assert (done.rows_in, done.rows_out, len(waits)) == (SENT, ROWS, waited)
    assert (tmp_path / "crystals.parquet").read_bytes() == (
        straight / "crystals.parquet"
    ).read_bytes()
    if plan == {2: "429"}:
        assert waits == [7.0]  # what the server asked for


def test_a_page_that_takes_too_long_is_asked_for_again(optimade_server, tmp_path):
    url, faults = optimade_server
    faults.plan, faults.slow_s = {1: "slow"}, 1.5
    waits = Waits()
    done = collect(source(url, waits, timeout_s=1.0), tmp_path)
    assert (done.rows_in, done.rows_out, len(waits)) == (SENT, ROWS, 1)


def announced(count, more=None):
    def change(answer):
        answer["meta"]["data_returned"] = count
        answer["meta"]["data_available"] = count
        if more is not None:
            answer["meta"]["more_data_available"] = more

    return change


@pytest.mark.parametrize("count", [0, 3, 100])
def test_pages_count_and_not_what_is_said_of_their_number(optimade_server, tmp_path, count):
    url, faults = optimade_server
    faults.always = announced(count, more=False)
    done = collect(source(url), tmp_path)
    assert (done.rows_in, done.rows_out) == (SENT, ROWS)
    assert done.remarks == (f"{url}/v1 announced {count} structures and sent {SENT}",)
    assert done.remarks[0] in read_data_card(tmp_path / "crystals.card.yaml").notes


def test_more_data_without_a_link_to_it_is_an_error(optimade_server, tmp_path):
    url, faults = optimade_server
    faults.plan = {3: announced(100, more=True), 0: announced(100)}
    with pytest.raises(StratusError, match="more data is available after 32 of 100 structures"):
        collect(source(url), tmp_path)
    assert not (tmp_path / "crystals.parquet").exists()


def test_pages_that_go_round_in_a_circle_are_an_error(optimade_server, tmp_path):
    url, faults = optimade_server
    link = f"{url}/v1/structures?page_limit={PAGE}&page_offset=8"

    def back(answer):
        answer["links"]["next"] = {"href": link}

    faults.always = back
    with pytest.raises(StratusError, match="the same pages again and again"):
        collect(source(url), tmp_path)


def test_an_entry_that_comes_twice_is_a_reject(optimade_server, tmp_path):
    url, faults = optimade_server

    def twice(answer):
        answer["data"].append(answer["data"][0])

    faults.plan = {3: twice}
    done = collect(source(url), tmp_path)
    assert (done.rows_in, done.rows_out) == (SENT + 1, ROWS)
    assert done.rejects["duplicate-id"] == 1
    assert "announced 32 structures and sent 33" in done.remarks[0]


def test_what_is_no_crystal_is_a_reject(optimade_server, tmp_path):
    url, faults = optimade_server

    def spoil(answer):
        answer["data"][0]["attributes"]["lattice_vectors"] = None
        answer["data"][1] = "what?"
        answer["data"][2]["attributes"]["species"][0]["concentration"] = [0.5]

    faults.plan = {3: spoil}
    done = collect(source(url), tmp_path)
    assert (done.rows_in, done.rows_out) == (SENT, ROWS - 3)
    assert done.rejects == {
        "bad-lattice": 2,
        "overlapping-atoms": 15,
        "partial-occupancy": 1,
        "unreadable": 1,
    }
    assert "lattice_vectors is missing" in (tmp_path / "crystals.rejects.csv").read_text()


def test_a_server_that_stays_broken_ends_the_run_and_the_next_goes_on(
    optimade_server, straight, tmp_path
):
    url, faults = optimade_server
    faults.plan = dict.fromkeys(range(2, 20), "500")
    with pytest.raises(StratusError, match=r"500.*made to fail 500; tried 4 times.*--resume"):
        collect(source(url), tmp_path)
    assert not (tmp_path / "crystals.parquet").exists()
    with pytest.raises(InputError, match="--resume"):
        collect(source(url), tmp_path)
    faults.plan, faults.requests = {}, 0
    done = collect(source(url), tmp_path, CollectOptions(resume=True))
    assert (done.rows_out, done.resumed, faults.requests) == (ROWS, 2 * PAGE, 2)
    assert (tmp_path / "crystals.parquet").read_bytes() == (
        straight / "crystals.parquet"
    ).read_bytes()
    again = collect(source(url), tmp_path, CollectOptions(resume=True))
    assert (again.already_complete, again.rows_out) == (True, ROWS)
    with pytest.raises(ResumeError, match="filter"):
        collect(source(url, filter="nsites<4"), tmp_path, CollectOptions(resume=True))


KILLED = """
import os, signal, sys
from stratus.corpora.sources.collect import CollectOptions, collect
from stratus.corpora.sources.optimade import Optimade, OptimadeQuery

def kill(progress):
    if progress.rows_in >= 16:
        os.kill(os.getpid(), signal.SIGKILL)

collect(Optimade([sys.argv[1]], OptimadeQuery(page_limit=8)), sys.argv[2],
        CollectOptions(part_rows=int(sys.argv[3])), on_progress=kill)
"""


def test_a_killed_run_is_gone_on_with_and_writes_the_same_bytes(
    optimade_server, straight, tmp_path
):
    url, _ = optimade_server
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(tmp_path), "9"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    summary = collect(source(url), tmp_path, CollectOptions(resume=True))
    assert (summary.rows_out, summary.resumed) == (ROWS, 16)
    assert (tmp_path / "crystals.parquet").read_bytes() == (
        straight / "crystals.parquet"
    ).read_bytes()


def test_several_databases_keep_their_entries_apart(optimade_server, tmp_path):
    url, _ = optimade_server
    done = collect(source([url, url.replace("127.0.0.1", "localhost")]), tmp_path)
    names = ids(tmp_path)
    hosts = ("127.0.0.1:", "localhost:")
    assert (done.rows_out, len(set(names))) == (2 * ROWS, 2 * ROWS)
    assert all(name.startswith(hosts) for name in names)


def test_a_refusal_is_final_and_says_what_the_server_says(optimade_server, tmp_path):
    url, faults = optimade_server
    waits = Waits()
    faults.always = "404"
    with pytest.raises(StratusError, match=r"404: made to fail 404\. Nothing was done"):
        collect(source(url, waits), tmp_path)
    assert waits == []
    assert not any(tmp_path.iterdir())


def test_max_rows_stops_at_that_crystal(optimade_server, tmp_path):
    url, faults = optimade_server
    done = collect(source(url), tmp_path, CollectOptions(max_rows=11))
    assert (done.rows_in, faults.requests, done.remarks) == (11, 2, ())


def test_a_wrong_filter_is_refused_before_anything_is_asked(optimade_server):
    url, faults = optimade_server
    check_filter('elements HAS "Ag" AND nsites < 10')
    with pytest.raises(InputError, match="is no OPTIMADE filter"):
        source(url, filter="elements HAZ Ag")
    assert faults.requests == 0


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org/optimade", ""])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(InputError, match="no http or https address"):
        source(url)


def test_a_provider_is_looked_up_and_an_unknown_one_refused(monkeypatch):
    urls = {"mp": ["https://b.example.org", "https://a.example.org"], "empty": []}
    providers = [{"id": name} for name in urls]
    monkeypatch.setattr("optimade.utils.get_providers", lambda: providers)
    monkeypatch.setattr(
        "optimade.utils.get_all_databases",
        lambda include_providers: [u for name in include_providers for u in urls[name]],
    )
    found = find_databases(["https://c.example.org", "mp"])
    assert found == ("https://c.example.org", "https://a.example.org", "https://b.example.org")
    with pytest.raises(InputError, match="'nobody' is no OPTIMADE provider"):
        find_databases(["nobody"])
    with pytest.raises(StratusError, match="'empty' names no database, or cannot be reached"):
        find_databases(["empty"])
    providers.clear()
    with pytest.raises(StratusError, match="list of OPTIMADE providers cannot be read"):
        find_databases(["mp"])


def test_the_command_prints_the_counts_and_what_is_strange(optimade_server, tmp_path):
    from typer.testing import CliRunner

    from stratus.cli.app import app

    url, faults = optimade_server
    faults.always = announced(40)
    words = ["fetch", "optimade", url, "-o", str(tmp_path), "--page", "8", "--licence", "MIT"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert f"rows                     16   {tmp_path}/crystals.parquet" in done.output
    assert "overlapping-atoms       15" in done.output
    assert f"note: {url}/v1 announced 40 structures and sent 32" in done.output
    card = read_data_card(tmp_path / "crystals.card.yaml")
    assert (card.licence, card.made_by) == ("MIT", f"stratus fetch optimade {url}")
