from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from opsintel.connectors.connection import Budget, Credential
from opsintel.connectors.http import FIRST_PAUSE, TRIES, Answer, ProviderClient, pause_after
from opsintel.coordination.contract import Limit
from opsintel.errors import AddressError, AnswerError, BusyError, CredentialError, UnavailableError
from opsintel.net.policy import Policy
from opsintel.net.retrying import retry_after
from tests.connectors.memory import MemoryConnection, local_connection

BUDGET = Budget("reads", Limit(per_second=10, burst=100))
CUT = 0
"""A status that is none: the connection ends without an answer."""


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """What a server answers, one after another; the last goes on for ever."""

    answers: list[tuple[int, dict[str, str], bytes]]
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(*answers: int | tuple[int, dict[str, str], bytes]) -> Iterator[Script]:
    script = Script([(answer, {}, b'{"fine": true}') if isinstance(answer, int) else answer for answer in answers])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            script.seen.append(Seen(self.command, self.path, dict(self.headers), body))
            status, headers, content = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if status == CUT:
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        script.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()


def connection_to(script: Script, **fields: Any) -> MemoryConnection:
    policy = Policy(schemes=frozenset({"http"}), local_servers=frozenset({("127.0.0.1", script.port)}))
    connection = local_connection(script.port, held={"token": "first"}, **fields)
    connection.policy = policy
    return connection


def client(
    connection: MemoryConnection, url: str, exchange: Callable[[Credential], Credential] | None = None
) -> ProviderClient:
    def authorization(credential: Credential) -> dict[str, str]:
        return {"Authorization": f"Bearer {credential['token']}"}

    return ProviderClient(connection, url, authorization, title="Example", exchange=exchange)


def renew(credential: Credential) -> Credential:
    return {"token": f"after {credential['token']}"}


class TestRequest:
    def test_carries_the_credential_and_the_body(self) -> None:
        with serving(200) as script, client(connection_to(script), script.url) as opened:
            answer = opened.request(
                "POST", "/items", budget=BUDGET, params={"page": 2}, body={"q": "ä"}, headers={"Prefer": "x"}
            )
        assert answer.status == 200
        assert answer.json() == {"fine": True}
        (seen,) = script.seen
        assert (seen.method, seen.path) == ("POST", "/items?page=2")
        assert json.loads(seen.body) == {"q": "ä"}
        assert seen.headers["Authorization"] == "Bearer first"
        assert (seen.headers["Accept"], seen.headers["Prefer"]) == ("application/json", "x")

    def test_spends_its_units_at_every_try(self) -> None:
        with serving(500, 200) as script:
            connection = connection_to(script)
            with client(connection, script.url) as opened:
                opened.request("GET", "/", budget=BUDGET, units=5)
        assert connection.spent == {"reads": 10}

    @pytest.mark.parametrize("status", [400, 403, 404, 409, 410])
    def test_returns_what_the_connector_is_to_judge(self, status: int) -> None:
        with serving(status) as script:
            connection = connection_to(script)
            with client(connection, script.url) as opened:
                assert opened.request("GET", "/", budget=BUDGET).status == status
        assert len(script.seen) == 1
        assert not connection.waits

    def test_an_answer_that_is_no_json_may_pass(self) -> None:
        for body in (b"<html>", b"[" * 100_000, b"\xff"):
            with pytest.raises(UnavailableError, match="no JSON"):
                Answer(200, {}, body).json()


class TestFaults:
    @pytest.mark.parametrize("status", [500, 502, 504, CUT])
    def test_that_pass_are_tried_again(self, status: int) -> None:
        with serving(status, status, 200) as script:
            connection = connection_to(script)
            with client(connection, script.url) as opened:
                assert opened.request("GET", "/", budget=BUDGET).status == 200
        assert len(script.seen) == 3
        first, second = connection.waits
        assert FIRST_PAUSE / 2 <= first <= FIRST_PAUSE
        assert FIRST_PAUSE <= second <= 2 * FIRST_PAUSE
        assert not connection.held_back

    @pytest.mark.parametrize("status", [500, 429, 503, CUT])
    def test_that_stay_end_after_some_tries(self, status: int) -> None:
        with serving(status) as script, client(connection_to(script), script.url) as opened:
            with pytest.raises(UnavailableError):
                opened.request("GET", "/", budget=BUDGET)
            assert len(script.seen) == TRIES

    def test_of_its_limits_say_for_how_long(self) -> None:
        with serving((429, {"Retry-After": "17"}, b"")) as script, client(connection_to(script), script.url) as opened:
            with pytest.raises(BusyError) as caught:
                opened.request("GET", "/", budget=BUDGET)
            assert len(script.seen) == TRIES
        assert caught.value.seconds == 17.0

    def test_of_an_outage_are_no_limit(self) -> None:
        with (
            serving(503) as script,
            client(connection_to(script), script.url) as opened,
            pytest.raises(UnavailableError) as caught,
        ):
            opened.request("GET", "/", budget=BUDGET)
        assert not isinstance(caught.value, BusyError)

    @pytest.mark.parametrize("status", [429, 503])
    def test_of_a_busy_server_hold_back_all_that_share_the_budget(self, status: int) -> None:
        with serving((status, {"Retry-After": "17"}, b""), 200) as script:
            connection = connection_to(script)
            with client(connection, script.url) as opened:
                assert opened.request("GET", "/", budget=BUDGET).status == 200
        assert connection.held_back == [("reads", 17.0)]

    def test_of_a_busy_server_that_names_no_time_hold_back_for_a_growing_one(self) -> None:
        with serving(429, 429, 429, 200) as script:
            connection = connection_to(script)
            with client(connection, script.url) as opened:
                opened.request("GET", "/", budget=BUDGET)
        assert [name for name, _ in connection.held_back] == ["reads"] * 3
        assert [FIRST_PAUSE * 2**n / 2 <= s <= FIRST_PAUSE * 2**n for n, (_, s) in enumerate(connection.held_back)] == [
            True
        ] * 3

    def test_of_another_kind_can_mean_busy_to_a_provider(self) -> None:
        with serving((403, {}, b"rateLimitExceeded"), 200) as script:
            connection = connection_to(script)
            opened = ProviderClient(
                connection, script.url, lambda _: {}, title="Example", is_busy=lambda a: a.body == b"rateLimitExceeded"
            )
            with opened:
                assert opened.request("GET", "/", budget=BUDGET).status == 200
        assert len(connection.held_back) == 1

    def test_a_process_that_is_to_stop_waits_no_longer(self) -> None:
        with serving((503, {"Retry-After": "3600"}, b"")) as script:
            connection = connection_to(script, longest_wait=60)
            with client(connection, script.url) as opened, pytest.raises(UnavailableError):
                opened.request("GET", "/", budget=BUDGET)
        assert len(script.seen) == 1


