"""A request of every route of the OpenAPI document, and what may be changed in it: a new route is tried by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from opsintel.access.roles import OPEN, matrix
from tests.api.examples import example, ids_of
from tests.isolation.attacks import Operation, operations
from tests.seeding import Seeded

OURS = ("X-Requested-With", "opsintel")
JSON = ("Content-Type", "application/json")

EVERY = operations()
PROTECTED = [operation for operation in EVERY if operation.is_protected]
SIGNED = frozenset({"POST /v1/push/{source_id}", "POST /v1/ingest/{source_id}"})
"""Routes that read a body only after its signature was found right: tests/access/test_pushes.py tries them."""

WITH_BODY = [operation for operation in EVERY if operation.body is not None and operation.route not in SIGNED]
WITH_IDS = [operation for operation in PROTECTED if "{" in operation.path]
OF_TENANTS = [operation for operation in PROTECTED if not matrix().routes[operation.route] <= matrix().of_operators]


@dataclass(frozen=True)
class Sent:
    """A request of a route, before it is sent."""

    route: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: tuple[tuple[str, str], ...] = (OURS,)

    @property
    def method(self) -> str:
        """Return its method."""
        return self.route.split()[0]

    @property
    def address(self) -> str:
        """Return its path and query."""
        return self.path + (f"?{urlencode(self.query)}" if self.query else "")

    def asking(self, **query: str) -> Sent:
        """Return the same request with further parameters."""
        return replace(self, query={**self.query, **query})

    def saying(self, body: Any) -> Sent:
        """Return the same request with another body."""
        return replace(self, body=body)


def route_of(operation: Operation) -> str:
    """Return the id of a test about a route."""
    return operation.route


def request_of(operation: Operation, tenant: Seeded) -> Sent:
    """Return a request of a route as a tenant's member would send it."""
    given = example(operation.route, tenant) if matrix().routes[operation.route] != OPEN else None
    ids = ids_of(tenant)
    made = operation.asked(lambda name: ids.get(name, tenant.slug))
    body = made.body if given is None or given.body is None else dict(given.body)
    query = dict(made.query) | dict(given.query if given else {})
    return Sent(operation.route, operation.path.format(**ids), query, body)


def queries(operation: Operation) -> list[str]:
    """Return the names of a route's query parameters."""
    return [parameter["name"] for parameter in operation.parameters if parameter["in"] == "query"]


def fields(operation: Operation) -> dict[str, Any]:
    """Return the fields of a route's body and their schemas."""
    body = operation.body or {}
    found: dict[str, Any] = next((kind for kind in (body, *body.get("anyOf", ())) if "properties" in kind), {})
    return dict(found.get("properties", {}))


def texts(operation: Operation) -> list[str]:
    """Return the names of a body's fields that take a text or texts."""
    return [name for name, schema in fields(operation).items() if _takes_text(schema)]


def bodies_with(operation: Operation, tenant: Seeded, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of each field of a body that takes a text, and the body with the value in it."""
    body = request_of(operation, tenant).body
    for name in texts(operation):
        is_list = "'items'" in str(fields(operation)[name])
        yield name, {**body, name: [value] if is_list else value}


def _takes_text(schema: dict[str, Any]) -> bool:
    kinds = [schema, *schema.get("anyOf", ())]
    kinds += [kind["items"] for kind in kinds if "items" in kind]
    return any(kind.get("type") == "string" for kind in kinds)
