"""Erasure: a person in 10,000 of 100,000 messages, from database and object store, against reading it all once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from bench.history import history
from bench.measure import Spread, timed
from bench.report import Bound, Line, Report, grown
from bench.texts import texts
from bench.workplace import Installed, Workplace
from opsintel.access.audit import Actor
from opsintel.context import Context
from opsintel.embeddings.lexical import LexicalEmbedder
from opsintel.people.requests import PERSON, request_erasure
from opsintel.tenants import Tenant, find_tenant
from opsintel_pipeline.erasure.run import perform

SIZE, TEXTS, PAGE = 100_000, 5_000, 500
SIZES = (1_000, 10_000)
MENTIONS = 5
"""One in so many of the messages is somebody else's, who names the person."""

MOST_SECONDS, AIM_SECONDS = 60.0, 30.0
ADDRESS, NAME = "ana.silva@victim.example", "Ana Silva"
PARTICIPANT = UUID(int=1)


def run(workplace: Workplace) -> Report:
    """Measure the seconds of an erasure at two numbers of messages, and those of reading all that is searched."""
    with history(workplace, SIZE, ()) as past:
        _embed(past.installed)
        name = past.installed.name
    costs: dict[int, list[float]] = {}
    reading = []
    for size in SIZES:
        with workplace.copy_of(name) as installed:
            tenant = find_tenant(installed.context.database, "history")
            _put_in(installed, tenant, size)
            _store_payloads(installed, tenant)
            reading.append(timed(partial(_read_all, installed.context, tenant)))
            costs[size] = [_erase(installed.context, tenant, size)]
    what = f"{SIZES[-1]:,} messages of {SIZE:,}"
    spread = Spread.of(costs[SIZES[-1]])
    return Report(
        [
            Line(what, "s", spread, bound=Bound(MOST_SECONDS, AIM_SECONDS, at_most=True)),
            Line(what, "s", spread, "reading all messages and payloads once", Spread.of(reading)),
        ],
        [grown("an erasure by the person's messages", "s", costs)],
    )


def _erase(context: Context, tenant: Tenant, size: int) -> float:
    erasure = request_erasure(context.database, tenant.id, PERSON, {"address": ADDRESS}, Actor("operator", "bench"))
    receipts: list[Any] = []
    seconds = timed(lambda: receipts.append(perform(context, tenant.id, erasure)))
    counts = receipts[0]["counts"]
    # Others whose texts say the same words as hers are taken for quotes of her, so there may be more.
    if counts["message"] < size or counts["raw_payload"] < size:
        raise AssertionError(f"{counts} of {size}")
    return seconds


def _embed(installed: Installed) -> None:
    """Fit an embedder on the texts of the history, and give each message its vector."""
    made = list(texts(TEXTS, 200))
    written = [f"{text.subject}\n{text.body}" for text in made]
    embedder = LexicalEmbedder.fit(written)
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TEMP TABLE bench_vector (number int PRIMARY KEY, vector text)")
        with connection.cursor().copy("COPY bench_vector FROM STDIN") as copy:
            for number, vector in enumerate(embedder.embed(written), 1):
                copy.write_row((number, "[" + ",".join(f"{value:.4f}" for value in vector) + "]"))
        connection.execute(
            "INSERT INTO embedding_model (tenant_id, name, version, dimensions, built_in, state)"
            " SELECT id, 'lexical', %s, %s, true, %s FROM tenant WHERE slug = 'history'",
            (embedder.version, embedder.dimensions, embedder.to_bytes()),
        )
        connection.execute(
            "INSERT INTO embedding (tenant_id, message_id, model_version, vector)"
            " SELECT tenant_id, id, %s, bench_vector.vector::vector FROM message JOIN bench_vector"
            " ON number = 1 + split_part(rfc_message_id, '@', 1)::bigint %% %s",
            (embedder.version, TEXTS),
        )
        connection.commit()
        connection.execute("UPDATE issue_member SET model_version = %s", (embedder.version,))


