"""Vectors of a tenant's messages: the embedder in use, its refits, and what is not embedded yet.

The lexical embedder is fitted on the tenant's own messages and again as they grow: often while they are few, when each
new message brings words never seen, and whenever they have doubled once they are many. Then every vector is made anew
and ids of issues carry over. A model with weights is fitted never. Vectors by a tenant's own model are made before
(opsintel_pipeline/vectors); they are in force once all are there.
"""

from __future__ import annotations

from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from opsintel.embeddings.choose import choose_embedder
from opsintel.embeddings.embedder import Embedder
from opsintel.embeddings.lexical import LexicalEmbedder, rounded
from opsintel.llm.chain import chain_of
from opsintel.llm.keys import model_servers
from opsintel.llm.vectors import version_of
from opsintel.settings import Settings
from opsintel_pipeline.vectors import kept
from opsintel_pipeline.vectors.words import text_to_embed

REFIT_GROWTH = ((2_000, 1.15), (10_000, 1.5), (float("inf"), 2.0))
"""By how much the messages must have grown since the last fit, up to so many of them."""
FIT_LIMIT = 30_000
WAITS = "the tenant's own model has not given all vectors yet"
EMBED_PAGE = 2_000

_ELIGIBLE = """
    FROM message JOIN analysis ON analysis.message_id = message.id AND analysis.current
    WHERE message.deleted_at IS NULL AND message.automatic IS NULL
      AND coalesce(analysis.not_actionable_reason, '') NOT IN ('spam', 'newsletter', 'auto_reply')
"""
"""Messages that get a vector: what people wrote. Automatic mail and spam would only draw the fit away."""


_last_read: dict[tuple[UUID, str], LexicalEmbedder] = {}
"""The fitted embedder last read: a tenant's days follow each other, and reading it takes longer than most days."""


def put_in_force(
    connection: psycopg.Connection, tenant_id: UUID, settings: Settings
) -> tuple[Embedder | kept.Version, bool]:
    """Put the embedder in force that the tenant should have, with every vector that it can make here.

    Returns it, and whether it is new, so that centroids have to be made again. Call it under the tenant's lock.
    """
    chain = kept.usable_chain(connection, model_servers(settings))
    version = kept.version_in_force(connection, chain)
    if version is not None:
        if not version.is_current:
            _change_to(connection, tenant_id, version.version)
            connection.execute("UPDATE embedding_model SET current = true WHERE version = %s", (version.version,))
        return version, not version.is_current
    embedder, is_new = current_embedder(connection, tenant_id, settings)
    if chain:
        connection.execute("UPDATE embedding_model SET reason = %s WHERE current", (WAITS,))
    embed_missing(connection, tenant_id, embedder)
    return embedder, is_new


def current_embedder(connection: psycopg.Connection, tenant_id: UUID, settings: Settings) -> tuple[Embedder, bool]:
    """Return the embedder that the tenant has here, and whether it is new, so that every vector must be made again.

    Call it under the tenant's lock: it may store a new embedder.
    """
    sentence_model, reason = choose_embedder(settings)
    row = connection.execute(
        "SELECT version, state IS NOT NULL, fitted_messages FROM embedding_model WHERE current"
    ).fetchone()
    if sentence_model is not None:
        if row is not None and row[0] == sentence_model.version:
            return sentence_model, False
        _store(connection, tenant_id, sentence_model, None, 0, "weights are at hand")
        return sentence_model, True
    count = _one(connection, f"SELECT count(*) {_ELIGIBLE}")
    if row is not None and row[1] and not fit_is_due(count, row[2]):
        stored = _stored(connection, tenant_id, row[0])
        if stored is not None:
            return stored, False
    rows = connection.execute(
        "SELECT message.kind, subject, text, coalesce(message.language, '')"
        f" {_ELIGIBLE} ORDER BY sorted_at DESC, content_hash LIMIT %s",
        (FIT_LIMIT,),
    ).fetchall()[::-1]
    texts = [text_to_embed(kind, subject, text) for kind, subject, text, _ in rows]
    fitted = rounded(LexicalEmbedder.fit(texts, [language for *_, language in rows]))
    _store(connection, tenant_id, fitted, fitted.to_bytes(), count, reason)
    return fitted, row is None or row[0] != fitted.version


