"""Roles, scopes and what each route needs: read from scopes.toml, deny by default."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from opsintel.errors import AccessError

Requirement = frozenset[str]
"""What a route needs: these scopes, all of them; or one of the two below."""

OPEN: Requirement = frozenset({"open"})
"""What a route needs that takes no access token."""

SESSION: Requirement = frozenset({"session"})
"""What a route needs that takes any person's valid access token."""

Role = Literal["owner", "admin", "analyst", "viewer"]
ROLES: tuple[Role, ...] = ("owner", "admin", "analyst", "viewer")

Kind = Literal["person", "service_key", "operator"]
"""Who may come with a request. Operators are no members of any tenant."""

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Matrix:
    """Scopes by role, and what each route needs (`GET /v1/issues/{issue_id}`)."""

    scopes: Mapping[str, frozenset[str]]
    routes: Mapping[str, Requirement]
    grantable: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """What may be granted to a member beyond the scopes of the role."""
    of_service_keys: frozenset[str] = NOTHING
    """What a service key may hold at all."""
    of_limited: frozenset[str] = NOTHING
    """What a member or key may hold that is limited to some sources."""
    of_operators: frozenset[str] = NOTHING

    def requirement(self, method: str, path: str) -> Requirement:
        """Return what a route needs; `AccessError` for one that is not listed."""
        try:
            return self.routes[f"{method} {path}"]
        except KeyError:
            raise AccessError(
                f"{method} {path} has no scope", remedy="List it in opsintel/access/scopes.toml"
            ) from None

    def allows(self, role: str, requirement: Requirement) -> bool:
        """Tell whether a role meets what a route needs; an unknown role meets nothing."""
        held = self.scopes.get(role)
        return held is not None and (requirement in (OPEN, SESSION) or requirement <= held)

    def admits(self, kind: Kind, held: Collection[str], requirement: Requirement) -> bool:
        """Tell whether somebody of a kind who holds these scopes meets what a route needs."""
        if requirement == SESSION:
            return kind == "person"
        return requirement.issubset(held)

    def of_member(self, role: str, grants: Collection[str] = (), *, limited: bool = False) -> frozenset[str]:
        """Return the scopes of a member: those of the role, what was granted beyond them, less what a limit forbids."""
        held = self.scopes.get(role, NOTHING) | (self.grantable.get(role, NOTHING) & frozenset(grants))
        return held & self.of_limited if limited else held


@cache
def matrix() -> Matrix:
    """Return the matrix of scopes.toml."""
    return read_matrix(resources.files("opsintel.access").joinpath("scopes.toml").read_text())


def read_matrix(text: str) -> Matrix:
    """Return the matrix that a file of scopes writes down; `AccessError` for what is none, or says what may not be."""
    try:
        listed = tomllib.loads(text)
        roles = listed["roles"]
        found = Matrix(
            scopes={role: _names(rights["scopes"]) for role, rights in roles.items()},
            routes={route: _requirement(need) for route, need in listed["routes"].items()},
            grantable={role: _names(rights.get("grantable", [])) for role, rights in roles.items()},
            of_service_keys=_names(listed["service_keys"]["scopes"]),
            of_limited=_names(listed["limited"]["scopes"]),
            of_operators=_names(listed["operators"]["scopes"]),
        )
        declared = frozenset(listed["scopes"])
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError, RecursionError):
        raise AccessError("scopes.toml cannot be read", remedy="Write it as TOML, with every table") from None
    _require_declared(found, declared)
    return found


def _names(listed: Any) -> frozenset[str]:
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise TypeError("a list of names is needed")
    return frozenset(listed)


def _requirement(listed: Any) -> Requirement:
    need = _names([listed] if isinstance(listed, str) else listed)
    if not need:
        raise TypeError("a route needs something")
    return need


def _require_declared(found: Matrix, declared: frozenset[str]) -> None:
    of_tenants = frozenset().union(*found.scopes.values(), *found.grantable.values())
    of_routes = frozenset().union(*(need for need in found.routes.values() if need not in (OPEN, SESSION)))
    used = of_tenants | found.of_operators | found.of_service_keys | found.of_limited | of_routes
    if unknown := used - declared:
        raise AccessError(f"scopes.toml uses scopes that it does not declare: {', '.join(sorted(unknown))}")
    if shared := found.of_operators & (of_tenants | found.of_service_keys | found.of_limited):
        raise AccessError(f"scopes.toml gives tenants what is the operator's: {', '.join(sorted(shared))}")
