"""Access tokens: short-lived JWTs, HS256 only, checked by the rules of RFC 8725."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from opsintel.access.json_parts import json_object, part_bytes
from opsintel.errors import AccessError

ALGORITHM = "HS256"
TYPE = "at+jwt"
ISSUER = "opsintel"
AUDIENCE = "opsintel-api"
LIFETIME_SECONDS = 15 * 60
SKEW_SECONDS = 5 * 60
MAXIMUM_LENGTH = 4096
CLAIMS = frozenset({"iss", "aud", "exp", "nbf", "iat", "sub", "tenant", "sid"})
_FORM = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """Who a request comes from: person, tenant and session."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID


class InvalidToken(AccessError):
    """The token is missing, malformed, expired or not ours."""

    code = "token_invalid"


def issue(token: AccessToken, key: bytes, *, at: float | None = None) -> str:
    """Return a signed token that ends after `LIFETIME_SECONDS`."""
    moment = int(time.time() if at is None else at)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": moment,
        "nbf": moment,
        "exp": moment + LIFETIME_SECONDS,
        "sub": str(token.user_id),
        "tenant": str(token.tenant_id),
        "sid": str(token.session_id),
    }
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"typ": TYPE})


def verify(encoded: str, key: bytes, *, at: float | None = None) -> AccessToken:
    """Return what a token says; `InvalidToken` unless every rule is met.

    The header may hold `alg` and `typ` only: keys that a token brings along, `crit` and the like are refused. A clock
    that runs ahead of ours by `SKEW_SECONDS` is tolerated; expiry is not extended. One token is written in one way.
    """
    parts = _FORM.fullmatch(encoded) if len(encoded) <= MAXIMUM_LENGTH else None
    if parts is None:
        raise InvalidToken("The access token cannot be read")
    header, payload, signature = parts.groups()
    if _object(header) != {"alg": ALGORITHM, "typ": TYPE}:
        raise InvalidToken("The access token is of another kind")
    _object(payload)
    _bytes(signature)
    try:
        claims = jwt.decode(
            encoded,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": sorted(CLAIMS), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        raise InvalidToken("The access token is not valid") from None
    if claims["aud"] != AUDIENCE:
        raise InvalidToken("The access token is for another audience")
    _check_times(claims, time.time() if at is None else at)
    try:
        return AccessToken(*(_uuid(claims[name]) for name in ("sub", "tenant", "sid")))
    except ValueError:
        raise InvalidToken("The access token is not valid") from None


def _check_times(claims: dict[str, Any], moment: float) -> None:
    begins, issued, ends = (claims[name] for name in ("nbf", "iat", "exp"))
    if any(type(value) is not int for value in (begins, issued, ends)):
        raise InvalidToken("The access token is not valid")
    if ends <= moment:
        raise InvalidToken("The access token has expired")
    latest = moment + SKEW_SECONDS
    if begins > latest or issued > latest or not 0 < ends - issued <= LIFETIME_SECONDS:
        raise InvalidToken("The access token is not valid")


def _uuid(value: Any) -> UUID:
    if not isinstance(value, str):
        raise ValueError("not a string")
    return UUID(value)


def _object(part: str) -> dict[str, Any]:
    try:
        return json_object(part_bytes(part))
    except ValueError:
        raise InvalidToken("The access token cannot be read") from None


def _bytes(part: str) -> bytes:
    try:
        return part_bytes(part)
    except ValueError:
        raise InvalidToken("The access token cannot be read") from None
