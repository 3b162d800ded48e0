"""How the tests read the workspace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opsintel.connectors.contract import Checkpoint, Cursor, ReadItem, Tombstone, Upsert
from opsintel.connectors.slack.connector import SlackConnector
from opsintel.connectors.slack.manifest import SlackConfig
from tests.connectors.memory import MemoryConnection, local_connection
from tests.peers.slack import APP_TOKEN, SIGNING_SECRET, TOKEN, SlackPeer

SUPPORT = "C0000SUP"
CREDENTIAL = {"access_token": TOKEN, "signing_secret": SIGNING_SECRET, "app_token": APP_TOKEN}


def connection_to(peer: SlackPeer, *, seconds: float = 10.0, **fields: Any) -> MemoryConnection:
    connection = local_connection(int(peer.address.rpartition(":")[2]), **{"held": CREDENTIAL, **fields})
    connection.policy = replace(connection.policy, total_seconds=seconds)
    return connection


def connector_to(peer: SlackPeer, connection: MemoryConnection | None = None, **config: Any) -> SlackConnector:
    given = {"base_url": peer.address, "rescan_minutes": 0, **config}
    return SlackConnector(SlackConfig.model_validate(given), connection or connection_to(peer))


def read(peer: SlackPeer, cursor: Cursor | None = None, **config: Any) -> list[ReadItem]:
    return list(connector_to(peer, **config).read("messages", cursor))


def cursor_behind(items: list[ReadItem], otherwise: Cursor | None = None) -> Cursor | None:
    return next((item.cursor for item in reversed(items) if isinstance(item, Checkpoint)), otherwise)


def told(items: list[ReadItem]) -> list[str]:
    """Return the `ts` of each message that was given, in the order it was."""
    return [item.native_id.partition("/")[2] for item in items if isinstance(item, Upsert)]


def gone(items: list[ReadItem]) -> list[str]:
    return [item.native_id.partition("/")[2] for item in items if isinstance(item, Tombstone)]
