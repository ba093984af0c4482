"""Files from a server that fails: the right file is there in the end, or none of that name."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stratus.corpora.sources.download import RemoteFile, download
from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
from stratus.corpora.sources.source import SourceError
from stratus.errors import InputError

pytest.importorskip("httpx")
pytest.importorskip("tenacity")

TEXT = bytes(range(256)) * 4000
DIGEST = f"sha256:{hashlib.sha256(TEXT).hexdigest()}"


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.files``; ``server.faults`` are taken from the front, one a request."""

    def do_GET(self):
        server = self.server
        server.seen.append(self.headers.get("Range"))
        fault = server.faults.pop(0) if server.faults else None
        body = server.files.get(self.path)
        if body is None or fault == "404":
            self.send_error(404)
            return
        if fault == "503":
            self.send_error(503)
            return
        start, wanted = 0, self.headers.get("Range")
        fresh = self.headers.get("If-Range") in {None, server.tag}
        if wanted and server.ranges and fresh:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            told = start + 1 if fault == "other range" else start
            self.send_header("Content-Range", f"bytes {told}-{len(body) - 1}/{len(body)}")
        else:
            self.send_response(200)
        if server.tag:
            self.send_header("ETag", server.tag)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        rest = body[start:]
        self.wfile.write(rest[: len(rest) // 2] if fault == "cut" else rest)
        self.close_connection = True

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.faults, server.seen = {"/a": TEXT}, [], []
    server.ranges, server.tag = True, '"1"'
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def client():
    with PoliteClient(PoliteOptions(attempts=3, timeout_s=5, delay_s=0), lambda _: None) as client:
        yield client


def remote(server, name="a.dat", path="/a", digest=DIGEST, **more) -> RemoteFile:
    return RemoteFile(file=name, urls=(server.url + path,), digest=digest, **more)


def visible(folder) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


def test_a_file_comes_with_its_digest_beside_it_and_is_not_fetched_twice(server, client, tmp_path):
    done = download(remote(server), tmp_path, client)
    assert (tmp_path / "a.dat").read_bytes() == TEXT
    assert (done.published, done.url) == (True, f"{server.url}/a")
    assert (tmp_path / "a.dat.sha256").read_text() == f"{done.sha256}  a.dat\n"
    assert visible(tmp_path) == {"a.dat", "a.dat.sha256"}
    again = download(remote(server), tmp_path, client)
    assert (again.sha256, again.url, len(server.seen)) == (done.sha256, "", 1)


@pytest.mark.parametrize("faults", [["cut"], ["503", "cut", "cut"], ["cut", "other range"]])
def test_a_broken_download_goes_on_where_it_stopped(server, client, tmp_path, faults):
    server.faults = list(faults)
    download(remote(server), tmp_path, client)
    assert (tmp_path / "a.dat").read_bytes() == TEXT
    assert f"bytes={len(TEXT) // 2}-" in server.seen


def test_it_goes_on_in_another_process_too(server, tmp_path):
    def attempt(tries):
        with PoliteClient(PoliteOptions(attempts=tries, delay_s=0), lambda _: None) as client:
            return download(remote(server), tmp_path, client)

    server.faults = ["cut", "404"]  # 404 ends it at once
    with pytest.raises(SourceError, match="404"):
        attempt(2)
    assert visible(tmp_path) == {".a.dat.part", ".a.dat.part.json"}
    server.seen.clear()
    attempt(1)
    assert server.seen == [f"bytes={len(TEXT) // 2}-"]
    assert (tmp_path / "a.dat").read_bytes() == TEXT


@pytest.mark.parametrize("change", ["no ranges", "new tag"])
def test_it_begins_anew_where_the_server_can_not_go_on(server, client, tmp_path, change):
    server.faults = ["cut", "404"]
    with pytest.raises(SourceError):
        download(remote(server), tmp_path, client)
    if change == "no ranges":
        server.ranges = False
    else:
        server.tag = '"2"'
    download(remote(server), tmp_path, client)
    assert (tmp_path / "a.dat").read_bytes() == TEXT


def test_a_part_that_is_whole_is_only_checked(server, client, tmp_path):
    (tmp_path / ".a.dat.part").write_bytes(TEXT)
    notes = f'{{"url": "{server.url}/a", "validator": "\\"1\\"", "total": {len(TEXT)}}}'
    (tmp_path / ".a.dat.part.json").write_text(notes)
    download(remote(server), tmp_path, client)
    assert server.seen == [f"bytes={len(TEXT)}-"]
    assert visible(tmp_path) == {"a.dat", "a.dat.sha256"}


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "md5:" + "0" * 32], ids=["sha256", "md5"])
def test_a_wrong_file_is_not_kept(server, client, tmp_path, digest):
    with pytest.raises(SourceError, match=r"is not the file that is known: its \w+ is \w+, not 0+"):
        download(remote(server, digest=digest), tmp_path, client)
    assert visible(tmp_path) == set()


