"""WebSockets go where the guarded client would go, and nowhere else."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from opsintel.errors import AddressError, RetriableError, UnavailableError
from opsintel.net.policy import Policy
from opsintel.net.websocket import open_websocket
from tests.access.network import PUBLIC, Exchange, Network, certificate, network, scripted_server
from tests.access.spellings import hosts

__all__ = ["network"]

SOME_HOSTS = hosts()[::20]


def echo(connection: ServerConnection) -> None:
    try:
        for message in connection:
            connection.send(message)
    except ConnectionClosed:
        pass


@contextmanager
def websocket_server(
    handler: Callable[[ServerConnection], None] = echo, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Yield the port of a server of WebSockets on 127.0.0.1."""
    server = serve(handler, "127.0.0.1", 0, ssl=tls)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()


def local(port: int, **fields: int) -> Policy:
    return Policy(local_servers=frozenset({("127.0.0.1", port)}), **fields)  # type: ignore[arg-type]


def refused(url: str, policy: Policy | None = None) -> None:
    with pytest.raises(AddressError), open_websocket(url, policy or Policy()):
        pass


class TestAddresses:
    @pytest.mark.parametrize("host", SOME_HOSTS)
    def test_check_44_no_spelling_of_an_inner_address_is_connected_to(self, host: str, network: Network) -> None:
        refused(f"wss://{host}/link")
        assert network.dialled == []

    @pytest.mark.parametrize("url", ["ws://example.com/", "http://example.com/", "https://example.com/", "",
        "ftp://example.com/", "//example.com/", "example.com", "wss://user:secret@example.com/", "wss:",
        "wss://example.com:22/", "wss://example.com:x/"])  # fmt: skip
    def test_check_43_only_wss_on_ports_of_the_web(self, url: str, network: Network) -> None:
        network.names["example.com"] = [[PUBLIC]]
        refused(url)
        assert network.dialled == []

    def test_what_was_checked_is_connected_to_under_its_name(self, network: Network, tmp_path: Path) -> None:
        server_tls, client_tls = certificate(tmp_path, "wss.example.com")
        network.names["wss.example.com"] = [[PUBLIC], ["10.0.0.1"]]
        with websocket_server(tls=server_tls) as port:
            network.servers[PUBLIC] = port
            with open_websocket("wss://wss.example.com/link?ticket=1", Policy(), client_tls) as opened:
                opened.send("hello")
                assert opened.receive(10) == "hello"
        assert network.dialled == [(PUBLIC, 443)]
        assert network.looked_up == ["wss.example.com"]

    def test_a_certificate_of_another_name_is_refused(self, network: Network, tmp_path: Path) -> None:
        server_tls, client_tls = certificate(tmp_path, "other.example.com")
        network.names["wss.example.com"] = [[PUBLIC]]
        with websocket_server(tls=server_tls) as port:
            network.servers[PUBLIC] = port
            with pytest.raises(UnavailableError), open_websocket("wss://wss.example.com/", Policy(), client_tls):
                pass

    def test_check_45_proxies_of_the_environment_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "socks_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        with websocket_server() as port, open_websocket(f"ws://127.0.0.1:{port}/", local(port)) as opened:
            opened.send("hello")
            assert opened.receive(10) == "hello"


class TestServers:
    def test_that_answer_otherwise_are_told(self) -> None:
        def page(exchange: Exchange) -> None:
            exchange.answer(b"<html>")

        with (
            scripted_server(page) as (port, _),
            pytest.raises(UnavailableError, match="WebSocket"),
            open_websocket(f"ws://127.0.0.1:{port}/", local(port)),
        ):
            pass

    def test_that_redirect_are_not_followed(self) -> None:
        def elsewhere(exchange: Exchange) -> None:
            exchange.answer(b"", "302 Found", Location="ws://127.0.0.1:1/")

        with scripted_server(elsewhere) as (port, seen):
            with pytest.raises(UnavailableError), open_websocket(f"ws://127.0.0.1:{port}/", local(port)):
                pass
            assert len(seen) == 1

    def test_that_say_too_much_are_left(self) -> None:
        def flood(connection: ServerConnection) -> None:
            connection.send("x" * 2000)
            echo(connection)

        with (
            websocket_server(flood) as port,
            open_websocket(f"ws://127.0.0.1:{port}/", local(port, max_body_bytes=1000)) as opened,
        ):
            assert opened.receive(10) is None
            assert opened.is_closed

    def test_that_are_silent_are_waited_for_no_longer_than_said(self) -> None:
        with websocket_server() as port, open_websocket(f"ws://127.0.0.1:{port}/", local(port)) as opened:
            assert opened.receive(0.01) is None
            assert not opened.is_closed

    def test_that_close_are_told_from_silent_ones(self) -> None:
        with (
            websocket_server(lambda connection: connection.close()) as port,
            open_websocket(f"ws://127.0.0.1:{port}/", local(port)) as opened,
        ):
            assert opened.receive(10) is None
            assert opened.is_closed
            with pytest.raises(RetriableError):
                opened.send("hello")
