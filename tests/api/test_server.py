"""The server as it is run: what reaches it on a real connection."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn

from opsintel_api.app import build_api
from opsintel_api.serve import BEHAVIOUR

UPGRADE = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"


@pytest_asyncio.fixture
async def port() -> AsyncIterator[int]:
    """A server on a port of its own, without anything behind it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(build_api(), log_level="critical", lifespan="off", **BEHAVIOUR))
        running = asyncio.create_task(server.serve([listening]))
        while not server.started:
            await asyncio.sleep(0)
        yield int(listening.getsockname()[1])
        server.should_exit = True
        await running


async def answer(port: int, request: str) -> str:
    """Return the whole answer to a request that is sent as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode("latin-1"))
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


class TestAServer:
    async def test_answers_a_request_to_upgrade_as_the_request_it_is(self, port: int) -> None:
        found = await answer(
            port, f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\n{UPGRADE}\r\n"
        )
        assert found.startswith("HTTP/1.1 200 ")
        assert found.endswith('{"status":"ok"}')

    async def test_sends_no_body_for_head_and_keeps_the_connection_in_step(self, port: int) -> None:
        head, get = (f"{method} /healthz HTTP/1.1\r\nHost: localhost\r\n" for method in ("HEAD", "GET"))
        found = await answer(port, f"{head}\r\n{get}Connection: close\r\n\r\n")
        first, second, body = found.split("\r\n\r\n")
        assert (first.split(" ")[1], second.split(" ")[1], body) == ("200", "200", '{"status":"ok"}')
        assert "content-length: 15" in first

    async def test_does_not_tell_what_it_is(self, port: int) -> None:
        assert "uvicorn" not in await answer(port, "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")

    async def test_refuses_what_another_program_would_read_differently(self, port: int) -> None:
        for headers in (
            "Host: localhost\r\nHost: localhost\r\n",
            "Host: evil.example\r\n",
            "Host: localhost\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Host: localhost\r\nContent-Length: 0\r\nContent-Length: 2\r\n",
            "",
        ):
            found = await answer(port, f"GET /healthz HTTP/1.1\r\n{headers}Connection: close\r\n\r\n")
            assert found.startswith("HTTP/1.1 400 "), headers
