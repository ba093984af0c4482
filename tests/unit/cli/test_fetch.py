"""``stratus fetch``: what it says, what it writes, and how it ends when something is wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from stratus.cli.app import app
from stratus.cli.fetch import SETS
from stratus.corpora.sources import catalogue as catalogue_module
from stratus.corpora.sources.catalogue import Catalogue, catalogue

pytest.importorskip("httpx")
pytest.importorskip("tenacity")


def run(*words):
    return CliRunner().invoke(app, ["fetch", *map(str, words)])


def matbench() -> bytes:
    crystal = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0] * 3, [0.5] * 3]).as_dict()
    rows = [[crystal, 1.0], [crystal | {"sites": []}, 2.0]]
    table = {"index": [0, 1], "columns": ["structure", "n"], "data": rows}
    return gzip.compress(json.dumps(table).encode(), mtime=0)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.server.body
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    """A server that has one file of MatBench, and a catalogue that points there."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body = matbench()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    known = catalogue().model_dump()
    file = known["sets"]["matbench"]["files"]["dielectric"]
    file["urls"] = (f"http://127.0.0.1:{server.server_address[1]}/x",)
    file["digest"] = f"sha256:{hashlib.sha256(server.body).hexdigest()}"
    local = Catalogue.model_validate(known)
    monkeypatch.setattr(catalogue_module, "catalogue", lambda: local)
    yield server
    server.shutdown()
    server.server_close()


def test_the_sets_of_the_command_are_those_of_the_catalogue():
    assert set(SETS) == set(catalogue().sets)


@pytest.mark.usefixtures("server")
def test_a_file_is_downloaded_and_becomes_a_table_with_a_card(tmp_path):
    done = run("matbench", "dielectric", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "(as published)" in done.output
    assert "no-atoms                 1" in done.output
    table = pq.read_table(tmp_path / "matbench_dielectric.parquet")
    assert table["id"].to_pylist() == ["mb-dielectric-0001"]
    assert (tmp_path / "matbench_dielectric.card.yaml").is_file()
    assert (tmp_path / "matbench_dielectric.rejects.csv").read_text().count("\n") == 2
    again = run("matbench", "dielectric", "-o", tmp_path, "--resume")
    assert "was there already" in again.output
    assert "is complete already" in again.output


@pytest.mark.usefixtures("server")
def test_only_files_makes_no_table(tmp_path):
    done = run("matbench", "dielectric", "-o", tmp_path, "--only-files", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    assert {p.name for p in tmp_path.iterdir() if p.suffix in {".gz", ".parquet"}} == {
        "matbench_dielectric.json.gz"
    }


def test_a_wrong_file_is_one_sentence_and_exit_code_1(server, tmp_path):
    server.body = b"blocked"
    done = run("matbench", "dielectric", "-o", tmp_path)
    assert done.exit_code == 1
    assert "is not the file that is known" in done.output
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("server")
def test_a_table_from_elsewhere_is_not_replaced(tmp_path):
    (tmp_path / "matbench_dielectric.parquet").write_bytes(b"mine")
    done = run("matbench", "dielectric", "-o", tmp_path)
    assert done.exit_code == 2
    assert "is from elsewhere; name another folder" in done.output
    assert (tmp_path / "matbench_dielectric.parquet").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["matbench"], "name the files of matbench to fetch"),
        (["matbench", "dielektric"], "did you mean dielectric"),
        (["optimade", "nowhere://x"], "no http or https address"),
        (["optimade", "http://127.0.0.1:9", "--page", "0"], "page_limit cannot be 0"),
        (["optimade", "http://127.0.0.1:9", "--filter", "a b c"], "is no OPTIMADE filter"),
        (["mp"], "set MP_API_KEY"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(words, said, tmp_path, monkeypatch):
    monkeypatch.delenv("MP_API_KEY", raising=False)
    done = run(*words, "-o", tmp_path / "out")
    assert done.exit_code == 2, done.output
    assert said in done.output


def test_a_server_that_is_not_there_is_exit_code_1(tmp_path):
    words = ["http://127.0.0.1:9", "-o", tmp_path / "out", "--attempts", "1"]
    done = run("optimade", *words)
    assert done.exit_code == 1
    assert "127.0.0.1:9/v1/info cannot be read" in done.output
    assert "Nothing was done" in done.output
