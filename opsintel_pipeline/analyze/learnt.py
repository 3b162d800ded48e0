"""What a tenant's built-in analyser has learnt: kept in `category_model`, fitted anew when much has changed since.

A tenant with few messages and no correction goes by the words of its categories alone, which takes no fit of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

import psycopg
from threadpoolctl import threadpool_limits

from opsintel.learning.categories import Category
from opsintel.learning.learnt import Corrected, Learnt, version_of
from opsintel.taxonomy.taxonomy import OTHER, Taxonomy

LEAST_MESSAGES = 30
"""Messages from which on, without a correction, a tenant has a fit of its own."""

GROWTH = 2
"""By how much messages must have grown since the last fit."""

MOST_GROWN = 20_000
"""Messages beyond which growth alone is no reason: the fit reads a sample of them in any case."""

GROWTH_OF_CORRECTIONS = 10
"""One correction in so many that were learnt from is reason enough for a new fit; the first ones each are."""

TEXTS = 3_000
"""Messages that a fit reads, the latest: they take some seconds."""

MOST_CORRECTED = 4_000
"""Corrected messages that a fit reads, the latest."""

CHARACTERS = 1_500
"""Of a message, as far as its category goes."""

_ELIGIBLE = "deleted_at IS NULL AND automatic IS NULL AND NOT is_bot AND direction <> 'outbound' AND selected"


@dataclass(frozen=True, slots=True)
class InForce:
    """What is learnt, and its name."""

    learnt: Learnt
    version: str


def learnt_in_force(
    connection: psycopg.Connection, tenant_id: UUID, taxonomy: Taxonomy, *, keep: bool = True
) -> InForce:
    """Return what analyses by a taxonomy go by, in the caller's transaction; where much has changed it is fitted anew.

    It costs a look at two counts, however many partitions there are. A fit that is not to be kept changes nothing.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('category_model ' || %s, 0))", (str(tenant_id),))
    row = connection.execute(
        "SELECT version, messages, corrections FROM category_model WHERE current AND taxonomy = %s", (taxonomy.digest,)
    ).fetchone()
    corrections = _count(connection, "SELECT count(*) + count(undone_at) FROM correction")
    if row is not None:
        grown = min(max(row[1], LEAST_MESSAGES // GROWTH) * GROWTH, MOST_GROWN)
        is_due = row[1] < grown and _messages(connection, grown) >= grown
        if not is_due and corrections < row[2] + max(1, row[2] // GROWTH_OF_CORRECTIONS):
            kept = _kept(connection, tenant_id, row[0])
            if kept is not None:
                return InForce(kept, row[0])
    elif not corrections and _messages(connection, LEAST_MESSAGES) < LEAST_MESSAGES:
        return InForce(by_words(taxonomy), f"words-{taxonomy.digest[:16]}")
    learnt = _fitted(connection, taxonomy)
    state = learnt.to_bytes()
    version = version_of(state)
    if keep:
        _keep(connection, tenant_id, taxonomy, corrections, (version, state))
    return InForce(learnt, version)


def learnt_without(connection: psycopg.Connection, taxonomy: Taxonomy, without: Collection[UUID]) -> Learnt:
    """Return what would be learnt where nobody had corrected some messages; nothing is kept.

    What is measured on these messages is then not what the analyser was told of them.
    """
    others = connection.execute(
        "SELECT EXISTS (SELECT FROM correction WHERE undone_at IS NULL AND NOT message_id = ANY(%s))", (list(without),)
    ).fetchone()
    if others == (False,) and _messages(connection, LEAST_MESSAGES) < LEAST_MESSAGES:
        return by_words(taxonomy)
    return _fitted(connection, taxonomy, without)


def told(subject: str, text: str) -> str:
    """Return what of a message tells its category."""
    return f"{subject}\n{text[:CHARACTERS]}".strip()


@lru_cache(maxsize=16)
def by_words(taxonomy: Taxonomy) -> Learnt:
    """Return what the words of the categories alone tell."""
    with threadpool_limits(1):
        return Learnt.of(_categories(taxonomy), [], [])


_last_read: dict[tuple[UUID, str], Learnt] = {}
"""The fit last read: a tenant's partitions follow each other, and reading it takes as long as most of them."""


def _kept(connection: psycopg.Connection, tenant_id: UUID, version: str) -> Learnt | None:
    """Return the fit of a version; None when another release wrote it, so that it must be made anew."""
    key = (tenant_id, version)
    if key not in _last_read:
        row = connection.execute("SELECT state FROM category_model WHERE version = %s", (version,)).fetchone()
        _last_read.clear()
        try:
            _last_read[key] = Learnt.from_bytes(row[0] if row and row[0] else b"")
        except (ValueError, EOFError):
            return None
    return _last_read[key]


def _fitted(connection: psycopg.Connection, taxonomy: Taxonomy, without: Collection[UUID] = ()) -> Learnt:
    texts = connection.execute(
        f"SELECT subject, text FROM message WHERE {_ELIGIBLE} ORDER BY sorted_at DESC, content_hash, id LIMIT %s",
        (TEXTS,),
    ).fetchall()
    corrected = connection.execute(
        "SELECT DISTINCT ON (message.sorted_at, message.id) message.id, message.subject, message.text,"
        " said.new_value ->> 0 FROM correction JOIN message ON message.id = correction.message_id"
        " LEFT JOIN LATERAL (SELECT jsonb_build_array(new_value) AS new_value FROM correction AS each"
        "  WHERE each.message_id = message.id AND each.field = 'category' AND each.undone_at IS NULL"
        "  ORDER BY each.created_at DESC, each.id DESC LIMIT 1) AS said ON true"
        " WHERE correction.undone_at IS NULL AND message.deleted_at IS NULL AND NOT message.id = ANY(%s)"
        " ORDER BY message.sorted_at DESC, message.id LIMIT %s",
        (list(without), MOST_CORRECTED),
    ).fetchall()
    said = [Corrected(message_id, told(subject, text), category) for message_id, subject, text, category in corrected]
    categories = _categories(taxonomy)
    if any(one.category == OTHER for one in said) and OTHER not in {one.name for one in categories}:
        categories.append(Category(OTHER))
    with threadpool_limits(1):
        return Learnt.of(categories, [told(*row) for row in texts], said)


def _keep(
    connection: psycopg.Connection, tenant_id: UUID, taxonomy: Taxonomy, corrections: int, fit: tuple[str, bytes]
) -> None:
    """Make a fit (version, state) the one in force; of those before it the versions alone stay."""
    connection.execute("UPDATE category_model SET current = false, state = NULL WHERE current")
    connection.execute(
        "INSERT INTO category_model (tenant_id, version, taxonomy, taxonomy_version, messages, corrections, state,"
        " current) VALUES (%s, %s, %s, %s, %s, %s, %s, true) ON CONFLICT (tenant_id, version) DO UPDATE SET"
        " current = true, state = excluded.state, messages = excluded.messages, corrections = excluded.corrections",
        (tenant_id, fit[0], taxonomy.digest, taxonomy.version, _messages(connection, MOST_GROWN), corrections, fit[1]),
    )


def _categories(taxonomy: Taxonomy) -> list[Category]:
    return [Category(one.name, one.description, one.examples) for one in taxonomy.categories]


def _messages(connection: psycopg.Connection, most: int) -> int:
    """Return how many messages a fit could read, counted up to so many."""
    return _count(connection, f"SELECT count(*) FROM (SELECT FROM message WHERE {_ELIGIBLE} LIMIT {most:d}) AS counted")


def _count(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