class TestCredential:
    def test_that_is_refused_is_renewed_once(self) -> None:
        with serving(401, 200) as script:
            connection = connection_to(script)
            with client(connection, script.url, renew) as opened:
                assert opened.request("GET", "/a", budget=BUDGET).status == 200
                assert opened.request("GET", "/b", budget=BUDGET).status == 200
        assert [seen.headers["Authorization"] for seen in script.seen] == [
            "Bearer first", "Bearer after first", "Bearer after first"
        ]  # fmt: skip
        assert connection.renewals == 1
        assert connection.held == {"token": "after first"}

    def test_that_another_process_renewed_is_taken(self) -> None:
        with serving(200, 401, 200) as script:
            connection = connection_to(script)
            with client(connection, script.url, renew) as opened:
                opened.request("GET", "/", budget=BUDGET)
                connection.held = {"token": "first"}
                opened._credential = {"token": "stale"}
                opened.request("GET", "/", budget=BUDGET)
        assert script.seen[-1].headers["Authorization"] == "Bearer first"
        assert connection.renewals == 0

    def test_that_is_refused_though_renewed_is_for_a_person(self) -> None:
        with serving(401) as script:
            connection = connection_to(script)
            with client(connection, script.url, renew) as opened, pytest.raises(CredentialError) as caught:
                opened.request("GET", "/", budget=BUDGET)
        assert caught.value.remedy
        assert connection.renewals == 1
        assert len(script.seen) == 2

    def test_that_cannot_be_renewed_is_for_a_person_at_once(self) -> None:
        with serving(401) as script, client(connection_to(script), script.url) as opened:
            with pytest.raises(CredentialError):
                opened.request("GET", "/", budget=BUDGET)
            assert len(script.seen) == 1

    def test_stays_when_its_renewal_fails(self) -> None:
        def fails(_: Credential) -> Credential:
            raise UnavailableError("the token endpoint is out")

        with serving(401) as script:
            connection = connection_to(script)
            with client(connection, script.url, fails) as opened, pytest.raises(UnavailableError):
                opened.request("GET", "/", budget=BUDGET)
        assert connection.held == {"token": "first"}


class TestPages:
    def test_of_the_same_server_are_followed(self) -> None:
        with serving(200) as script, client(connection_to(script), script.url) as opened:
            opened.request("GET", f"{script.url}/next?token=1", budget=BUDGET)
            assert script.seen[0].path == "/next?token=1"

    @pytest.mark.parametrize(
        "page", ["http://127.0.0.1:1/x", "https://127.0.0.1/x", "http://localhost/x", "http://user@evil.example/x"]
    )
    def test_of_another_server_get_no_credential(self, page: str) -> None:
        with serving(200) as script, client(connection_to(script), script.url) as opened:
            with pytest.raises(AnswerError, match="another server"):
                opened.request("GET", page, budget=BUDGET)
            assert not script.seen

    def test_that_are_redirects_are_returned_and_not_followed(self) -> None:
        with (
            serving((302, {"Location": "http://127.0.0.1:1/"}, b"")) as script,
            client(connection_to(script), script.url) as opened,
        ):
            assert opened.request("GET", "/", budget=BUDGET).status == 302

    def test_of_an_inner_server_are_refused(self) -> None:
        connection = MemoryConnection(Policy(schemes=frozenset({"http", "https"})), held={"token": "x"})
        with client(connection, "http://169.254.169.254") as opened, pytest.raises(AddressError):
            opened.request("GET", "/latest/meta-data", budget=BUDGET)
        assert not connection.waits


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("0", 0.0),
            ("17", 17.0),
            (" 2.5 ", 2.5),
            ("-3", 0.0),
            ("", None),
            ("soon", None),
            ("nan", None),
            ("inf", None),
        ],
    )
    def test_in_seconds(self, value: str, seconds: float | None) -> None:
        assert retry_after({"retry-after": value}) == seconds

    def test_as_a_date(self) -> None:
        later = datetime.now(UTC) + timedelta(seconds=90)
        found = retry_after({"retry-after": format_datetime(later, usegmt=True)})
        assert found is not None
        assert 80 < found <= 90
        assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
        assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 -0000"}) == 0

    def test_that_is_absent(self) -> None:
        assert retry_after({}) is None

    def test_pauses_grow_to_a_limit(self) -> None:
        assert all(0.5 <= pause_after(1) <= 1 for _ in range(20))
        assert all(32 <= pause_after(number) <= 64 for number in (7, 50, 1000))
