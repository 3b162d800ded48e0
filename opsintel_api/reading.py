"""How a route answers: one statement of `queries/` that builds the JSON, its ETag, its cursor."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from opsintel.clock import today
from opsintel_api.auth.principal import Principal, principal_of
from opsintel_api.cursors import decode_cursor, encode_cursor
from opsintel_api.models.common import PageParameters, Parameters, PeriodParameters
from opsintel_api.problems import not_found, unprocessable
from opsintel_api.services import Services, services_of

MAXIMUM_DAYS = 400
DEFAULT_DAYS = 30
JSON = "application/json"

_INCLUDE = re.compile(r"\{\{(\w+)\}\}")


@cache
def statement(name: str) -> str:
    """Return the SQL of a file in `queries/`, with the parts that it names as {{part}} filled in."""
    folder = resources.files("opsintel_api").joinpath("queries")
    text = folder.joinpath(f"{name}.sql").read_text()
    return _INCLUDE.sub(lambda match: statement(f"parts/{match[1]}"), text)


@dataclass(frozen=True)
class Reading:
    """One request that reads: its principal, its tenant's transactions, its answer."""

    request: Request
    services: Services
    principal: Principal

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Yield a connection bound to the principal's tenant, and to the sources that they are limited to."""
        async with self.services.database.tenant_tx(self.principal.tenant_id, self.principal.sources) as connection:
            yield connection

    async def one(self, name: str, *values: Any) -> str:
        """Return the JSON of a statement; 404 when it finds no row."""
        async with self.transaction() as connection:
            body = await connection.fetchval(statement(name), *values)
        if body is None:
            raise not_found()
        return str(body)

    async def page(self, name: str, parameters: PageParameters, *values: Any) -> str:
        """Return the JSON of a page.

        The statement gives rows (item as JSON, sort keys as a JSON array) and takes, after `values`, the keys to go on
        from (null on the first page) and one row more than the page holds.
        """
        async with self.transaction() as connection:
            return await self._page(connection, name, parameters, *values)

    async def system_page(self, name: str, parameters: PageParameters, *values: Any) -> str:
        """Return the JSON of a page about accounts, which belong to no tenant; the statement takes the tenant first."""
        async with self.services.database.system_tx() as connection:
            return await self._page(connection, name, parameters, self.principal.tenant_id, *values)

    async def _page(self, connection: Any, name: str, parameters: PageParameters, *values: Any) -> str:
        keys = self.cursor_keys(parameters)
        rows = await connection.fetch(
            statement(name), *values, json.dumps(keys) if keys else None, parameters.limit + 1
        )
        return self.page_json(rows, parameters)

    def page_json(self, rows: Sequence[Any], parameters: PageParameters) -> str:
        """Return a page of rows (item, keys), the last of which only tells that there are more."""
        shown = rows[: parameters.limit]
        after = None
        if len(rows) > len(shown):
            after = encode_cursor(json.loads(shown[-1][1]), self._question(parameters), self.services.key_for("cursor"))
        return f'{{"items":[{",".join(row[0] for row in shown)}],"next_cursor":{json.dumps(after)}}}'

    def cursor_keys(self, parameters: PageParameters) -> list[Any]:
        """Return the sort keys to go on from; empty on the first page."""
        if parameters.cursor is None:
            return []
        return decode_cursor(parameters.cursor, self._question(parameters), self.services.key_for("cursor"))

    async def revision(self) -> str:
        """Return what changes whenever the tenant's figures do."""
        async with self.transaction() as connection:
            return str(await connection.fetchval(statement("revision")))

    def answer(self, body: str, tag: str | None = None) -> Response:
        """Return the response of a body, 304 when the client holds it; `tag` identifies it where that is cheaper."""
        content = body.encode()
        etag = self._etag(tag or body)
        if self.holds(etag):
            return Response(status_code=304, headers=_caching(etag))
        return Response(content, media_type=JSON, headers=_caching(etag))

    def unchanged(self, tag: str) -> Response | None:
        """Return 304 when the client holds the answer of this tag already."""
        etag = self._etag(tag)
        return Response(status_code=304, headers=_caching(etag)) if self.holds(etag) else None

    def holds(self, etag: str) -> bool:
        """Tell whether the client holds this version (RFC 9110 section 13.1.2, weak comparison)."""
        listed = [entry.strip() for entry in self.request.headers.get("if-none-match", "").split(",")]
        return etag in listed or etag.removeprefix("W/") in listed or listed == ["*"]

    def _etag(self, tag: str) -> str:
        # With a key: what is masked in the answer cannot be guessed from its tag.
        reader = (self.principal.tenant_id, self.principal.is_masked, self.principal.sources)
        parts = (*map(str, reader), str(self.request.url.path), tag)
        named = hmac.digest(self.services.key_for("etag"), chr(0).join(parts).encode(), hashlib.sha256)
        return f'W/"{named.hex()[:32]}"'

    def _question(self, parameters: Parameters) -> str:
        asked = parameters.model_dump_json(exclude={"cursor", "limit"}, by_alias=True)
        return f"{self.principal.tenant_id} {self.request.url.path} {asked}"


async def reading_of(request: Request) -> Reading:
    """Return the reading of a request that was authorised."""
    return Reading(request, services_of(request), principal_of(request))


Reader = Annotated[Reading, Depends(reading_of)]


async def period_of(
    connection: Any, parameters: PeriodParameters, *, longest: int | None = MAXIMUM_DAYS
) -> tuple[date, date]:
    """Return the first and last day asked for; 422 when they are in the wrong order or too far apart.

    Without dates it is the last 30 days; for a tenant whose messages are all older, the 30 days that end with the
    latest of them.
    """
    last = parameters.to or (None if parameters.from_ is None else max(today(), parameters.from_))
    if last is None:
        last = await connection.fetchval(statement("latest_day"), today(), today() - timedelta(days=DEFAULT_DAYS - 1))
        assert isinstance(last, date)
    first = parameters.from_
    if first is None:
        first = last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise unprocessable("from", "It lies after `to`")
    if longest is not None and (last - first).days >= longest:
        raise unprocessable("from", f"A span has at most {longest} days")
    return first, last


def _caching(etag: str) -> dict[str, str]:
    return {"ETag": etag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
