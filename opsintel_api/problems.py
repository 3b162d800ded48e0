"""Errors as problem details (RFC 9457): one line for people, never a stack or SQL."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from opsintel.access.roles import matrix
from opsintel.errors import (
    AccessError,
    ConflictError,
    DatabaseError,
    FilterError,
    InputError,
    NotFoundError,
    OpsintelError,
    RetriableError,
    TenantError,
)
from opsintel_api.models.problem import FieldProblem, Problem

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
UNUSABLE = "The request cannot be used as it is"
NOT_FOUND = "There is nothing here, or not for you"

_STATUS: tuple[tuple[type[OpsintelError], int], ...] = (
    (NotFoundError, 404),
    (AccessError, 403),
    (ConflictError, 409),
    (InputError, 422),
    (TenantError, 404),
    (DatabaseError, 503),
    (RetriableError, 503),
)


class RequestProblem(HTTPException):
    """An error of a request, told with its fields."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: tuple[FieldProblem, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.errors = errors


def unprocessable(field: str, reason: str) -> RequestProblem:
    """Return the error for one field that cannot be used."""
    return RequestProblem(422, UNUSABLE, errors=(FieldProblem(field=field, reason=reason),))


def not_found() -> RequestProblem:
    """Return the error for what is absent or another tenant's: both look the same."""
    return RequestProblem(404, NOT_FOUND)


def response(
    request: Request,
    status: int,
    detail: str,
    *,
    errors: tuple[FieldProblem, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem as a response."""
    problem = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=request.url.path,
        request_id=getattr(request.state, "request_id", ""),
        errors=list(errors),
    )
    return JSONResponse(problem.model_dump(exclude_none=True), status, dict(headers or {}), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's problems are declared in the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def install(app: FastAPI) -> None:
    """Answer every error of the application as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(OpsintelError, _own)
    app.add_exception_handler(asyncpg.QueryCanceledError, _too_slow)
    app.add_exception_handler(Exception, _unexpected)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    errors = error.errors if isinstance(error, RequestProblem) else ()
    status = 422 if error.status_code == 400 else error.status_code
    detail = NOT_FOUND if status == 404 else str(error.detail)
    headers = dict(error.headers or {})
    if status == 405:
        headers["Allow"] = _allowed(request.url.path, headers.get("Allow", ""))
    return response(request, status, detail, errors=errors, headers=headers)


def _allowed(path: str, named: str) -> str:
    """Return the methods of all routes of a path (RFC 9110 section 10.2.1); the framework names those of the first."""
    found = {method for pattern, method in _methods() if pattern.match(path)} or set(named.split(", "))
    return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))


@cache
def _methods() -> list[tuple[re.Pattern[str], str]]:
    listed = (route.split() for route in matrix().routes)
    return [(compile_path(path)[0], method) for method, path in listed]


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = tuple(
        FieldProblem(field=".".join(str(part) for part in item["loc"][1:]) or "body", reason=str(item["msg"]))
        for item in error.errors()[:20]
    )
    return response(request, 422, UNUSABLE, errors=fields)


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, OpsintelError)
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if status >= 500:
        log.error("%s: %s", error.code, error.line())
        return response(request, status, "The service cannot answer at the moment")
    errors = (_place_of(error),) if isinstance(error, FilterError) else ()
    return response(request, status, NOT_FOUND if status == 404 else error.line(), errors=errors)


def _place_of(error: FilterError) -> FieldProblem:
    """Return where a filter of a request is wrong: a path in its tree, or a character of its text."""
    return FieldProblem(field=error.path or "text", reason=error.message, position=error.position)


async def _too_slow(request: Request, error: Exception) -> Response:
    del error
    return response(request, 503, "The question takes too long; choose a shorter span", headers={"Retry-After": "5"})


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error in %s", request.url.path, exc_info=error)
    return response(request, 500, "Something went wrong; the request id tells the operator which request")
