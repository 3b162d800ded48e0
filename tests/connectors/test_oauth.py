"""Tokens of OAuth 2: what becomes of a token endpoint's answer, and which of them a person has to act on."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from opsintel.connectors import oauth
from opsintel.connectors.contract import news_of, stream_of
from opsintel.connectors.oauth import credential_of, is_ending, refreshed
from opsintel.errors import CredentialError, UnavailableError
from tests.connectors.memory import MemoryConnection, local_connection

MOMENT = datetime(2026, 3, 1, tzinfo=UTC)
HELD = {"access_token": "old", "refresh_token": "r-1", "client_id": "app", "client_secret": "s&=", "kept": "as it is"}


@dataclass
class TokenEndpoint:
    """What it is told to answer, and the forms it was sent."""

    port: int = 0
    status: int = 200
    content: Any = field(default_factory=dict)
    forms: list[dict[str, str]] = field(default_factory=list)

    @property
    def connection(self) -> MemoryConnection:
        return local_connection(self.port, held=HELD)

    def refreshed(self) -> dict[str, str]:
        return dict(refreshed(self.connection, f"http://127.0.0.1:{self.port}/token", HELD, title="Acme"))


@pytest.fixture
def endpoint() -> Iterator[TokenEndpoint]:
    told = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.forms.append(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))
            body = told.content if isinstance(told.content, bytes) else json.dumps(told.content).encode()
            self.send_response(told.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


class TestAnswer:
    def test_becomes_the_fields_of_a_credential(self) -> None:
        answer = {"access_token": "t", "expires_in": 3600, "refresh_token": "r", "scope": "a b", "token_type": "Bearer"}
        assert credential_of(answer, MOMENT) == {
            "access_token": "t",
            "expires_at": (MOMENT + timedelta(hours=1)).isoformat(),
            "refresh_token": "r",
            "scope": "a b",
        }

    def test_without_a_refresh_token_leaves_the_one_that_is_held(self) -> None:
        assert "refresh_token" not in credential_of({"access_token": "t", "refresh_token": ""}, MOMENT)

    @pytest.mark.parametrize("answer", [{}, {"access_token": ""}, {"access_token": 5}])
    def test_without_a_token_is_a_passing_fault(self, answer: dict[str, Any]) -> None:
        with pytest.raises(UnavailableError):
            credential_of(answer, MOMENT)

    @pytest.mark.parametrize("lasts", ["soon", [], 1e300])
    def test_with_an_end_that_is_none_has_none(self, lasts: Any) -> None:
        assert credential_of({"access_token": "t", "expires_in": lasts}, MOMENT)["expires_at"] == ""


class TestEnd:
    @pytest.mark.parametrize(
        ("credential", "ending"),
        [
            ({}, True),
            ({"access_token": "t"}, False),
            ({"access_token": "t", "expires_at": "2020-01-01T00:00:00+00:00"}, True),
            ({"access_token": "t", "expires_at": "2999-01-01T00:00:00+00:00"}, False),
            ({"access_token": "t", "expires_at": "some day"}, False),
        ],
    )
    def test_is_known_before_the_token_is_used(self, credential: dict[str, str], ending: bool) -> None:
        assert is_ending(credential) is ending

    @pytest.mark.parametrize(("seconds", "ending"), [(-1, True), (0, True), (120, True), (121, False)])
    def test_comes_two_minutes_early_as_clocks_differ(
        self, monkeypatch: pytest.MonkeyPatch, seconds: int, ending: bool
    ) -> None:
        monkeypatch.setattr(oauth, "now", lambda: MOMENT)
        expires_at = (MOMENT + timedelta(seconds=seconds)).isoformat()
        assert is_ending({"access_token": "t", "expires_at": expires_at}) is ending


class TestRefresh:
    def test_keeps_a_rotated_refresh_token_and_all_other_fields(self, endpoint: TokenEndpoint) -> None:
        endpoint.content = {"access_token": "new", "refresh_token": "r-2", "expires_in": 60}
        fresh = endpoint.refreshed()
        assert (fresh["access_token"], fresh["refresh_token"], fresh["kept"]) == ("new", "r-2", "as it is")
        (form,) = endpoint.forms
        assert form == {
            "grant_type": "refresh_token",
            "refresh_token": "r-1",
            "client_id": "app",
            "client_secret": "s&=",
        }

    def test_keeps_the_refresh_token_of_a_provider_that_rotates_none(self, endpoint: TokenEndpoint) -> None:
        endpoint.content = {"access_token": "new"}
        assert endpoint.refreshed()["refresh_token"] == "r-1"

    @pytest.mark.parametrize(
        ("status", "error", "told"),
        [
            (400, "invalid_grant", "Authorise the source again"),
            (401, "invalid_client", "client id"),
            (400, "invalid_scope", "invalid_scope"),
            (200, "bad_refresh_token", "bad_refresh_token"),
            (400, {"code": 400, "message": "r-1 is no good"}, "no token: 400"),
            (401, ["r-1"], "no token: 401"),
            (400, "\u202er-1", "no token: 400"),
            (400, "a\nr-1", "no token: 400"),
            (400, "", "no token: 400"),
        ],
        ids=ascii,
    )
    def test_that_is_refused_needs_a_person(self, endpoint: TokenEndpoint, status: int, error: Any, told: str) -> None:
        endpoint.status, endpoint.content = status, {"error": error, "error_description": "r-1 is no good"}
        with pytest.raises(CredentialError) as caught:
            endpoint.refreshed()
        assert told in caught.value.line()
        assert "r-1" not in caught.value.line()

    @pytest.mark.parametrize(
        ("status", "content"),
        [(503, {"error": "x"}), (429, {}), (400, {"error": "temporarily_unavailable"}), (502, b"<html>"), (200, b"[]")],
    )
    def test_that_fails_for_now_needs_nobody(self, endpoint: TokenEndpoint, status: int, content: Any) -> None:
        endpoint.status, endpoint.content = status, content
        with pytest.raises(UnavailableError):
            endpoint.refreshed()

    def test_without_a_refresh_token_asks_nobody(self) -> None:
        with pytest.raises(CredentialError, match="has ended"):
            refreshed(local_connection(1), "http://127.0.0.1:1/token", {"access_token": "t"}, title="Acme")


class TestKeys:
    def test_tell_an_item_from_news_of_a_stream(self) -> None:
        assert stream_of(news_of("messages")) == "messages"
        assert stream_of("18f2a") is None