def fit_is_due(count: int, fitted: int) -> bool:
    """Tell whether so many messages ask for a new fit, after one on `fitted`."""
    growth = next(growth for limit, growth in REFIT_GROWTH if fitted < limit)
    return count >= growth * fitted


def embed_missing(connection: psycopg.Connection, tenant_id: UUID, embedder: Embedder) -> int:
    """Make the vectors that are missing in this version; return how many."""
    made = 0
    while True:
        rows = connection.execute(
            f"SELECT message.id, message.kind, subject, text {_ELIGIBLE} AND NOT EXISTS (SELECT 1 FROM embedding"
            " WHERE embedding.message_id = message.id AND model_version = %s) ORDER BY sorted_at, message.id LIMIT %s",
            (embedder.version, EMBED_PAGE),
        ).fetchall()
        vectors = embedder.embed([text_to_embed(kind, subject, text) for _, kind, subject, text in rows])
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO embedding (tenant_id, message_id, model_version, vector) VALUES (%s, %s, %s, %s)",
                [(tenant_id, row[0], embedder.version, vector) for row, vector in zip(rows, vectors, strict=True)],
            )
        made += len(rows)
        if len(rows) < EMBED_PAGE:
            return made


def vectors_of(
    connection: psycopg.Connection, version: str, message_ids: list[UUID]
) -> dict[UUID, NDArray[np.float32]]:
    """Return the vectors of messages in one version, in the order asked for."""
    with connection.cursor(binary=True) as cursor:
        found: dict[UUID, NDArray[np.float32]] = {
            message_id: kept.as_array(vector)
            for message_id, vector in cursor.execute(
                "SELECT message_id, vector FROM embedding WHERE model_version = %s AND message_id = ANY(%s)",
                (version, message_ids),
            )
        }
    return {message_id: found[message_id] for message_id in message_ids if message_id in found}


def _stored(connection: psycopg.Connection, tenant_id: UUID, version: str) -> LexicalEmbedder | None:
    """Return the stored embedder of a version; None when another release wrote it, so that it must be fitted anew."""
    key = (tenant_id, version)
    if key not in _last_read:
        row = connection.execute("SELECT state FROM embedding_model WHERE version = %s", (version,)).fetchone()
        assert row is not None
        _last_read.clear()
        try:
            _last_read[key] = LexicalEmbedder.from_bytes(row[0])
        except ValueError:
            return None
    return _last_read[key]


def _store(
    connection: psycopg.Connection, tenant_id: UUID, embedder: Embedder, state: bytes | None, count: int, reason: str
) -> None:
    """Make an embedder the current one."""
    _change_to(connection, tenant_id, embedder.version)
    connection.execute(
        "INSERT INTO embedding_model (tenant_id, name, version, dimensions, built_in, reason, state, fitted_messages)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, version) DO UPDATE SET current = true,"
        " state = excluded.state, fitted_messages = excluded.fitted_messages, reason = excluded.reason",
        (tenant_id, embedder.name, embedder.version, embedder.dimensions, embedder.built_in, reason, state, count),
    )


def _change_to(connection: psycopg.Connection, tenant_id: UUID, version: str) -> None:
    """Let no embedder be current; vectors of others than `version` go, but for those of models in the chain.

    These were paid for, and the tenant may come back to them.
    """
    paid = [version_of(link) for link in chain_of(connection, "embed")]
    connection.execute("UPDATE embedding_model SET current = false, state = NULL WHERE current")
    connection.execute(
        "DELETE FROM embedding WHERE tenant_id = %s AND model_version <> ALL(%s)", (tenant_id, [version, *paid])
    )


def _one(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
