"""Roles, scopes and what each route needs: read from scopes.toml, deny by default."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from opsintel.errors import AccessError

OPEN = "open"
"""What a route needs that takes no access token."""

SESSION = "session"
"""What a route needs that takes any valid access token."""

Role = Literal["owner", "admin", "analyst", "viewer"]
ROLES: tuple[Role, ...] = ("owner", "admin", "analyst", "viewer")


@dataclass(frozen=True)
class Matrix:
    """Scopes by role, and the scope of each route (`GET /v1/issues/{issue_id}`)."""

    scopes: Mapping[str, frozenset[str]]
    routes: Mapping[str, str]

    def requirement(self, method: str, path: str) -> str:
        """Return what a route needs; `AccessError` for one that is not listed."""
        try:
            return self.routes[f"{method} {path}"]
        except KeyError:
            raise AccessError(
                f"{method} {path} has no scope", remedy="List it in opsintel/access/scopes.toml"
            ) from None

    def allows(self, role: str, requirement: str) -> bool:
        """Tell whether a role meets what a route needs; an unknown role meets nothing."""
        held = self.scopes.get(role)
        return held is not None and (requirement in (OPEN, SESSION) or requirement in held)


@cache
def matrix() -> Matrix:
    """Return the matrix of scopes.toml."""
    listed = tomllib.loads(resources.files("opsintel.access").joinpath("scopes.toml").read_text())
    known = set(listed["scopes"])
    held = {role: frozenset(rights["scopes"]) for role, rights in listed["roles"].items()}
    unknown = (set().union(*held.values()) | set(listed["routes"].values())) - known - {OPEN, SESSION}
    if unknown:
        raise AccessError(f"scopes.toml uses scopes that it does not declare: {', '.join(sorted(unknown))}")
    return Matrix(held, dict(listed["routes"]))
