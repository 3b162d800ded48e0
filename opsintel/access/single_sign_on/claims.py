"""What a provider says of a person: ID tokens checked by OpenID Connect Core 1.0, section 3.1.3.7, and RFC 8725."""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeGuard

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from opsintel.access.accounts import normalized_email
from opsintel.access.json_parts import json_object, part_bytes
from opsintel.errors import AccessError, InputError

KEY_TYPES: Mapping[str, str] = {"RS256": "RSA", "ES256": "EC"}
"""The algorithms that are taken, and the type of their keys."""

SKEW = timedelta(minutes=5)
MAXIMUM_LENGTH = 16 * 1024
LEAST_RSA_BITS = 2048
LONGEST_SUBJECT = 255
LONGEST_NAME = 200
MICROSOFT = "https://login.microsoftonline."


class ClaimsError(AccessError):
    """An ID token, or what stands in it, is not to be believed."""

    code = "id_token_invalid"


class UnknownKeyError(ClaimsError):
    """None of the keys at hand has signed an ID token; the provider may have newer ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an ID token must say for one request."""

    issuer: str
    client_id: str
    nonce: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A person as the provider knows them; `email` is None unless the provider vouches for it."""

    issuer: str
    subject: str
    email: str | None
    name: str


def checked_claims(
    encoded: str, keys: Sequence[Mapping[str, Any]], expected: Expected, moment: datetime
) -> dict[str, Any]:
    """Return the claims of an ID token; `ClaimsError` unless every rule is met, `UnknownKeyError` without its key.

    Of the header only `alg` and `kid` are looked at, and the key is one of those that the provider publishes: keys or
    addresses of keys that a token brings along are never followed, and extensions (`crit`) are refused.
    """
    if len(encoded) > MAXIMUM_LENGTH or encoded.count(".") != 2:
        raise ClaimsError("The ID token is too long, or not a signed token")
    try:
        header = json_object(part_bytes(encoded.partition(".")[0]))
    except ValueError:
        raise ClaimsError("The ID token cannot be read") from None
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES or "crit" in header:
        raise ClaimsError("The ID token is signed in a way that is not taken")
    try:
        claims = json_object(jwt.PyJWS().decode(encoded, _key(keys, algorithm, key_id), algorithms=[algorithm]))
    except (jwt.PyJWTError, ValueError):
        raise ClaimsError("The signature of the ID token is wrong") from None
    _check_parties(claims, expected)
    _check_times(claims, expected, moment)
    return claims


def person_of(claims: Mapping[str, Any], issuer: str) -> Person:
    """Return the person of checked claims; `ClaimsError` without a usable subject."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise ClaimsError("The ID token names nobody")
    name = claims.get("name")
    shown = "".join(character for character in name if character.isprintable()) if isinstance(name, str) else ""
    return Person(issuer, subject, _verified_email(claims, issuer), shown.strip()[:LONGEST_NAME])


def _verified_email(claims: Mapping[str, Any], issuer: str) -> str | None:
    """Return the address that the provider vouches for.

    Microsoft Entra has no `email_verified`; its `xms_edov` says that the tenant owns the domain of the address.
    """
    email, verified = claims.get("email"), claims.get("email_verified") is True
    if issuer.startswith(MICROSOFT) and "email_verified" not in claims:
        verified = claims.get("xms_edov") in (True, 1, "1", "true")
    if not verified or not isinstance(email, str):
        return None
    try:
        return normalized_email(email)
    except InputError:
        return None


def _key(keys: Sequence[Mapping[str, Any]], algorithm: str, key_id: Any) -> Any:
    """Return the one public key that may have signed: by its id, or, where the token names none, the only one."""
    fitting = [
        key
        for key in keys
        if key.get("kty") == KEY_TYPES[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
    if len(fitting) != 1:
        raise UnknownKeyError("The ID token is signed with a key that the provider does not publish")
    try:
        public = jwt.PyJWK.from_dict(dict(fitting[0]), algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise ClaimsError("A key of the provider cannot be read") from None
    if not _is_strong(public):
        raise ClaimsError("A key of the provider is too weak, or no public key")
    return public


def _is_strong(key: Any) -> bool:
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size >= LEAST_RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def _check_parties(claims: Mapping[str, Any], expected: Expected) -> None:
    """Require our provider, our client and nobody else as audience, and the nonce of our request."""
    if claims.get("iss") != expected.issuer:
        raise ClaimsError("The ID token is of another issuer")
    if claims.get("aud") not in (expected.client_id, [expected.client_id]):
        raise ClaimsError("The ID token is for another audience, or for others as well")
    if claims.get("azp", expected.client_id) != expected.client_id:
        raise ClaimsError("The ID token was asked for by another client")
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise ClaimsError("The ID token is of another request")


def _check_times(claims: Mapping[str, Any], expected: Expected, moment: datetime) -> None:
    """Require a token that was issued for this request and has not expired, by clocks that differ by `SKEW` at most."""
    ends, issued, begins = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not (_is_time(ends) and _is_time(issued) and _is_time(begins)):
        raise ClaimsError("The ID token says not when it was issued and when it ends")
    earliest, latest = (moment - SKEW).timestamp(), (moment + SKEW).timestamp()
    if ends <= earliest:
        raise ClaimsError("The ID token has expired")
    if issued > latest or begins > latest:
        raise ClaimsError("The ID token is of the future")
    if issued < (expected.begun_at - SKEW).timestamp():
        raise ClaimsError("The ID token is older than the request")


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
