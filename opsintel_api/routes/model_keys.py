"""Keys to model providers: stored, tried, rotated, removed; and the chains that their models stand in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from fastapi import Response
from pydantic import SecretStr

from opsintel.crypto.secrets import Secret
from opsintel.errors import InputError
from opsintel.ids import new_id
from opsintel.learning.chains import set_chain as replace_chain
from opsintel.llm import trials
from opsintel.llm.chain import append_to_chain, chain_of, set_price
from opsintel.llm.keys import add_key, address_of, key_named, keys_of, model_servers, remove_key, rotate_key
from opsintel.llm.platform import platform_of, require_offered
from opsintel.llm.provider import PURPOSES, Provider, provider_of
from opsintel.llm.sending import require_permitted, sending_of
from opsintel_api.models.jobs import Job
from opsintel_api.models.model_keys import (
    ChainLinkRequest,
    ChainList,
    ChainRequest,
    ModelKeyList,
    ModelKeyRequest,
    ModelKeyRotation,
    TestedModelKey,
)
from opsintel_api.problems import responses, unprocessable
from opsintel_api.reading import JSON, Reader, Reading, statement
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router
from opsintel_api.routes.jobs import ACCEPTED, accepted

routes = protected_router("models")

T = TypeVar("T")
_MILLION = 1_000_000


@routes.get("/keys", response_model=ModelKeyList, dependencies=[WITHOUT_PARAMETERS])
async def list_model_keys(reader: Reader) -> Response:
    """Return the tenant's keys to model providers by name, each with its health and without its value.

    With it: to which providers the installation offers a key of its own.
    """
    offered = sorted(platform_of(reader.services.settings).keys)
    return reader.answer(f'{{"offered":{json.dumps(offered)},{(await reader.one("model_keys"))[1:]}')


@routes.post(
    "/keys",
    response_model=TestedModelKey,
    status_code=201,
    responses=responses(409),
    dependencies=[WITHOUT_PARAMETERS],
)
async def add_model_key(reader: Reader, asked: ModelKeyRequest) -> Response:
    """Store a key, put its model at the end of a chain, and have both tried by a job. 409 for a name that is taken."""
    provider, principal = provider_of(asked.provider), reader.principal
    model, secret = asked.model or provider.model, _secret(asked.value)
    if not model:
        raise unprocessable("model", f"{provider.title} has no model of its own choice")
    if asked.of_platform:
        _require_offered(reader, asked, provider, model)
    elif secret is None and provider.needs_key:
        raise unprocessable("value", f"{provider.title} needs a key")
    context = reader.services.context

    def store(connection: psycopg.Connection) -> UUID:
        address = _address(reader, provider, asked.base_url)
        require_permitted(address, sending_of(connection), model_servers(context.settings))
        wanted = (asked.name or provider.name, provider.name, address)
        key_id = add_key(
            connection,
            context.keyring,
            principal.tenant_id,
            wanted,
            secret,
            principal.actor,
            of_platform=asked.of_platform,
        )
        append_to_chain(connection, principal.tenant_id, asked.purpose, key_id, model)
        return key_id

    return await _tested(reader, await _within(reader, store), 201)


@routes.post(
    "/keys/{model_key_id}/test",
    response_model=Job,
    status_code=202,
    responses=ACCEPTED | responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def test_model_key(reader: Reader, model_key_id: UUID) -> Response:
    """Have a key tried with each of its models, in the form that they are used in; 202 with the job.

    What is found is the key's health; the figures of the job count the models by it. It costs a short call a model.
    """
    await reader.one("model_key", model_key_id)
    return accepted(await _trial(reader, model_key_id))


@routes.post(
    "/keys/{model_key_id}/rotate",
    response_model=TestedModelKey,
    responses=responses(404),
    dependencies=[WITHOUT_PARAMETERS],
)
async def rotate_model_key(reader: Reader, model_key_id: UUID, asked: ModelKeyRotation) -> Response:
    """Give a key another value and have it tried; for a day the one before is taken as well. No budget begins anew."""
    context, principal, secret = reader.services.context, reader.principal, _secret(asked.value)
    assert secret is not None

    def rotate(connection: psycopg.Connection) -> None:
        key = key_named(connection, str(model_key_id))
        rotate_key(connection, context.keyring, principal.tenant_id, key, secret, principal.actor)

    await _within(reader, rotate)
    return await _tested(reader, model_key_id, 200)


@routes.delete("/keys/{model_key_id}", status_code=204, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def remove_model_key(reader: Reader, model_key_id: UUID) -> Response:
    """Destroy a key; chains go on without it."""
    principal = reader.principal
    await _within(
        reader,
        lambda connection: remove_key(
            connection, principal.tenant_id, key_named(connection, str(model_key_id)), principal.actor
        ),
    )
    return Response(status_code=204)


@routes.get("/chains", response_model=ChainList, dependencies=[WITHOUT_PARAMETERS])
async def list_chains(reader: Reader) -> Response:
    """Return which models serve each purpose, in the order they are tried, with their prices."""
    return reader.answer(json.dumps({"items": await _within(reader, _chains), "notice": None}))


@routes.put("/chains", response_model=ChainList, responses=responses(409), dependencies=[WITHOUT_PARAMETERS])
async def set_chain(reader: Reader, asked: ChainRequest) -> Response:
    """Replace the chain of a purpose, and return all. What was analysed already is not analysed anew.

    409 for other models of `analyse` that no shadow run found within the margin, where there is a gold set, unless
    overridden.
    """
    if any((link.input_price is None) != (link.output_price is None) for link in asked.links):
        raise unprocessable("links", "A model has both prices or none")
    principal = reader.principal

    def replace(connection: psycopg.Connection) -> dict[str, Any]:
        links = [(link.model_key_id, link.model) for link in asked.links]
        notice = replace_chain(
            connection, principal.tenant_id, asked.purpose, links, principal.actor, asked.override or ""
        )
        for link in asked.links:
            _price(connection, link)
        return {"items": _chains(connection), "notice": notice or None}

    return Response(json.dumps(await _within(reader, replace)), media_type=JSON)


async def _within(reader: Reading, act: Callable[[psycopg.Connection], T]) -> T:
    """Return what is done in a transaction of the tenant, by the functions that the commands use."""

    def work() -> T:
        with reader.services.context.database.tenant_tx(reader.principal.tenant_id) as connection:
            return act(connection)

    return await asyncio.to_thread(work)


async def _tested(reader: Reading, key_id: UUID, status: int) -> Response:
    job = await _trial(reader, key_id)
    body = f'{{"key":{await reader.one("model_key", key_id)},"job":{job}}}'
    return Response(body, status, media_type=JSON)


async def _trial(reader: Reading, key_id: UUID) -> str:
    principal = reader.principal
    async with reader.transaction() as connection:
        return str(
            await connection.fetchval(
                statement("job_of_kind_start"),
                principal.tenant_id,
                new_id(),
                trials.TRIAL.name,
                json.dumps(trials.trial_of(key_id)),
                *principal.created_by,
            )  # fmt: skip
        )


def _chains(connection: psycopg.Connection) -> list[dict[str, Any]]:
    names = {key.id: key.name for key in keys_of(connection)}
    return [
        {
            "purpose": purpose,
            "links": [
                {
                    "model_key_id": str(link.key_id),
                    "key": names[link.key_id],
                    "provider": link.provider,
                    "model": link.model,
                    "health": link.health,
                    "input_price": None if link.price is None else float(link.price.input * _MILLION),
                    "output_price": None if link.price is None else float(link.price.output * _MILLION),
                }
                for link in chain_of(connection, purpose)
            ],
        }
        for purpose in PURPOSES
    ]


def _price(connection: psycopg.Connection, link: ChainLinkRequest) -> None:
    if link.input_price is not None and link.output_price is not None:
        prices = Decimal(str(link.input_price)), Decimal(str(link.output_price))
        set_price(connection, link.model_key_id, link.model, *prices)


def _address(reader: Reading, provider: Provider, given: str | None) -> str:
    try:
        return address_of(provider, given, reader.services.settings)
    except InputError as error:
        raise unprocessable("base_url", error.message) from None


def _require_offered(reader: Reading, asked: ModelKeyRequest, provider: Provider, model: str) -> None:
    if asked.value is not None or asked.base_url is not None:
        raise unprocessable("of_platform", "The installation's key has its own value and address")
    try:
        require_offered(reader.services.settings, provider, model)
    except InputError as error:
        raise unprocessable("of_platform", error.message) from None


def _secret(value: SecretStr | None) -> Secret | None:
    return None if value is None else Secret(value.get_secret_value().encode())
