"""What Slack pushes: events in the wrapper of the Events API, signed, or in envelopes of Socket Mode."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from queue import Queue
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.connectors.remote import Push, received
from tests.peers.slack import SIGNING_SECRET, TEAM

Event = dict[str, Any]


def wrapped(event: Event, event_id: str = "Ev0000TEST") -> Event:
    """Return an event as Slack wraps it (docs.slack.dev/apis/events-api, "Callback field")."""
    return {"token": "legacy", "team_id": TEAM, "api_app_id": "A0000APP", "event": event, "type": "event_callback",
            "event_id": event_id, "event_time": 1_767_600_000, "is_ext_shared_channel": False,
            "authorizations": [{"enterprise_id": None, "team_id": TEAM, "user_id": "U0000APP", "is_bot": True,
                                "is_enterprise_install": False}],
            "event_context": "4-context"}  # fmt: skip


def posted(message: dict[str, Any], channel: str = "C0000SUP") -> Event:
    """Return the event of a new message or reply."""
    return wrapped({**message, "channel": channel, "event_ts": message["ts"], "channel_type": "channel"})


def changed(message: dict[str, Any], channel: str = "C0000SUP") -> Event:
    """Return the event of an edit."""
    return wrapped({"type": "message", "subtype": "message_changed", "hidden": True, "channel": channel,
                    "ts": "1767699999.000100", "message": message, "previous_message": {**message, "text": "before"},
                    "event_ts": "1767699999.000100", "channel_type": "channel"})  # fmt: skip


def deleted(message: dict[str, Any], channel: str = "C0000SUP") -> Event:
    """Return the event of a deletion."""
    return wrapped({"type": "message", "subtype": "message_deleted", "hidden": True, "channel": channel,
                    "ts": "1767699999.000200", "deleted_ts": message["ts"], "previous_message": message,
                    "event_ts": "1767699999.000200", "channel_type": "channel"})  # fmt: skip


def signed(content: Any, at: int | None = None, secret: str = SIGNING_SECRET) -> Push:
    """Return a request of the Events API, signed now."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    timestamp = str(int(time.time()) if at is None else at)
    digest = hmac.digest(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    headers = {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest.hex()}"}
    return Push(headers, body, secret.encode())


@dataclass
class SocketPeer:
    """A Socket Mode endpoint: sends what it is given, and notes what is acknowledged."""

    url: str = ""
    to_send: Queue[Any] = field(default_factory=Queue)
    acknowledged: Queue[str] = field(default_factory=Queue)
    tickets: list[str] = field(default_factory=list)

    def send(self, payload: Event, envelope_id: str) -> None:
        """Send an event in an envelope."""
        self.to_send.put({"type": "events_api", "envelope_id": envelope_id, "payload": payload,
                          "accepts_response_payload": False, "retry_attempt": 0, "retry_reason": ""})  # fmt: skip

    def end(self, reason: str = "refresh_requested") -> None:
        """Ask the client to connect anew."""
        self.to_send.put({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}})

    def serve(self, connection: ServerConnection) -> None:
        """Serve one connection until it closes."""
        assert connection.request is not None
        self.tickets.append(connection.request.path)
        connection.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0000APP"}}))
        sender = threading.Thread(target=self._sends, args=(connection,), daemon=True)
        sender.start()
        try:
            for text in connection:
                self.acknowledged.put(json.loads(text)["envelope_id"])
        except ConnectionClosed:
            pass
        self.to_send.put(None)
        sender.join()

    def _sends(self, connection: ServerConnection) -> None:
        while (message := self.to_send.get()) is not None:
            if message == "close":
                connection.close()
                return
            connection.send(json.dumps(message) if not isinstance(message, str) else message)


@contextmanager
def running_socket() -> Iterator[SocketPeer]:
    """Yield a Socket Mode endpoint that runs."""
    peer = SocketPeer()
    server = serve(peer.serve, "127.0.0.1", 0)
    peer.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/link/?ticket=12348&app_id=5678"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        thread.join()


def keys_told(event: Event) -> tuple[str, ...]:
    """Return the keys that an event marks dirty when it is pushed now."""
    return received("slack", signed(event)).keys
