"""A real OPTIMADE server on loopback, which can be made to fail.

It serves the sample data of its own package, most of which are no crystals (atoms on top of each
other), and behind them the example crystals of stratus.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import stratus
from stratus.crystals.entry import Entry


@dataclass
class Faults:
    """What goes wrong at which request for structures, counted from 0.

    A fault is ``500``, ``429``, ``404``, ``html``, ``cut`` (half of the answer, then the
    connection breaks), ``slow``, or a function that changes the answer.
    """

    plan: dict[int, Any] = field(default_factory=dict)
    always: Any = None
    requests: int = 0
    slow_s: float = 1.0
    licences: list[str] | None = None


class Faulty:
    """The server with faults around it."""

    def __init__(self, app, faults: Faults) -> None:
        self.app, self.faults = app, faults

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"].endswith("/info"):
            await self._changed(scope, receive, send, self._info)
        elif scope["path"].endswith("/structures"):
            number, self.faults.requests = self.faults.requests, self.faults.requests + 1
            fault = self.faults.plan.get(number, self.faults.always)
            await self._fail(fault, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _fail(self, fault, scope, receive, send) -> None:
        if fault is None:
            await self.app(scope, receive, send)
        elif fault == "slow":
            await asyncio.sleep(self.faults.slow_s)
            await self.app(scope, receive, send)
        elif fault == "html":
            await _answer(send, 200, b"<html>Are you a robot?</html>", "text/html")
        elif fault == "cut":
            status, body = await self._body(scope, receive)
            await _answer(send, status, body, "application/json", cut=True)
        elif callable(fault):
            await self._changed(scope, receive, send, fault)
        else:
            body = json.dumps({"errors": [{"title": "Oh", "detail": f"made to fail {fault}"}]})
            extra = [(b"retry-after", b"7")] if fault == "429" else []
            await _answer(send, int(fault), body.encode(), "application/json", extra)

    async def _changed(self, scope, receive, send, change) -> None:
        status, body = await self._body(scope, receive)
        value = json.loads(body)
        change(value)
        await _answer(send, status, json.dumps(value).encode(), "application/json")

    async def _body(self, scope, receive) -> tuple[int, bytes]:
        status, parts = 0, []

        async def take(message) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.append(message.get("body", b""))

        await self.app(scope, receive, take)
        return status, b"".join(parts)

    def _info(self, value) -> None:
        if self.faults.licences is not None:
            value["data"]["attributes"]["available_licenses"] = self.faults.licences


async def _answer(send, status, body, kind, extra=(), *, cut=False) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *extra]})
    sent = body[: len(body) // 2] if cut else body
    await send({"type": "http.response.body", "body": sent, "more_body": cut})
    if cut:
        raise ConnectionResetError("cut on purpose")


def _crystals():
    """Yield the example crystals as the server stores structures."""
    from optimade.server import data

    examples = Path(stratus.__file__).parent / "crystals" / "examples"
    sample = {name: value for name, value in data.structures[0].items() if name != "_id"}
    for entry in stratus.read(sorted(map(str, examples.glob("*.cif")))):
        if not isinstance(entry, Entry):
            continue
        symbols = [site.specie.symbol for site in entry.structure]
        kinds = sorted(set(symbols))
        yield sample | {
            "task_id": entry.id,
            "lattice_vectors": entry.lattice.tolist(),
            "cartesian_site_positions": (entry.frac_coords @ entry.lattice).tolist(),
            "species_at_sites": symbols,
            "species": [
                {"name": kind, "chemical_symbols": [kind], "concentration": [1.0]} for kind in kinds
            ],
            "elements": kinds,
            "elements_ratios": [symbols.count(kind) / len(symbols) for kind in kinds],
            "nelements": len(kinds),
            "nsites": len(symbols),
            "pretty_formula": entry.structure.composition.reduced_formula,
            "formula_anonymous": entry.structure.composition.anonymized_formula,
        }


@contextmanager
def running(logs: Path):
    """Run the server in a thread; give its address and its faults."""
    import uvicorn

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTIMADE_LOG_DIR", str(logs))
        patch.setenv("OPTIMADE_LOG_LEVEL", "error")
        from optimade.server import data
        from optimade.server.config import ServerConfig
        from optimade.server.create_app import create_app

        formulas = ("chemical_formula_descriptive", "chemical_formula_reduced")
        names = {"id": "task_id", "chemical_formula_anonymous": "formula_anonymous"}
        names |= dict.fromkeys(formulas, "pretty_formula")
        config = ServerConfig(insert_test_data=False, log_dir=logs, aliases={"structures": names})
        app = create_app(config)
    app.state.entry_collections["structures"].insert([*data.structures, *_crystals()])
    faults = Faults()
    server = uvicorn.Server(
        uvicorn.Config(Faulty(app, faults), port=0, log_level="critical", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", faults
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def _server(tmp_path_factory):
    pytest.importorskip("optimade")
    pytest.importorskip("uvicorn")
    with running(tmp_path_factory.mktemp("logs")) as found:
        yield found


@pytest.fixture
def optimade_server(_server):
    """The address of the server, and its faults, none at first."""
    url, faults = _server
    faults.__init__()
    return url, faults
