"""Waiting for NOTIFY, on a connection of its own that takes no role and sees no table."""

from __future__ import annotations

from contextlib import suppress
from typing import LiteralString

import psycopg
from psycopg import sql

from opsintel.closing import Closing

CONNECT_SECONDS = 5

CHANGES: LiteralString = "opsintel_changes"
"""Channel that says, without a word more, that some tenant's figures or jobs have changed: any login may listen."""


class Listener(Closing):
    """Wakes its user when another process notified the channel; without a connection it only lets time pass."""

    def __init__(self, url: str, channel: LiteralString) -> None:
        self._url = url
        self._channel = channel
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> bool:
        """Return whether something may have happened within `seconds`, as soon as it has.

        False at once when the database cannot be listened to: the caller polls.
        """
        try:
            if self._connection is None:
                self._connection = self._connect()
                return True  # who notified before this was not heard
            return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.Error:
            self.close()
            return False

    @property
    def listens(self) -> bool:
        """Tell whether the database is being listened to."""
        return self._connection is not None

    def _connect(self) -> psycopg.Connection:
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS)
        try:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
        except psycopg.Error:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the connection; the next wait opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error):
                connection.close()
