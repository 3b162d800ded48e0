"""Requests made from the OpenAPI document: with one's own ids, with another tenant's in each place, with none's.

A new route is tried by itself: its paths, queries and bodies are read from the document, and each place that takes an
id, a cursor, an address or the name of a tenant is filled with the other tenant's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from opsintel.access.roles import OPEN, ROLES, Role, matrix
from opsintel.clock import today
from opsintel_api.openapi import openapi_document
from tests.isolation.asgi import Asked
from tests.isolation.rows import TABLES
from tests.isolation.shapes import PARAMETERS, ROWS_OF, WORD
from tests.isolation.world import TenantOfWorld

Fill = Callable[[str], str]
"""Gives a value for the name of a place."""

READING = ("get", "head")


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a request that names something of a tenant: `where` is path, query or body."""

    where: str
    name: str


@dataclass(frozen=True)
class Operation:
    """A route of the document, its schemas resolved."""

    method: str
    path: str
    parameters: tuple[dict[str, Any], ...]
    body: dict[str, Any] | None
    places: tuple[Place, ...] = field(default=())

    @property
    def route(self) -> str:
        """Return its name in scopes.toml."""
        return f"{self.method.upper()} {self.path}"

    @property
    def is_protected(self) -> bool:
        """Whether it takes an access token."""
        return matrix().routes[self.route] != OPEN

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method in READING

    def roles(self) -> list[Role]:
        """Return the roles that may use it."""
        return [role for role in ROLES if matrix().allows(role, matrix().routes[self.route])]

    def asked(self, fill: Fill, query: dict[str, str] | None = None) -> Asked:
        """Return a request with the values that `fill` gives for what it needs."""
        path, asked = self.path, dict(query or {})
        for parameter in self.parameters:
            name, where = parameter["name"], parameter["in"]
            if where == "path":
                path = path.replace("{" + name + "}", fill(name))
            elif where == "query" and parameter.get("required") and name not in asked:
                asked[name] = str(_example(parameter["schema"], name, fill))
        body = None if self.body is None else _example(self.body, "", fill)
        headers = (("x-requested-with", "opsintel"),)
        return Asked(self.method.upper(), path, tuple(asked.items()), body, headers)


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document, made once: nobody changes it."""
    return openapi_document()


@cache
def operations() -> tuple[Operation, ...]:
    """Return every route of the document."""
    found = []
    for path, methods in document()["paths"].items():
        for method, described in methods.items():
            parameters = tuple({**p, "schema": _resolved(p["schema"])} for p in described.get("parameters", ()))
            content = described.get("requestBody", {}).get("content", {}).get("application/json")
            body = _resolved(content["schema"]) if content else None
            operation = Operation(method, path, parameters, body)
            found.append(replace(operation, places=tuple(_places(operation))))
    return tuple(found)


def own(tenant: TenantOfWorld) -> Fill:
    """Return what fills places with a tenant's own."""
    return lambda name: _value(tenant, name)


def absent(tenant: TenantOfWorld) -> Fill:
    """Return what fills places with ids that nobody has."""
    return lambda name: str(tenant.absent_id) if _names_row(name) else WORD


def foreign(operation: Operation, place: Place, asker: TenantOfWorld, fill: Fill) -> Asked:
    """Return a request of `asker` that has one place filled by another's `fill`."""
    mine = own(asker)
    given = {place.name: fill(place.name)} if place.where == "query" else {}
    return operation.asked(lambda name: fill(name) if name == place.name else mine(name), given)


def variants(operation: Operation) -> Iterator[dict[str, str]]:
    """Yield queries: none, and one for each value of each parameter that has a list of them."""
    yield {}
    for parameter in operation.parameters:
        if parameter["in"] == "query":
            for value in _listed(parameter["schema"]):
                yield {parameter["name"]: str(value)}


def _places(operation: Operation) -> Iterator[Place]:
    for parameter in operation.parameters:
        if parameter["in"] in ("path", "query") and _is_id(parameter["schema"], parameter["name"]):
            yield Place(parameter["in"], parameter["name"])
    for name, schema in (operation.body or {}).get("properties", {}).items():
        if _is_id(schema, name):
            yield Place("body", name)


def _is_id(schema: dict[str, Any], name: str) -> bool:
    kinds = [schema, *schema.get("anyOf", ()), schema.get("items", {})]
    kinds += [kind.get("items", {}) for kind in schema.get("anyOf", ())]
    return any(kind.get("format") == "uuid" for kind in kinds) or name in PARAMETERS


def _names_row(name: str) -> bool:
    return name not in PARAMETERS


def _value(tenant: TenantOfWorld, name: str) -> str:
    """Return a tenant's value for the name of a place: by `PARAMETERS`, else the id of a row of the table it names."""
    if name in PARAMETERS:
        return PARAMETERS[name](tenant)
    if name == "user_id":
        return str(tenant.people["viewer"].user_id)
    table = table_of(name)
    ids = tenant.rows.ids(table) if table else []
    return str(ids[0] if ids else tenant.absent_id)


def table_of(name: str) -> str | None:
    """Return the table whose rows a parameter names: `job_id`, `source`, `source_ids`, `key_id` of service_key."""
    word = ROWS_OF.get(name, name).removesuffix("s").removesuffix("_id")
    names = [table.name for table in TABLES]
    return next((n for n in names if n == word), next((n for n in names if n.endswith(f"_{word}")), None))


def _example(schema: dict[str, Any], name: str, fill: Fill) -> Any:
    """Return a small valid value of a schema."""
    if "anyOf" in schema:
        return _example(next(s for s in schema["anyOf"] if s.get("type") != "null"), name, fill)
    if "const" in schema:
        return schema["const"]
    if values := schema.get("enum"):
        return values[0]
    kind = schema.get("type")
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = [n for n in properties if n in schema.get("required", ()) or _is_id(properties[n], n)]
        return {n: _example(properties[n], n, fill) for n in wanted}
    if kind == "array":
        return [_example(schema.get("items", {"type": "string"}), name, fill)]
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    if kind == "boolean":
        return True
    form = schema.get("format")
    if form == "uuid" or name in PARAMETERS:
        return fill(name)
    if form == "date":
        return today().isoformat()
    return "somebody@example.com" if form == "email" or name == "email" else WORD


def _listed(schema: dict[str, Any]) -> list[Any]:
    kinds = [schema, *schema.get("anyOf", ())]
    return [value for kind in kinds for value in kind.get("enum", ())] + [k["const"] for k in kinds if "const" in k]


def _resolved(schema: Any, depth: int = 0) -> Any:
    """Return a schema with what it refers to in its place."""
    if isinstance(schema, list):
        return [_resolved(part, depth) for part in schema]
    if not isinstance(schema, dict) or depth > 12:
        return schema
    if reference := schema.get("$ref"):
        return _resolved(document()["components"]["schemas"][reference.rpartition("/")[2]], depth + 1)
    return {name: _resolved(part, depth + 1) for name, part in schema.items()}
