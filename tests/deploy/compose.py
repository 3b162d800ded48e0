"""docker-compose.yml as a test reads it: parsed, and with its variables filled in as compose does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)(:[-?])?([^}]*)\}")


@dataclass(frozen=True)
class Variable:
    """A variable that the file takes from its surroundings."""

    name: str
    default: str | None
    complaint: str | None


def compose_file() -> dict[str, Any]:
    """Return the file, its variables not filled in."""
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def services() -> dict[str, dict[str, Any]]:
    """Return the services by name."""
    return dict(compose_file()["services"])


def variables() -> list[Variable]:
    """Return every use of a variable."""
    return [
        Variable(name, rest if operator == ":-" else None, rest if operator == ":?" else None)
        for text in texts(compose_file())
        for name, operator, rest in _VARIABLE.findall(text)
    ]


def texts(value: Any) -> Iterator[str]:
    """Yield every text within a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def filled_in(text: str, surroundings: Mapping[str, str]) -> str:
    """Return a text with its variables filled in; `ValueError` with the file's complaint where one is missing."""

    def value(found: re.Match[str]) -> str:
        name, operator, rest = found.groups()
        if given := surroundings.get(name):
            return given
        if operator == ":-":
            return str(rest)
        raise ValueError(f"{name}: {rest}")

    return _VARIABLE.sub(value, text).replace("$$", "$")


def environment_of(service: str, surroundings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that a service gets."""
    declared = services()[service].get("environment", {})
    return {name: filled_in(value, surroundings) for name, value in declared.items()}


def command_of(service: str) -> list[str]:
    """Return the command of a service."""
    return [str(part) for part in services()[service].get("command", [])]


def healthcheck_of(service: str) -> list[str]:
    """Return the command that tells whether a service is well, without compose's own first word."""
    return [str(part) for part in services()[service]["healthcheck"]["test"][1:]]
