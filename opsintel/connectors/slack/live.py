"""Socket Mode: Slack's pushes on a connection that we open (docs.slack.dev/apis/events-api/using-socket-mode).

The connection is the guarded one; slack-sdk reads the envelopes and writes the acknowledgements.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from opsintel.connectors.slack.client import SlackClient
from opsintel.connectors.slack.events import keys_of
from opsintel.errors import CredentialError, UnavailableError
from opsintel.net.websocket import open_websocket

QUIET_SECONDS = 20.0
"""Seconds without a message after which a sign of life is given and `stop` is asked."""
_CLOSED_BY_OPERATOR = "link_disabled"


def heard(client: SlackClient, stop: Callable[[], bool]) -> Iterator[tuple[str, ...]]:
    """Yield the keys of each envelope, and () when nothing comes, until `stop` or Slack ends the connection.

    An envelope is acknowledged when the next one is asked for, so after its keys were stored; Slack sends again what
    was not. Raises `CredentialError` without an app-level token, or where Socket Mode is off.
    """
    connection = client.connection
    app_token = connection.credential().get("app_token", "")
    if not app_token:
        raise CredentialError(
            "Socket Mode needs an app-level token", remedy="Add one (xapp-…) with connections:write to the source"
        )
    with open_websocket(client.socket_url(app_token), connection.policy, connection.trust) as socket:
        while not stop():
            text = socket.receive(QUIET_SECONDS)
            if text is None:
                if socket.is_closed:
                    return
                yield ()
                continue
            message = _object(text)
            if message.get("type") == "disconnect":
                if message.get("reason") == _CLOSED_BY_OPERATOR:
                    raise CredentialError("Socket Mode is off", remedy="Switch it on in the app's settings")
                return
            envelope = SocketModeRequest.from_dict(message) if isinstance(message.get("payload"), dict) else None
            if envelope is None:
                yield ()
                continue
            yield keys_of(envelope.payload) if envelope.type == "events_api" else ()
            socket.send(json.dumps(SocketModeResponse(envelope.envelope_id).to_dict()))


def _object(text: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UnavailableError("Slack sent what is no JSON") from None
    return value if isinstance(value, dict) else {}
