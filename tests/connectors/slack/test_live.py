"""Socket Mode: envelopes are acknowledged once their keys are stored, and the connection is the guarded one."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty
from types import GeneratorType
from typing import Any

import pytest

from opsintel.connectors.slack import live
from opsintel.errors import AddressError, CredentialError, RetriableError
from tests.connectors.slack.reading import CREDENTIAL, SUPPORT, connection_to, connector_to, told
from tests.peers.slack import SlackPeer
from tests.peers.slack_events import SocketPeer, changed, posted, running_socket


@pytest.fixture
def socket(slack: SlackPeer) -> Iterator[SocketPeer]:
    with running_socket() as peer:
        slack.socket_url = peer.url
        yield peer


def listening(slack: SlackPeer, socket: SocketPeer, **credential: str) -> Iterator[tuple[str, ...]]:
    """Return what is heard; () as signs of life are left out."""
    connection = connection_to(slack, held={**CREDENTIAL, **credential})
    port = int(socket.url.split("/")[2].rpartition(":")[2])
    servers = connection.policy.local_servers | {("127.0.0.1", port)}
    object.__setattr__(connection.policy, "local_servers", servers)
    heard = connector_to(slack, connection).listen(lambda: False)
    assert isinstance(heard, GeneratorType)
    return heard


def keys_of(heard: Iterator[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    return (keys for keys in heard if keys)


class TestEnvelopes:
    def test_are_acknowledged_after_their_keys_are_stored(self, slack: SlackPeer, socket: SocketPeer) -> None:
        first, second = slack.post("x"), slack.post("y")
        socket.send(posted(first), "envelope-1")
        socket.send(posted(second), "envelope-2")
        heard = keys_of(listening(slack, socket))
        assert next(heard) == (f"{SUPPORT}/{first['ts']}",)
        with pytest.raises(Empty):
            socket.acknowledged.get_nowait()
        assert next(heard) == (f"{SUPPORT}/{second['ts']}",)
        assert socket.acknowledged.get(timeout=10) == "envelope-1"
        assert told(list(connector_to(slack).fetch([f"{SUPPORT}/{second['ts']}"]))) == [second["ts"]]

    def test_that_were_not_stored_are_not_acknowledged(self, slack: SlackPeer, socket: SocketPeer) -> None:
        socket.send(posted(slack.post("x")), "envelope-1")
        heard = listening(slack, socket)
        next(keys_of(heard))
        assert isinstance(heard, GeneratorType)
        heard.close()
        with pytest.raises(Empty):
            socket.acknowledged.get(timeout=0.05)

    def test_mark_what_the_events_api_marks(self, slack: SlackPeer, socket: SocketPeer) -> None:
        root = slack.post("question")
        reply = slack.post("answer", root=root["ts"])
        socket.send(posted(reply), "envelope-1")
        socket.send(changed(reply), "envelope-2")
        heard = keys_of(listening(slack, socket))
        assert next(heard) == (f"{SUPPORT}:{root['ts']}",)
        assert next(heard) == (f"{SUPPORT}/{reply['ts']}",)

    def test_of_other_kinds_are_acknowledged_and_mark_nothing(self, slack: SlackPeer, socket: SocketPeer) -> None:
        command = {"type": "slash_commands", "envelope_id": "envelope-1", "payload": {"command": "/x"},
                   "accepts_response_payload": True}  # fmt: skip
        socket.to_send.put(command)
        socket.end()
        assert [keys for keys in listening(slack, socket) if keys] == []
        assert socket.acknowledged.get(timeout=10) == "envelope-1"


class TestConnection:
    def test_is_opened_with_a_ticket_of_the_app_token(self, slack: SlackPeer, socket: SocketPeer) -> None:
        socket.end()
        list(listening(slack, socket))
        assert socket.tickets == ["/link/?ticket=12348&app_id=5678"]
        assert slack.count("apps.connections.open") == 1

    @pytest.mark.parametrize("how", ["refresh_requested", "warning", "close"])
    def test_ends_when_slack_ends_it(self, slack: SlackPeer, socket: SocketPeer, how: str) -> None:
        if how == "close":
            socket.to_send.put("close")
        else:
            socket.end(how)
        assert [keys for keys in listening(slack, socket) if keys] == []

    def test_gives_a_sign_of_life_when_nothing_comes(
        self, slack: SlackPeer, socket: SocketPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert live.QUIET_SECONDS < 60
        monkeypatch.setattr(live, "QUIET_SECONDS", 0.01)
        heard = listening(slack, socket)
        assert [next(heard) for _ in range(3)] == [(), (), ()]

    def test_ends_when_it_is_told_to_stop(
        self, slack: SlackPeer, socket: SocketPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "QUIET_SECONDS", 0.01)
        answers = iter([False, False, True])
        connection = connection_to(slack)
        port = int(socket.url.split("/")[2].rpartition(":")[2])
        object.__setattr__(connection.policy, "local_servers", connection.policy.local_servers | {("127.0.0.1", port)})
        assert list(connector_to(slack, connection).listen(lambda: next(answers))) == [(), ()]

    def test_needs_an_app_level_token(self, slack: SlackPeer, socket: SocketPeer) -> None:
        with pytest.raises(CredentialError, match="app-level"):
            next(listening(slack, socket, app_token=""))

    def test_whose_token_is_refused_needs_a_person(self, slack: SlackPeer, socket: SocketPeer) -> None:
        with pytest.raises(CredentialError, match="invalid_auth"):
            next(listening(slack, socket, app_token="xapp-another"))

    def test_that_is_switched_off_needs_a_person(self, slack: SlackPeer, socket: SocketPeer) -> None:
        socket.end("link_disabled")
        with pytest.raises(CredentialError, match="Socket Mode is off"):
            list(listening(slack, socket))

    def test_to_an_inner_address_is_refused(self, slack: SlackPeer, socket: SocketPeer) -> None:
        with pytest.raises(AddressError):
            next(connector_to(slack).listen(lambda: False))

    def test_where_nobody_listens_may_work_later(self, slack: SlackPeer, socket: SocketPeer) -> None:
        slack.socket_url = slack.address.replace("http://", "ws://") + "/link"
        with pytest.raises(RetriableError):
            next(listening(slack, socket))
        slack.wrong.clear()

    @pytest.mark.parametrize("text", ["no json", "[" * 99_999])
    def test_that_carries_no_json_is_an_error(self, slack: SlackPeer, socket: SocketPeer, text: str) -> None:
        socket.to_send.put(text)
        with pytest.raises(RetriableError, match="no JSON"):
            list(listening(slack, socket))

    @pytest.mark.parametrize(
        "message", [[], 5, {"type": "events_api"}, {"type": "events_api", "envelope_id": "e", "payload": 1}]
    )
    def test_outlives_messages_that_are_none(self, slack: SlackPeer, socket: SocketPeer, message: Any) -> None:
        socket.to_send.put(message)
        socket.send(posted(slack.post("x")), "envelope-1")
        assert next(keys_of(listening(slack, socket)))