def _put_in(installed: Installed, tenant: Tenant, size: int) -> None:
    """Make so many of the messages hers, in words of her own, or let them name her."""
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "INSERT INTO participant (tenant_id, id, display_name) VALUES (%s, %s, %s)", (tenant.id, PARTICIPANT, NAME)
        )
        connection.execute(
            "INSERT INTO participant_identity (tenant_id, kind, value, participant_id) VALUES (%s, 'email', %s, %s)",
            (tenant.id, ADDRESS, PARTICIPANT),
        )
        values = {"tenant": tenant.id, "who": PARTICIPANT, "every": SIZE // size, "mentions": MENTIONS,
                  "says": f"{NAME} <{ADDRESS}> asked for it again."}  # fmt: skip
        number = "split_part(rfc_message_id, '@', 1)::bigint"
        connection.execute(
            "UPDATE message SET author_id = %(who)s, signature_text = 'Phone +49 170 1234567',"
            r" text = regexp_replace(text, '(\S+\s+\S+\s+\S+)', '\1 word' || " + number + ", 'g')"
            f" WHERE tenant_id = %(tenant)s AND {number} %% %(every)s = 0"
            f" AND {number} / %(every)s %% %(mentions)s <> 0",
            values,
        )
        connection.execute(
            "UPDATE message SET text = text || ' ' || %(says)s WHERE tenant_id = %(tenant)s"
            f" AND {number} %% %(every)s = 0 AND {number} / %(every)s %% %(mentions)s = 0",
            values,
        )


def _store_payloads(installed: Installed, tenant: Tenant) -> None:
    """Store every message as a page of payloads has it, and let the rows refer to it."""
    with psycopg.connect(installed.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")
        with connection.cursor() as cursor:
            for rows in _pages(connection):
                payloads = [_mail(*row[4:]) for row in rows]
                key, offset, stored = installed.context.objects.put(tenant.id, "raw", b"".join(payloads)), 0, []
                for row, payload in zip(rows, payloads, strict=True):
                    stored.append((*row[:4], key, offset, len(payload)))
                    offset += len(payload)
                with cursor.copy(
                    "COPY raw_payload (tenant_id, id, source_id, native_id, object_key, object_offset, size, version,"
                    " format, partition_day, normalized_at) FROM STDIN"
                ) as copy:
                    for line in stored:
                        copy.write_row((*line, "1", "mime", "2026-01-01", "2026-01-01T00:00:00Z"))
        connection.execute("UPDATE message_occurrence SET raw_payload_id = message_id")
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM (ANALYZE)")


def _pages(connection: psycopg.Connection) -> Iterator[list[tuple[object, ...]]]:
    rows = connection.execute(
        "SELECT message.tenant_id, message.id, source_id, native_id, author_id = %s, subject, text, signature_text"
        " FROM message JOIN message_occurrence AS place ON place.message_id = message.id ORDER BY message.id",
        (PARTICIPANT,),
    ).fetchall()
    for start in range(0, len(rows), PAGE):
        yield rows[start : start + PAGE]


def _mail(is_hers: object, subject: object, text: object, signature: object) -> bytes:
    sender = f"{NAME} <{ADDRESS}>" if is_hers else "Customer <customer@example.org>"
    relays = "".join(f"Received: from relay{n}.example by mx.acme.example with ESMTPS id {n:08x}\n" for n in range(4))
    return f"{relays}From: {sender}\nTo: support@acme.example\nSubject: {subject}\n\n{text}\n\n{signature}\n".encode()


def _read_all(context: Context, tenant: Tenant) -> None:
    """Read what an erasure has to look at: every message, and every page of payloads."""
    with context.database.tenant_tx(tenant.id) as connection, connection.cursor(name="reading") as cursor:
        cursor.execute("SELECT subject, text, quoted_text, signature_text, recipients, extra FROM message")
        for _ in cursor:
            pass
    for page in context.objects.pages(tenant.id):
        for one in page:
            context.objects.get_range(one.key, 0, one.size)
