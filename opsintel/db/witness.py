"""Witnesses in a database: triggers write down what was accepted, entered, finished and done, and the checker reads it.

A witness writes in the transaction of what it saw, only ever adds, and has no unique key that would hide a double. For
databases of simulations and tests.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql

_SEEN = "tenant_id uuid, id uuid, at timestamptz DEFAULT clock_timestamp()"

_WITNESSES: LiteralString = f"""
CREATE SCHEMA witness;
GRANT USAGE ON SCHEMA witness TO PUBLIC;
CREATE TABLE witness.accepted ({_SEEN});
CREATE TABLE witness.entered ({_SEEN});
CREATE TABLE witness.finished ({_SEEN}, state text, error text);
CREATE TABLE witness.item (tenant_id uuid, native_id text, version text);
CREATE TABLE witness.effect (
    tenant_id uuid, native_id text, version text, kind text, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION witness.note_accepted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO witness.accepted VALUES (NEW.tenant_id, NEW.id); RETURN NULL; END $$;
CREATE FUNCTION witness.note_entered() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO witness.entered VALUES (NEW.tenant_id, NEW.id); RETURN NULL; END $$;
CREATE FUNCTION witness.note_finished() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO witness.finished
        VALUES (NEW.tenant_id, NEW.id, clock_timestamp(), NEW.state, NEW.error); RETURN NULL; END $$;
CREATE TRIGGER note_accepted AFTER INSERT ON public.outbox FOR EACH ROW EXECUTE FUNCTION witness.note_accepted();
CREATE TRIGGER note_entered AFTER INSERT ON public.work FOR EACH ROW EXECUTE FUNCTION witness.note_entered();
CREATE TRIGGER note_finished AFTER UPDATE OF state ON public.work FOR EACH ROW
    WHEN (NEW.state IN ('done', 'failed') AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION witness.note_finished();
"""

_MESSAGES: LiteralString = """
CREATE FUNCTION witness.note_stored() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO witness.effect VALUES (NEW.tenant_id, NEW.native_id, NEW.version, 'stored');
    RETURN NULL; END $$;
CREATE FUNCTION witness.note_analysed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    BEGIN INSERT INTO witness.effect VALUES (NEW.tenant_id, NEW.message_id::text, '', 'analysed');
    RETURN NULL; END $$;
CREATE TRIGGER note_stored AFTER INSERT ON public.message_occurrence FOR EACH ROW
    EXECUTE FUNCTION witness.note_stored();
CREATE TRIGGER note_analysed AFTER INSERT ON public.analysis FOR EACH ROW EXECUTE FUNCTION witness.note_analysed();
"""

_VIRTUAL_TIME: LiteralString = """
CREATE TABLE witness.clock (moment timestamptz);
GRANT SELECT ON witness.clock TO PUBLIC;
GRANT INSERT ON witness.effect TO PUBLIC;
INSERT INTO witness.clock VALUES (pg_catalog.now());
CREATE FUNCTION witness.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT moment FROM witness.clock';
DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT table_name, column_name FROM information_schema.columns
                 WHERE table_schema = 'public' AND column_default = 'now()' AND table_name IN (
                     SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE') LOOP
        EXECUTE format('ALTER TABLE public.%I ALTER COLUMN %I SET DEFAULT witness.now()',
                       found.table_name, found.column_name);
    END LOOP;
END $$;
"""


def connect(owner_url: str) -> psycopg.Connection:
    """Return a connection of the database's owner, for the witnesses; its user closes it."""
    return psycopg.connect(owner_url, autocommit=True)


def install(connection: psycopg.Connection) -> None:
    """Add the witnesses to a migrated database; the login must be its owner."""
    connection.execute(_WITNESSES)


def watch_messages(connection: psycopg.Connection) -> None:
    """Have the witnesses also note each message that is stored and each that is analysed: for the real stages."""
    connection.execute(_MESSAGES)


def virtualize_time(connection: psycopg.Connection) -> None:
    """Give a database with witnesses a clock of its own: `now()` is what `witness.clock` says, for new connections."""
    connection.execute(_VIRTUAL_TIME)
    name = sql.Identifier(connection.info.dbname)
    # A schema named before pg_catalog is looked in first, so that the product's own statements find this clock.
    connection.execute(sql.SQL("ALTER DATABASE {} SET search_path TO witness, pg_catalog, public").format(name))
    connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit TO off").format(name))


_VIOLATIONS: tuple[tuple[str, LiteralString], ...] = (
    (
        "lost: {} items are in the mailbox and not in the store",
        """
        SELECT count(*) FROM witness.item LEFT JOIN raw_payload USING (tenant_id, native_id, version)
        WHERE raw_payload.id IS NULL""",
    ),
    (
        "lost: {} items are stored and were never processed",
        """
        SELECT count(*) FROM raw_payload LEFT JOIN witness.effect AS effect USING (tenant_id, native_id, version)
        WHERE effect.native_id IS NULL AND NOT deleted AND NOT EXISTS (
            SELECT FROM work WHERE work.tenant_id = raw_payload.tenant_id
            AND work.partition_day = raw_payload.partition_day AND work.state = 'failed')""",
    ),
    (
        "double: {} items were processed more than once",
        """
        SELECT count(*) FROM (
            SELECT FROM witness.effect GROUP BY tenant_id, native_id, version, kind HAVING count(*) > 1) AS doubled""",
    ),
    (
        "lost: {} announcements were accepted and neither entered nor quarantined",
        """
        SELECT count(*) FROM (
            SELECT tenant_id, id FROM witness.accepted EXCEPT ALL SELECT tenant_id, id FROM witness.entered) AS missing
        WHERE NOT EXISTS (
            SELECT FROM quarantine WHERE quarantine.tenant_id = missing.tenant_id
            AND position(missing.id::text IN convert_from(payload, 'UTF8')) > 0)""",
    ),
    (
        "double: {} entries of the ledger are of no accepted announcement, or one too many",
        """
        SELECT count(*) FROM (
            SELECT tenant_id, id FROM witness.entered EXCEPT ALL SELECT tenant_id, id FROM witness.accepted)
            AS surplus""",
    ),
    (
        "double: {} entries of the ledger were finished more than once",
        "SELECT count(*) - count(DISTINCT (tenant_id, id)) FROM witness.finished",
    ),
    (
        "waits: {} entries of the ledger are never finished",
        "SELECT count(*) FROM work WHERE state NOT IN ('done', 'failed')",
    ),
    ("waits: {} announcements never leave the outbox", "SELECT count(*) FROM outbox"),
    ("waits: {} announcements never leave the queue", "SELECT count(*) FROM queue_message"),
    ("waits: {} batches are never closed", "SELECT count(*) FROM batch WHERE state = 'open'"),
    (
        "unexplained: {} entries failed without a reason",
        "SELECT count(*) FROM work WHERE state = 'failed' AND error = ''",
    ),
)


def violations(connection: psycopg.Connection) -> list[str]:
    """Return what is lost, doubled or stuck, a line for each kind; to be asked once everything has come to rest."""
    return [words.format(count) for words, count in counts(connection) if count]


def counts(connection: psycopg.Connection) -> list[tuple[str, int]]:
    """Return how often each kind of violation is found, 0 included; the words begin with what it amounts to."""
    found = []
    for words, statement in _VIOLATIONS:
        row = connection.execute(statement).fetchone()
        found.append((words, int(row[0]) if row else 0))
    return found
