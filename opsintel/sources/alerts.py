"""Sources that cannot be read, as alerts: opened in the transaction that says so."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.alerts.store import Condition, open_alert

PATIENCE = timedelta(minutes=15)
"""How long a source may fail before anybody gets a letter: most faults of providers have passed by then."""

_DISABLED = "Its provider refuses the credential, and it is read no more: authorise it again on the page Sources"
_FAILING = "It cannot be read, and is tried again: the page Sources says why, and what to do"


def alert_of_source(connection: psycopg.Connection, tenant_id: UUID, source_id: UUID, state: str) -> None:
    """Open an alert about a source that became `failing` or `disabled`, in the caller's transaction."""
    disabled = state == "disabled"
    condition = Condition(
        "source.unhealthy",
        source_id,
        _DISABLED if disabled else _FAILING,
        source_id=source_id,
        patience=timedelta() if disabled else PATIENCE,
        waits_for_person=disabled,
    )
    open_alert(connection, tenant_id, condition)
