"""Sources that tell of changes on a connection which we open: IMAP IDLE, Socket Mode, a pulled subscription.

Each is heard by one process, and no public address is needed. What is heard is kept as a push is, before the next is
asked for. A fault changes nothing of the source: reading by the clock goes on, and says what is wrong.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from uuid import UUID

import psycopg

from opsintel.connectors import registry
from opsintel.connectors.contract import Live
from opsintel.context import Context
from opsintel.coordination.contract import Key, Lock
from opsintel.errors import DatabaseError, NotFoundError
from opsintel.ids import new_id
from opsintel.sources.source import NEWS, Source, find_source
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
LEASE = timedelta(minutes=3)
REST_SECONDS = 300.0
"""After a connection that could not be had, or a kind that is not set up to be heard."""

MOST = 100
"""Sources that one process hears; each is a thread that waits."""

_LISTENED = """
    SELECT source.tenant_id, source.id FROM source JOIN tenant ON tenant.id = source.tenant_id
    WHERE kind = ANY(%s) AND state IN ('active', 'failing') AND last_sync_at IS NOT NULL
      AND tenant.paused_at IS NULL AND tenant.suspended_at IS NULL ORDER BY source.id
"""


def run(context: Context, stop: threading.Event) -> None:
    """Hear every source that can be heard and that nobody else hears, until `stop` is set."""
    heard: dict[UUID, threading.Thread] = {}
    resting: dict[UUID, float] = {}
    while not stop.is_set():
        try:
            for tenant_id, source_id in live_sources(context):
                heard = {key: thread for key, thread in heard.items() if thread.is_alive()}
                if source_id in heard or resting.get(source_id, 0) > time.monotonic() or len(heard) >= MOST:
                    continue
                lock = context.coordinator.lock(Key(tenant_id, f"listen:{source_id}"), LEASE)
                if lock is not None:
                    resting[source_id] = time.monotonic() + REST_SECONDS
                    source = find_source(context.database, tenant_id, source_id)
                    heard[source_id] = _begin(context, source, lock, stop)
        except (psycopg.Error, DatabaseError, NotFoundError) as error:
            logger.warning("listening waits: %s", describe(error, context.settings))
        stop.wait(LOOK_SECONDS)


def live_sources(context: Context) -> list[tuple[UUID, UUID]]:
    """Return (tenant, source) of all that can be heard, once they have been read."""
    live = [kind for kind in registry.kinds() if issubclass(registry.connector_class(kind), Live)]
    with context.database.system_tx() as connection:
        return connection.execute(_LISTENED.encode(), (live,)).fetchall()


def hear(context: Context, source: Source, lock: Lock, stop: threading.Event) -> None:
    """Keep what a source tells until its connection ends, the lock is lost, it is stopped, or the process is."""
    try:
        connector = source.connector(context, stop)
        assert isinstance(connector, Live)
        for keys in connector.listen(stop.is_set):
            if keys:
                _keep(context, source, keys)
            if not context.coordinator.renew(lock) or not _is_read(context, source):
                return
    except (*STAGE_FAULTS, NotFoundError) as error:
        logger.info("source %s (%s) is not heard: %s", source.id, source.kind, describe(error, context.settings))
    finally:
        context.coordinator.unlock(lock)


def _begin(context: Context, source: Source, lock: Lock, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=hear, args=(context, source, lock, stop), name=f"hear {source.id}", daemon=True)
    thread.start()
    return thread


def _keep(context: Context, source: Source, keys: tuple[str, ...]) -> None:
    with context.database.tenant_tx(source.tenant_id) as connection:
        connection.execute(
            "INSERT INTO push_receipt (tenant_id, id, source_id, delivery_id, keys) VALUES (%s, %s, %s, %s, %s)",
            (source.tenant_id, new_id(), source.id, new_id().hex, list(keys)),
        )
        connection.execute("SELECT pg_notify(%s, '')", (NEWS,))


def _is_read(context: Context, source: Source) -> bool:
    with context.database.tenant_tx(source.tenant_id) as connection:
        row = connection.execute("SELECT state FROM source WHERE id = %s", (source.id,)).fetchone()
    return row is not None and row[0] in ("active", "failing")
