"""Servers that mean harm: nothing that was not asked for is asked, and nothing is read for ever."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("httpx")
pytest.importorskip("tenacity")

from stratus.corpora.sources import addresses
from stratus.corpora.sources.addresses import host_of, is_private, joined, require_allowed, shown
from stratus.corpora.sources.collect import collect
from stratus.corpora.sources.download import RemoteFile, download
from stratus.corpora.sources.optimade import Optimade, OptimadeQuery
from stratus.corpora.sources.rate_limit import PoliteClient, PoliteOptions
from stratus.corpora.sources.source import SourceError
from stratus.errors import InputError, StratusError

HOME = "https://example.org/optimade/v1/structures"
LONGEST_S = 30.0

# ---------------------------------------------------------------------------------------- addresses

PUBLIC = {"example.org": "93.184.216.34", "other.net": "8.8.8.8", "inside.net": "10.0.0.7"}


@pytest.fixture(scope="module", autouse=True)
def names():
    """Know the names above, and write numbers as addresses; ask nobody."""
    real = socket.getaddrinfo

    def look_up(host, *rest, **more):
        if host in PUBLIC:
            host = PUBLIC[host]
        elif host != "localhost" and str(host)[:1] not in "0123456789:f":
            raise socket.gaierror(f"{host} is not known")
        return real(host, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(addresses.socket, "getaddrinfo", look_up)
        yield


LOOPBACK = [
    "localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0",
    "0.0", "127.255.255.254", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1",
    "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "[fe80::1]", "[fd00::1]",
    "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "inside.net",
    "LOCALHOST", "127.0.0.1.", "localhost.",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("rest", ["", ":8080", ":22/x", "/latest/meta-data"])
def test_a_machine_of_this_network_is_never_asked_by_a_servers_word(host, elsewhere, rest):
    with pytest.raises(SourceError) as refused:
        require_allowed(f"http://{host}{rest}", HOME, elsewhere=elsewhere)
    said = str(refused.value)
    assert "a machine of this network" in said or "is no address" in said
    assert "\n" not in said


@given(
    scheme=st.sampled_from(["http", "https", "HTTP", "file", "ftp", "gopher", "data", "", "x"]),
    host=st.sampled_from(["example.org", "EXAMPLE.org", "example.org.", "other.net", "127.0.0.1",
                          "example.org@other.net", "other.net#example.org", "u:p@example.org",
                          "example.org.other.net", "xexample.org", "[::1", "exa mple.org", ""]),
    port=st.sampled_from(["", ":80", ":443", ":8443", ":0", ":-1", ":99999", ":x", ":"]),
    path=st.text(max_size=20).map(lambda text: "/" + text),
)  # fmt: skip
@settings(max_examples=600)
@example("https", "example.org", "", "/optimade/v1/structures?page_offset=100")
def test_an_address_is_followed_to_the_same_host_alone(scheme, host, port, path):
    url = f"{scheme}://{host}{port}{path}"
    same = (
        scheme.lower() in {"http", "https"}
        and host.rstrip(".").lower() == "example.org"
        and port in {"", ":", ":443" if scheme.lower() == "https" else ":80"}
        and path.isprintable()
        and " " not in path
    )
    try:
        require_allowed(joined(HOME, url), HOME)
    except SourceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - not every one is refused
        assert not same, error  # noqa: PT017
    else:
        # the rest may only move the address on the same host
        assert host_of(joined(HOME, url)) == host_of(HOME)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda b: b.decode("latin-1")))
@settings(max_examples=500)
def test_whatever_a_link_says_it_leads_to_the_same_host_or_is_refused(link):
    try:
        url = joined(HOME, link)
        require_allowed(url, HOME)
    except SourceError as error:
        assert "\n" not in str(error)  # noqa: PT017 - not every one is refused
        assert shown(str(error)).isprintable()  # noqa: PT017
    else:
        assert host_of(url) == host_of(HOME)


def test_what_the_user_allows_is_asked():
    require_allowed("https://other.net/x", HOME, {"other.net"})
    require_allowed("https://other.net:8443/x", HOME, {"other.net:8443"})
    require_allowed("http://127.0.0.1:5000/x", HOME, {"127.0.0.1"})
    require_allowed("https://other.net/x", HOME, elsewhere=True)
    require_allowed("http://127.0.0.1:5000/x", "http://127.0.0.1:5000/y")
    with pytest.raises(SourceError, match=r"--allow-host 127\.0\.0\.1:6000"):
        require_allowed("http://127.0.0.1:6000/x", "http://127.0.0.1:5000/y")
    assert PoliteOptions(allow_hosts=frozenset({"Other.NET:443"})).allow_hosts == {"other.net"}
    assert not is_private("other.net")


# ------------------------------------------------------------------------------------------ servers

CRYSTAL = {
    "lattice_vectors": [[4, 0, 0], [0, 4, 0], [0, 0, 4]],
    "cartesian_site_positions": [[0, 0, 0], [2, 2, 2]],
    "species": [
        {"name": name, "chemical_symbols": [name], "concentration": [1]} for name in ("Cs", "Cl")
    ],
    "species_at_sites": ["Cs", "Cl"],
    "nsites": 2,
    "elements": ["Cl", "Cs"],
    "nelements": 2,
    "structure_features": [],
    "dimension_types": [1, 1, 1],
    "chemical_formula_reduced": "ClCs",
}


def page(next_=None, name="x", **more) -> bytes:
    data = [{"id": name, "type": "structures", "attributes": CRYSTAL | more}]
    return json.dumps({"data": data, "links": {"next": next_}, "meta": {}}).encode()


class Hostile(ThreadingHTTPServer):
    """A server that does what its ``act`` does with each request, and counts them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []
        self.act = lambda _handler: None
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Say nothing: who asks goes away on purpose."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.act(self)

    def start(self, code: int, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def send(self, body: bytes, code: int = 200, **headers: str) -> None:
        self.start(code, Content_Length=str(len(body)), **headers)
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server():
    with closing(Hostile()) as found:
        found.close = found.shutdown
        yield found


def client(**options) -> PoliteClient:
    values = {"attempts": 2, "delay_s": 0, "timeout_s": 1.0, "page_timeout_s": 1.0} | options
    return PoliteClient(PoliteOptions(**values), sleep=lambda _: None)


def refusal(server, **options) -> str:
    """Return the sentence with which asking a server ends."""
    started = time.monotonic()
    with client(**options) as asking, pytest.raises(SourceError) as refused:
        asking.json(server.url)
    assert time.monotonic() - started < LONGEST_S
    said = str(refused.value)
    assert said.isprintable()
    return said


def endless(handler, piece: bytes, wait_s: float = 0.0) -> None:
    while True:
        handler.wfile.write(piece)
        handler.wfile.flush()
        time.sleep(wait_s)


def zeros() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()


@pytest.mark.parametrize("code", [200, 404, 503])
@pytest.mark.parametrize("how", ["fast", "slow", "zipped", "chunked", "head", "silent", "twice"])
def test_an_answer_without_end_is_given_up(server, code, how):
    def act(handler) -> None:
        if how == "fast":
            handler.start(code)
            endless(handler, b"x" * (1 << 16))
        elif how == "slow":
            handler.start(code)
            endless(handler, b"x", 0.1)
        elif how == "zipped":
            handler.start(code, Content_Encoding="gzip")
            handler.wfile.write(zeros())
            endless(handler, zeros())
        elif how == "chunked":
            handler.start(code, Transfer_Encoding="chunked")
            endless(handler, b"1;" + b"e" * 100 + b"\r\nx\r\n", 0.001)
        elif how == "head":
            handler.wfile.write(f"HTTP/1.1 {code} x\r\n".encode())
            endless(handler, b"A: b\r\n", 0.1)
        elif how == "silent":
            handler.start(code, Content_Length="1000")
            time.sleep(5)
        else:
            handler.start(code, Content_Encoding="gzip, gzip")
            endless(handler, gzip.compress(zeros()))

    server.act = act
    said = refusal(server, max_answer_mib=8, attempts=1, timeout_s=0.5, page_timeout_s=0.5)
    if code != 200 and how != "head":
        assert f"answers {code}" in said
    else:
        assert any(
            words in said
            for words in ("more than 8 MiB", "its time was over", "timed out", "not asked for",
                          "has not answered", "cannot be read")
        ), said  # fmt: skip


@pytest.mark.parametrize("frame", [b"2\r\n{}\r\n0\r\n", b"2;", b"2\r\n{}\r\n0;"])
@pytest.mark.parametrize("wait_s", [0, 0.1])
def test_what_frames_an_answer_is_given_up_too(server, frame, wait_s):
    def act(handler) -> None:
        handler.start(200, Transfer_Encoding="chunked")
        handler.wfile.write(frame)
        endless(handler, b"A: b\r\n" if frame.endswith(b"\n") else b"e", wait_s)

    server.act = act
    refusal(server, attempts=1)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("file:///etc/passwd", "no http or https address"),
        ("ftp://127.0.0.1/", "no http or https address"),
        ("http://127.0.0.1:1/", "a machine of this network"),
        ("http://localhost:1/", "a machine of this network"),
        ("http://other.net/", "another host"),
        ("//other.net/", "another host"),
        ("http://[::1", "no address"),
        ("http://[::1]/", "a machine of this network"),
        ("/again", "leads on and on"),
        ("http://a b/", "no address"),
    ],
)
def test_a_redirect_to_elsewhere_is_refused_without_asking(server, code, target, said):
    server.act = lambda handler: handler.send(b"", code, Location=target)
    assert said in refusal(server)
    assert len(server.asked) == (10 if target == "/again" else 1)