def test_a_file_of_another_size_is_not_kept(server, client, tmp_path):
    with pytest.raises(SourceError, match="more than 1,000 bytes"):
        download(remote(server, digest=None, bytes=1000), tmp_path, client)
    with pytest.raises(SourceError, match="not 9,999,999"):
        download(remote(server, digest=None, bytes=9_999_999), tmp_path, client)
    assert visible(tmp_path) == set()


def test_the_next_address_is_tried_when_one_fails_or_has_another_file(server, client, tmp_path):
    server.files["/wrong"] = b"<html>blocked</html>"
    urls = [server.url + path for path in ("/absent", "/wrong", "/a")]
    done = download(RemoteFile(file="a.dat", urls=urls, digest=DIGEST), tmp_path, client)
    assert done.url == urls[2]
    assert (tmp_path / "a.dat").read_bytes() == TEXT
    with pytest.raises(SourceError, match=r"absent answers 404.*wrong is not the file"):
        download(RemoteFile(file="b.dat", urls=urls[:2], digest=DIGEST), tmp_path, client)


def test_without_a_published_digest_the_first_one_is_kept_to(server, client, tmp_path):
    file = remote(server, digest=None)
    assert not download(file, tmp_path, client).published
    download(file, tmp_path, client)
    (tmp_path / "a.dat").write_bytes(b"changed")
    with pytest.raises(InputError, match=r"a\.dat has changed.*remove both"):
        download(file, tmp_path, client)


def test_a_file_that_is_there_and_is_another_one_is_not_touched(server, client, tmp_path):
    (tmp_path / "a.dat").write_bytes(b"mine")
    with pytest.raises(InputError, match="is not the file that is known"):
        download(remote(server), tmp_path, client)
    assert (tmp_path / "a.dat").read_bytes() == b"mine"


def test_two_that_want_the_same_file_fetch_it_once(server, client, tmp_path):
    file, found = remote(server), []
    threads = [
        threading.Thread(target=lambda: found.append(download(file, tmp_path, client)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(found), len(server.seen)) == (3, 1)
    assert len({done.sha256 for done in found}) == 1


def zipped(name) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "data_x")
    return out.getvalue()


def tarred(name, kind=tarfile.REGTYPE) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.zip", zipped("../../x.cif"), "points outside"),
        ("a.tar.gz", tarred("/x.cif"), "points outside"),
        ("a.tar.gz", tarred("x.cif", tarfile.SYMTYPE), "not safe"),
        ("a.json.gz", gzip.compress(b"[]")[:-6], "damaged"),
        ("a.json.bz2", bz2.compress(b"[1]" * 99)[:-20], "damaged"),
        ("a.json.gz", b"<html>Are you a robot?</html>", "damaged"),
        ("a.zip", b"<html>Are you a robot?</html>", "damaged|not a zip"),
        ("a.parquet", b"<html>Are you a robot?</html>", "damaged"),
        ("a.json.gz", gzip.compress(gzip.compress(bytes(1 << 28))), None),
        ("a.json.gz", gzip.compress(bytes(1 << 27)), "grow to more than"),
    ],
    ids=[  # the bodies hold the time, so they cannot name the tests
        "outside", "outside-tar", "link", "cut", "cut-bz2", "page-gz", "page-zip", "page-parquet",
        "twice", "bomb",
    ],
)  # fmt: skip
def test_what_is_inside_is_looked_at_before_it_gets_its_name(
    server, client, tmp_path, name, body, said
):
    server.files["/x"] = body
    file = remote(server, name=name, path="/x", digest=None)
    if said is None:
        download(file, tmp_path, client)
        return
    with pytest.raises(SourceError, match=said):
        download(file, tmp_path, client)
    assert visible(tmp_path) == set()


@pytest.mark.parametrize("name", ["../a", "/a", "a/b", ".a", ""])
def test_a_name_is_never_a_path(name):
    with pytest.raises(ValueError, match="pattern"):
        RemoteFile(file=name, urls=("http://x",))
