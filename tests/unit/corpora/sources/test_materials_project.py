"""The Materials Project through a client of the same form: pages, failures, and the key."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure

from stratus.corpora.sources.collect import CollectOptions, collect
from stratus.corpora.sources.materials_project import (
    LICENCE,
    MaterialsProject,
    MaterialsProjectQuery,
)
from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
from stratus.errors import InputError, StratusError

pytest.importorskip("httpx")
pytest.importorskip("tenacity")

SECRET = "k3y-that-must-not-be-seen"  # noqa: S105 - no key of anybody


def document(number: int, **changes) -> dict:
    structure = Structure(Lattice.cubic(3 + number / 10), ["Cs", "Cl"], [[0] * 3, [0.5] * 3])
    return {
        "material_id": f"mp-{number}",
        "structure": structure.as_dict(),
        "band_gap": float(number),
        "is_stable": number % 2 == 0,
        **changes,
    }


class Rester:
    """What ``MPRester`` does, from a list; it fails at the requests that it is told to."""

    def __init__(self, documents, faults=(), version="2026.09.30") -> None:
        self.documents, self.faults, self.db_version = documents, list(faults), version
        self.asked: list[dict] = []
        self.materials = SimpleNamespace(summary=self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def search(self, **criteria):
        self.asked.append(criteria)
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault
        size, page = criteria["chunk_size"], criteria["_page"]
        return self.documents[(page - 1) * size : page * size]


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("MP_API_KEY", SECRET)


def source(rester, **query) -> MaterialsProject:
    client = PoliteClient(PoliteOptions(attempts=3, delay_s=0), sleep=lambda _: None)
    asked = MaterialsProjectQuery(page_limit=4, **query)
    return MaterialsProject(asked, lambda _: rester, client)


DOCUMENTS = [document(n) for n in range(1, 11)]


def test_every_material_is_a_row_with_its_labels(tmp_path):
    rester = Rester(DOCUMENTS)
    done = collect(source(rester, elements=("Cs",), max_sites=5), tmp_path)
    assert (done.rows_in, done.rows_out, len(rester.asked)) == (10, 10, 4)
    first = rester.asked[0]
    assert (first["elements"], first["num_sites"], first["_page"]) == (["Cs"], (1, 5), 1)
    assert (first["deprecated"], first["include_gnome"]) == (False, False)
    row = pq.read_table(tmp_path / "crystals.parquet").to_pylist()[1]
    assert (row["id"], row["species"], row["band_gap"]) == ("mp-2", ["Cs", "Cl"], 2.0)
    assert row["is_stable"] is True
    assert row["origin"] == "https://next-gen.materialsproject.org/materials/mp-2"
    assert (row["licence"], row["database"]) == (
        LICENCE,
        "https://next-gen.materialsproject.org 2026.09.30",
    )


def test_documents_without_a_structure_are_rejects(tmp_path):
    documents = [document(1), document(2, structure=None), {"band_gap": 1.0}]
    done = collect(source(Rester(documents)), tmp_path)
    assert (done.rows_in, done.rows_out, done.rejects) == (3, 1, {"not-a-structure": 2})


def test_structures_may_be_objects_and_a_short_page_is_not_the_end(tmp_path):
    objects = [d | {"structure": Structure.from_dict(d["structure"])} for d in DOCUMENTS]
    rester = Rester(objects)
    whole = rester.search

    def short(**criteria):
        found = whole(**criteria)
        return found[:3] if criteria["_page"] == 1 else found

    rester.search = short
    done = collect(source(rester), tmp_path)
    assert done.rows_out == 9  # all that was sent; the pages after the short one too


@pytest.mark.parametrize("resumed", [False, True])
def test_a_failure_costs_no_row(tmp_path, resumed):
    fault = ConnectionError("reset by peer")
    straight, broken = tmp_path / "a", tmp_path / "b"
    collect(source(Rester(DOCUMENTS)), straight)
    if resumed:
        with pytest.raises(StratusError, match=r"reset by peer; tried 3 times.*--resume"):
            collect(source(Rester(DOCUMENTS, [None, None, fault, fault, fault])), broken)
        rester = Rester(DOCUMENTS)
        done = collect(source(rester), broken, CollectOptions(resume=True))
        assert (done.resumed, [a["_page"] for a in rester.asked]) == (8, [3, 4])
    else:
        collect(source(Rester(DOCUMENTS, [None, fault, fault])), broken)
    tables = [(folder / "crystals.parquet").read_bytes() for folder in (straight, broken)]
    assert tables[0] == tables[1]


def test_another_version_of_the_database_is_not_mixed_in(tmp_path):
    fault = ConnectionError("gone")
    with pytest.raises(StratusError):
        collect(source(Rester(DOCUMENTS, [None, fault, fault, fault])), tmp_path)
    later = source(Rester(DOCUMENTS, version="2027.01.01"))
    with pytest.raises(StratusError, match=r"went from version 2026\.09\.30 to 2027\.01\.01"):
        collect(later, tmp_path, CollectOptions(resume=True))


def test_the_key_is_in_no_file_no_log_and_no_message(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    leaks = ConnectionError(f"https://api/?X-API-KEY={SECRET} reset")
    with pytest.raises(StratusError) as told:
        collect(source(Rester(DOCUMENTS, [None, leaks, leaks, leaks])), tmp_path)
    error: BaseException | None = told.value
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__ or error.__context__
    assert "***" in caplog.text
    assert SECRET not in caplog.text
    assert list(tmp_path.rglob("*.parquet"))
    collect(source(Rester(DOCUMENTS)), tmp_path, CollectOptions(resume=True))
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET.encode() not in path.read_bytes()


def test_a_refused_key_is_not_tried_again(tmp_path):
    refused = RuntimeError("REST query returned with error status code 401")
    rester = Rester(DOCUMENTS, [refused] * 3)
    with pytest.raises(StratusError, match=r"401\. Nothing was done"):
        collect(source(rester), tmp_path)
    assert len(rester.asked) == 1


def test_without_a_key_it_says_where_one_is_had(monkeypatch):
    monkeypatch.delenv("MP_API_KEY")
    with pytest.raises(InputError, match="set MP_API_KEY"):
        source(Rester([]))


def test_what_is_asked_is_what_mp_api_understands():
    rester = pytest.importorskip("mp_api.client.routes.materials.summary")
    import inspect

    known = set(inspect.signature(rester.SummaryRester.search).parameters)
    query = MaterialsProjectQuery(
        elements=("Fe",), chemsys="Fe-O", max_sites=9, max_energy_above_hull=0.1
    )
    asked = {*query.criteria(), "fields", "all_fields", "chunk_size", "_page", "_sort_fields"}
    assert asked <= known


class Handler(BaseHTTPRequestHandler):
    """The two endpoints of the Materials Project that are asked, with faults."""

    def do_GET(self):
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, answer = 200, {"db_version": "2026.09.30", "version": "0.90.0"}
        answer["access_controlled_batch_ids"] = []
        if "summary" in parts.path:
            self.server.asked.append(asked)
            size, page = int(asked["_per_page"]), int(asked["_page"])
            answer = {"data": DOCUMENTS[(page - 1) * size : page * size], "meta": {"total_doc": 10}}
            if self.server.faults:
                status, answer = self.server.faults.pop(0), {"detail": "made to fail"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.mark.filterwarnings("ignore")
def test_the_client_of_the_materials_project_itself_brings_every_row(tmp_path):
    client = pytest.importorskip("mp_api.client")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.faults, server.asked = [500, 502], []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"

    def connect(key):
        return client.MPRester(
            key.ljust(32, "k"), endpoint=url, use_document_model=False, mute_progress_bars=True
        )

    polite = PoliteClient(PoliteOptions(attempts=4, delay_s=0), sleep=lambda _: None)
    query = MaterialsProjectQuery(elements=("Cs",), page_limit=4)
    done = collect(MaterialsProject(query, connect, polite), tmp_path)
    server.shutdown()
    server.server_close()
    assert (done.rows_in, done.rows_out) == (10, 10)
    assert [a["_page"] for a in server.asked][-4:] == ["1", "2", "3", "4"]