def test_a_redirect_on_the_same_host_is_followed_with_an_endless_body(server):
    def act(handler) -> None:
        if handler.path == "/there":
            handler.send(b'{"a": 1}')
        else:
            handler.start(302, Location="/there")
            endless(handler, b"x" * (1 << 16))

    server.act = act
    assert client().json(server.url) == {"a": 1}


@pytest.mark.parametrize(
    "links",
    [
        "http://127.0.0.1:1/x", "http://other.net/x", "file:///etc/passwd", "http://[::1", "\x00",
        {"href": "http://localhost/x"}, "http://127.0.0.1:1/\n\x00x", "//other.net", "x:y",
    ],
)  # fmt: skip
def test_a_link_to_the_next_page_is_followed_on_the_same_host_alone(server, tmp_path, links):
    pytest.importorskip("optimade")
    server.act = lambda handler: (
        handler.send(b"{}") if "info" in handler.path else handler.send(page(links))
    )
    source = Optimade([server.url], OptimadeQuery(), client())
    with pytest.raises(StratusError) as refused:
        collect(source, tmp_path)
    assert str(refused.value).isprintable()
    assert sum("structures" in path for path in server.asked) == 1


def test_a_link_that_the_user_allows_is_followed(server, tmp_path):
    pytest.importorskip("optimade")
    with closing(Hostile()) as second:
        second.close = second.shutdown
        second.act = lambda handler: handler.send(page(name="second"))
        server.act = lambda handler: (
            handler.send(b"{}")
            if "info" in handler.path
            else handler.send(page(f"{second.url}/more"))
        )
        allowed = client(allow_hosts=frozenset({f"127.0.0.1:{second.server_port}"}))
        done = collect(Optimade([server.url], OptimadeQuery(), allowed), tmp_path)
        assert done.rows_out == 2
        assert second.asked == ["/more"]


