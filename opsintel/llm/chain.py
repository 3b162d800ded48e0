"""Which models of which keys serve a purpose, in the order they are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import psycopg

from opsintel.access.audit import SYSTEM, Actor, Detail, Entry, Subject, record
from opsintel.errors import InputError, NotFoundError
from opsintel.llm.price import Price, price_of
from opsintel.llm.provider import CACHE_WRITE, PURPOSES, Purpose, provider_of

MODEL_LIMIT = 200
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Link:
    """A model of a chain. `price` None: unknown."""

    key_id: UUID
    provider: str
    base_url: str
    secret_id: UUID | None
    previous_secret_id: UUID | None
    health: str
    retry_at: datetime | None
    model: str
    price: Price | None
    of_platform: bool = False
    """Whether it goes by the installation's key, whose price and address the tenant cannot say."""

    @property
    def rests_until(self) -> datetime | None:
        """Until when its key rests; None where it may be used now."""
        return self.retry_at if self.retry_at is not None and self.retry_at > datetime.now(UTC) else None


_OF_KEY = (
    "k.id, k.provider, k.base_url, k.secret_id, CASE WHEN k.previous_until > now() THEN k.previous_secret_id END,"
    " k.health, k.retry_at, k.of_platform"
)
_OWN_WINS = (
    "NOT (k.of_platform AND EXISTS (SELECT FROM model_chain AS theirs JOIN model_key AS own ON own.id = theirs.key_id"
    " WHERE theirs.purpose = c.purpose AND own.provider = k.provider AND NOT own.of_platform))"
)


def chain_of(connection: psycopg.Connection, purpose: Purpose) -> list[Link]:
    """Return the chain of the transaction's tenant for a purpose; empty where the built-in does all.

    The installation's key to a provider is left out where the tenant's own serves the purpose.
    """
    rows = connection.execute(
        f"SELECT {_OF_KEY}, c.model, c.input_price, c.output_price"
        " FROM model_chain c JOIN model_key k ON k.id = c.key_id"
        f" WHERE c.purpose = %s AND {_OWN_WINS} ORDER BY c.place",
        (purpose,),
    ).fetchall()
    return [_link(*row) for row in rows]


def links_of(connection: psycopg.Connection, models: Sequence[tuple[UUID, str]]) -> list[Link]:
    """Return models of the tenant's keys as a chain that is not in force; `NotFoundError` for a key that is none."""
    links = []
    for key_id, model in models:
        row = connection.execute(
            f"SELECT {_OF_KEY}, %s::text, c.input_price, c.output_price FROM model_key k"
            " LEFT JOIN model_chain c ON c.key_id = k.id AND c.model = %s WHERE k.id = %s LIMIT 1",
            (checked_model(model), model, key_id),
        ).fetchone()
        if row is None:
            raise NotFoundError("There is no such key", remedy="opsintel key list")
        links.append(_link(*row))
    return links


def checked_purpose(name: str) -> Purpose:
    """Return a purpose by its name; `InputError` for none."""
    purpose = next((one for one in PURPOSES if one == name), None)
    if purpose is None:
        raise InputError(f"{name!r} is no purpose of models", remedy=f"Use {', '.join(PURPOSES)}")
    return purpose


def checked_model(model: str) -> str:
    """Return the name of a model; `InputError` for what cannot be one."""
    if not model or len(model) > MODEL_LIMIT or not model.isprintable():
        raise InputError("A chain needs the name of a model", remedy="Give it as the provider calls it")
    return model


def require_vectors(purpose: Purpose, provider: str) -> None:
    """Raise `InputError` where a provider cannot serve a purpose: one of them has no models for vectors."""
    row = provider_of(provider)
    if purpose == "embed" and row.embedding_model is None:
        raise InputError(f"{row.title} has no models for vectors", remedy="Use a key of another provider")


def append_to_chain(
    connection: psycopg.Connection, tenant_id: UUID, purpose: Purpose, key_id: UUID, model: str
) -> None:
    """Put a model at the end of a chain, in the caller's transaction; a model that is in it stays where it is."""
    checked_model(model)
    for (provider,) in connection.execute("SELECT provider FROM model_key WHERE id = %s", (key_id,)).fetchall():
        require_vectors(purpose, provider)
    connection.execute(
        "INSERT INTO model_chain (tenant_id, purpose, place, key_id, model)"
        " SELECT %(tenant)s, %(purpose)s, coalesce(max(place) + 1, 0), %(key)s, %(model)s"
        " FROM model_chain WHERE purpose = %(purpose)s"
        " HAVING NOT coalesce(bool_or(key_id = %(key)s AND model = %(model)s), false)",
        {"tenant": tenant_id, "purpose": purpose, "key": key_id, "model": model},
    )


def set_price(connection: psycopg.Connection, key_id: UUID, model: str, price_in: Decimal, price_out: Decimal) -> int:
    """Say what a model costs (USD a million tokens), in the caller's transaction; in how many chains it stands."""
    for amount in (price_in, price_out):
        if not amount.is_finite() or amount < 0:
            raise InputError("A price is an amount in USD, 0 or more")
    return connection.execute(
        "UPDATE model_chain SET input_price = %s, output_price = %s WHERE key_id = %s AND model = %s",
        (price_in, price_out, key_id, model),
    ).rowcount


def reorder_chain(
    connection: psycopg.Connection,
    tenant_id: UUID,
    purpose: Purpose,
    links: Sequence[tuple[UUID, str]],
    actor: Actor = SYSTEM,
) -> None:
    """Replace a chain by these (key, model), in the caller's transaction; prices of models that stay are kept.

    Raises `InputError` for a model that is in it twice, a key that the tenant does not have, or one that cannot serve.
    """
    providers: dict[UUID, str] = dict(connection.execute("SELECT id, provider FROM model_key").fetchall())
    if len(set(links)) < len(links) or any(key_id not in providers for key_id, _ in links):
        raise InputError("A chain has models of the tenant's keys, each once", remedy="opsintel key list")
    for key_id, _ in links:
        require_vectors(purpose, providers[key_id])
    prices = {
        (row[0], row[1]): (row[2], row[3])
        for row in connection.execute(
            "DELETE FROM model_chain WHERE purpose = %s RETURNING key_id, model, input_price, output_price", (purpose,)
        )
    }
    for place, link in enumerate(links):
        connection.execute(
            "INSERT INTO model_chain (tenant_id, purpose, place, key_id, model, input_price, output_price)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (tenant_id, purpose, place, link[0], checked_model(link[1]), *prices.get(link, (None, None))),
        )
    details: dict[str, Detail] = {"models": [model for _, model in links]}
    record(connection, Entry(tenant_id, actor, "model_chain.set", Subject("model_chain", purpose), details))


def _link(
    key_id: UUID,
    provider: str,
    base_url: str,
    secret_id: UUID | None,
    previous: UUID | None,
    health: str,
    retry_at: datetime | None,
    of_platform: bool,
    model: str,
    price_in: Decimal | None,
    price_out: Decimal | None,
) -> Link:
    price = price_of(provider, model) if of_platform else _price(provider, model, price_in, price_out)
    return Link(key_id, provider, base_url, secret_id, previous, health, retry_at, model, price, of_platform)


def _price(provider: str, model: str, given_in: Decimal | None, given_out: Decimal | None) -> Price | None:
    if given_in is None or given_out is None:
        return price_of(provider, model)
    written = given_in * CACHE_WRITE if provider_of(provider).marks_cache else given_in
    return Price(given_in / _MILLION, given_out / _MILLION, given_in / _MILLION, written / _MILLION)
