"""The OpenAPI document: the contract that the dashboard's types are made from."""

from __future__ import annotations

from typing import Any

from opsintel_api.app import build_api
from opsintel_api.models.problem import FieldProblem, Problem
from opsintel_api.problems import MEDIA_TYPE

PROBLEM_EXAMPLE = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "The request cannot be used as it is",
    "instance": "/v1/issues",
    "request_id": "01993c5e7c007000800000000000000a",
    "errors": [{"field": "limit", "reason": "Input should be less than or equal to 200"}],
}


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document; every error is a problem (RFC 9457), and no default of the framework is left."""
    document = build_api().openapi()
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["FieldProblem"] = FieldProblem.model_json_schema()
    schemas["Problem"] = _without_definitions(
        Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    ) | {"examples": [PROBLEM_EXAMPLE]}
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
            for response in operation["responses"].values():
                _drop_second_type(response)
    return document


def _drop_second_type(response: dict[str, Any]) -> None:
    """A problem has one media type, its own."""
    content = response.get("content", {})
    if MEDIA_TYPE in content:
        content.pop("application/json", None)


def _without_definitions(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "$defs"}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """An address cannot say null: a parameter that may be absent is only not required."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if not kinds:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return kinds[0] | rest if len(kinds) == 1 else {"anyOf": kinds} | rest