def test_halves_of_characters_and_licences_of_megabytes_cost_nothing_else(server, tmp_path):
    pytest.importorskip("optimade")
    licence = json.dumps(
        {"data": {"attributes": {"license": "\ud800", "available_licenses": ["x" * 10**6]}}}
    )
    server.act = lambda handler: (
        handler.send(licence.encode())
        if "info" in handler.path
        else handler.send(
            page("/v1/more", name="a\ud800b") if "structures" in handler.path else page()
        )
    )
    done = collect(Optimade([server.url], OptimadeQuery(), client()), tmp_path)
    assert (done.rows_in, done.rows_out) == (2, 2)


@pytest.mark.parametrize(
    "wait", ["nan", "inf", "-1", "1e999", "Mon, 01 Jan 0001 00:00:00 +2359", "x" * 9000, "9" * 5000,
             "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 32 Foo 2020 25:61:61 GMT"],
)  # fmt: skip
def test_a_wait_that_can_not_be_is_no_harm(server, wait):
    server.act = lambda handler: handler.send(b"", 503, Retry_After=wait)
    assert "answers 503" in refusal(server)
    assert len(server.asked) == 2


@pytest.mark.parametrize("body", [b"[" * 200_000, b"9" * 5000, b"\xff", b'{"a":', b"<html>\x1b[2J"])
@pytest.mark.parametrize("code", [200, 404])
def test_a_body_that_is_no_json_gives_a_sentence(server, body, code):
    server.act = lambda handler: handler.send(body, code)
    refusal(server)


def test_a_file_without_end_is_given_up_and_one_from_another_place_is_not_asked(
    server, tmp_path, monkeypatch
):
    def act(handler) -> None:
        if handler.path == "/away":
            handler.send(b"", 302, Location="http://127.0.0.1:1/")
        elif handler.path == "/error":
            handler.start(500)
            endless(handler, b"x" * (1 << 16))
        else:
            handler.start(200)
            endless(handler, b"x" * (1 << 16))

    server.act = act
    options = PoliteOptions(attempts=1, delay_s=0, timeout_s=1.0, page_timeout_s=1.0)
    monkeypatch.setattr("stratus.corpora.sources.download.GIB", 1 << 14)
    asking = PoliteClient(options, sleep=lambda _: None)
    for path, said in (
        ("/endless", "gives more than"),
        ("/away", "a machine of this network"),
        ("/error", "answers 500"),
    ):
        file = RemoteFile(file="x.csv", urls=(f"{server.url}{path}",))
        with pytest.raises(SourceError, match=said):
            download(file, tmp_path, asking)
        assert not (tmp_path / "x.csv").exists()


def test_an_address_with_a_password_is_no_address_of_a_database():
    pytest.importorskip("optimade")
    for url in ("http://user:word@example.org", "file:///x", "http://[::1", "http://"):
        with pytest.raises(InputError, match="no http or https address"):
            Optimade([url], OptimadeQuery(), client())
