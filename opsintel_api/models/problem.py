"""Errors as problem details (RFC 9457)."""

from __future__ import annotations

from pydantic import Field

from opsintel_api.models.common import Answer


class FieldProblem(Answer):
    """One field of a request that cannot be used."""

    field: str
    reason: str
    position: int | None = Field(default=None, description="Character of the field, counted from 0, where one is meant")


class Problem(Answer):
    """What went wrong, RFC 9457, with the id to name when asking about it."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldProblem] = []
