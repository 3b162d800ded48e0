"""What a tenant could learn of others without a row of theirs: from what changes, what is taken, what is said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from fastapi import FastAPI

from opsintel.clock import today
from opsintel.ids import new_id
from opsintel.partitions import Partition
from tests.isolation import attacks
from tests.isolation.asgi import Asked, send
from tests.isolation.canaries import Scanner
from tests.isolation.pairs import forget
from tests.isolation.rows import TABLES
from tests.isolation.world import PASSWORD, Channel, TenantOfWorld, World, write_tenant

NEWCOMER = 4000
"""Number of a tenant that comes and goes."""

OF_THE_INSTALLATION = {
    "analyst": "names of PostgreSQL's roles, which are of the whole server; they begin with the tenant's short name",
    "api_key": "hashes of 256 random bits: none is there twice",
}
"""Tables with a key that spans tenants, and why it tells nothing."""

_PASSING = re.compile(rb'"(?:request_id|as_of)":"[^"]*"')


async def answers_do_not_depend_on_others(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Ask every reading route, let another tenant come with rows of the same words, and ask again.

    Counts, positions, ranks of a search, tags, cursors and figures of a fitted model would differ by it.
    """
    one = world.tenants[0]
    before = await _answers(one, app, scanner)
    with _newcomer(world):
        after = await _answers(one, app, scanner)
    assert len(before) > 20
    for question, answer in before.items():
        assert after[question] == answer, f"{question} depends on another tenant"


async def _answers(one: TenantOfWorld, app: FastAPI, scanner: Scanner) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for operation in attacks.operations():
        if operation.is_protected and operation.reads and operation.roles():
            for query in attacks.variants(operation):
                asked = operation.asked(attacks.own(one), query)
                answer = await send(app, asked, one.people["owner"].token)
                scanner.scan(asked.path, answer.everything, [one.number])
                headers = {name: value for name, value in answer.headers if name != b"x-request-id"}
                answers[f"{operation.route} {query}"] = answer.status, headers, _PASSING.sub(b"", answer.body)
    return answers


@contextmanager
def _newcomer(world: World) -> Iterator[TenantOfWorld]:
    with psycopg.connect(world.admin_url, autocommit=True) as connection:
        tenant = write_tenant(connection, world.settings, NEWCOMER, "!")
        try:
            yield tenant
        finally:
            forget(connection, [tenant.id], tenant.rows.users)


async def no_key_spans_tenants(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Copy every row of a tenant to a new one: no value is taken because another tenant has it."""
    refused = {}
    with psycopg.connect(world.admin_url) as connection:
        connection.execute("SET session_replication_role = replica")  # triggers and references are not in question
        for table in TABLES:
            names = [c.name for c in table.columns if c.computed is None and c.name != "tenant_id"]
            listed = ", ".join(f'"{name}"' for name in names)
            try:
                with connection.transaction():
                    connection.execute(
                        f"INSERT INTO {table.name} (tenant_id, {listed}) SELECT %s, {listed} FROM {table.name}"
                        " WHERE tenant_id = %s",
                        (new_id(), world.tenants[0].id),
                    )
            except psycopg.errors.UniqueViolation as error:
                refused[table.name] = error.diag.constraint_name
        connection.rollback()
    assert refused.keys() <= OF_THE_INSTALLATION.keys(), f"a key of all tenants tells what others have: {refused}"


async def nothing_counts_over_all_tenants(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Look for sequences: a number that all tenants draw from tells each how much the others do."""
    with psycopg.connect(world.admin_url) as connection:
        counting = connection.execute(
            "SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences"
            " WHERE has_sequence_privilege('opsintel_app', format('%I.%I', schemaname, sequencename), 'USAGE')"
        ).fetchall()
    assert counting == []


async def a_log_in_tells_nothing_of_other_tenants(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Log in with the right password into another tenant, and into one that is not there: the answers are the same."""
    one, other = world.tenants[:2]
    answers = []
    for slug in (other.canary, f"no{other.canary}"):
        body = {"email": f"owner@{one.canary}.example", "password": PASSWORD, "tenant": slug}
        answer = await send(app, Asked("POST", "/v1/auth/login", body=body))
        scanner.scan("/v1/auth/login", answer.everything, [], sent=[slug])
        answers.append((answer.status, _PASSING.sub(b"", answer.body)))
    assert answers[0] == answers[1], "a log-in tells which tenants there are"
    assert answers[0][0] == 403


async def partitions_are_each_tenants_own(world: World, app: FastAPI, scanner: Scanner) -> None:
    """Name the same day of two tenants as Dagster does: neither is run in the place of the other."""
    keys = {Partition(today(), tenant.id, tenant.canary).key for tenant in world.tenants}
    assert len(keys) == len(world.tenants)


CHANNELS: tuple[Channel, ...] = (
    partitions_are_each_tenants_own,
    answers_do_not_depend_on_others,
    no_key_spans_tenants,
    nothing_counts_over_all_tenants,
    a_log_in_tells_nothing_of_other_tenants,
)

__all__ = ["CHANNELS"]
