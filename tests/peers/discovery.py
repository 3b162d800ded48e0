"""Requests checked against Google's own descriptions, as the package google-api-python-client carries them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any
from urllib.parse import unquote

from tests.peers.provider import Asked, Refusal

_MOST = {"maxResults": 500}
"""What the descriptions say in words: the most that a parameter may be."""


@dataclass(frozen=True)
class Called:
    """A method of an API with its parameters; a parameter that may be repeated is a list."""

    method: str
    parameters: Mapping[str, Any]
    body: Any


class Discovery:
    """The methods and schemas of one API."""

    def __init__(self, name: str) -> None:
        document = resources.files("googleapiclient").joinpath(f"discovery_cache/documents/{name}.json")
        self.description: dict[str, Any] = json.loads(document.read_text())
        self.methods = [
            (re.compile(_pattern(method["flatPath" if "flatPath" in method else "path"])), method)
            for method in _methods(self.description)
        ]

    def called(self, asked: Asked) -> Called:
        """Return the method that is asked for; `Refusal` with 404 or 400 for what is not described."""
        for pattern, method in self.methods:
            found = pattern.fullmatch(unquote(asked.path).lstrip("/"))
            if found and method["httpMethod"] == asked.method:
                path = found.groupdict()
                return Called(method["id"], path | self._query(method, asked.repeated), self._body(method, asked))
        raise Refusal(404, "notFound", f"no method {asked.method} {asked.path}")

    def _query(self, method: Mapping[str, Any], query: Mapping[str, list[str]]) -> dict[str, Any]:
        known = {**self.description["parameters"], **method.get("parameters", {})}
        found: dict[str, Any] = {}
        for name, values in query.items():
            if name not in known or known[name]["location"] != "query":
                raise Refusal(400, "invalidArgument", f"unknown parameter {name}")
            for value in values:
                _check_text(known[name], name, value)
            if len(values) > 1 and not known[name].get("repeated"):
                raise Refusal(400, "invalidArgument", f"{name} is given twice")
            found[name] = values if known[name].get("repeated") else values[0]
        missing = [name for name, one in known.items() if one.get("required") and one["location"] == "query"]
        if set(missing) - found.keys():
            raise Refusal(400, "required", f"{missing} are required")
        return found

    def _body(self, method: Mapping[str, Any], asked: Asked) -> Any:
        if "request" not in method:
            return None
        content = asked.json()
        self._check(method["request"], content, "body")
        return content

    def _check(self, schema: Mapping[str, Any], value: Any, place: str) -> None:
        if "$ref" in schema:
            schema = self.description["schemas"][schema["$ref"]]
        kinds = {"object": dict, "array": list, "integer": int, "string": str, "boolean": bool}
        kind = schema.get("type", "")
        if kind in kinds and not isinstance(value, kinds[kind]):
            raise Refusal(400, "invalidArgument", f"{place} is no {kind}")
        if kind == "object":
            for name, part in value.items():
                if name not in schema.get("properties", {}):
                    raise Refusal(400, "invalidArgument", f"{place}.{name} is unknown")
                self._check(schema["properties"][name], part, f"{place}.{name}")
        elif kind == "array":
            for part in value:
                self._check(schema["items"], part, f"{place}[]")
        if "enum" in schema and value not in schema["enum"]:
            raise Refusal(400, "invalidArgument", f"{place} is not one of the listed values")


def _methods(resource: Mapping[str, Any]) -> list[dict[str, Any]]:
    inner = [method for part in resource.get("resources", {}).values() for method in _methods(part)]
    return [*resource.get("methods", {}).values(), *inner]


def _pattern(path: str) -> str:
    """Return the regular expression of a path; names in flat paths may end in `Id`."""
    parts = re.split(r"\{\+?(\w+)\}", path)
    return "".join(re.escape(part) if index % 2 == 0 else f"(?P<{part}>[^/:]+)" for index, part in enumerate(parts))


def _check_text(schema: Mapping[str, Any], name: str, value: str) -> None:
    kind, ok = schema["type"], True
    if kind == "integer" or schema.get("format") in ("uint64", "int64"):
        ok = value.isdecimal() and int(value) <= _MOST.get(name, 2**64)
    elif kind == "boolean":
        ok = value in ("true", "false")
    if not ok or ("enum" in schema and value not in schema["enum"]):
        raise Refusal(400, "invalidArgument", f"Invalid value for {name}: {value}")
