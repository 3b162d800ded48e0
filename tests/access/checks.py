"""The numbered checks of an API, its accounts and its contents: what each is, and which part of the product owes it."""

from __future__ import annotations

import re
from typing import Literal

Owner = Literal["access", "connectors", "analysis"]

CHECKS: dict[int, str] = {
    1: "Another tenant's id on every object route is an absent one",
    2: "The same in nested ids, bodies, bulk calls, sort, filter and cursors",
    3: "Every role on every route, deny by default",
    4: "Fields that a body does not have are refused",
    5: "Answers hold declared fields only",
    6: "Caps on page size, body, query time; a rate limit for each tenant",
    7: "No route is missing from the OpenAPI document",
    8: "CORS by exact origin; cookie routes are safe from other sites",
    9: "No stack and no SQL in an error",
    10: "Token with algorithm none",
    11: "Token of an asymmetric algorithm signed with the public key",
    12: "Keys that a token brings along are ignored",
    13: "Key ids that point somewhere",
    14: "Token of another type",
    15: "Token of another issuer or audience",
    16: "Bounds of expiry, not-before and issue",
    17: "Token without a claim",
    18: "Names that occur twice in a token",
    19: "A weak signing secret is refused at the start",
    20: "Critical headers that are not understood",
    21: "Encrypted and compressed tokens",
    22: "A revoked session ends within 5 s",
    23: "Tenant of the token and tenant of the path",
    24: "A removed member is refused on the next request",
    25: "A refresh replaces the token",
    26: "Late reuse of a replaced token ends the family",
    27: "A hundred refreshes at once have one and the same successor",
    28: "No refresh after log-out or a new password",
    29: "Log-ins are throttled; unknown users take as long",
    30: "Passwords very long, with NUL, in any script",
    31: "Hashes are upgraded at log-in",
    32: "Log-in, reset and invitation tell nobody who has an account",
    33: "Service keys: scope, expiry, rotation",
    34: "OAuth state: single use, bound to session, tenant and provider",
    35: "OAuth with PKCE S256",
    36: "OAuth: exact redirect address",
    37: "OAuth: codes replayed, issuers mixed up",
    38: "OAuth tokens are stored sealed; a rotated one is always kept",
    39: "Signatures of pushes: raw body, constant time, five minutes, no replay",
    40: "Spellings of addresses that are not public",
    41: "Names that resolve to another address the second time",
    42: "Redirects are checked at each hop",
    43: "Schemes and ports of addresses",
    44: "The same guard for IMAP, SMTP, S3 and model servers",
    45: "Proxy variables are ignored",
    46: "A local model server only when the operator allows it",
    47: "Formulas in Sheets and CSV",
    48: "Script in subjects, bodies and titles; a policy without inline script",
    49: "Schemes of links",
    50: "Patterns of tenants by RE2 only",
    51: "Depth and size of filters",
    52: "Depth and size of JSON",
    53: "Bombs of zip, gzip and brotli",
    54: "Bounds of MIME",
    55: "Images and PDF are not parsed in the process",
    56: "Control characters in logs",
    57: "SQL in every parameter",
    58: "Headers in values",
    59: "Paths in keys of objects",
    60: "NUL and lone surrogates",
    61: "Instructions in messages to a model that obeys",
    62: "No image in what a model writes",
    63: "Caps on tokens",
    64: "Caches are never shared by tenants",
    65: "Clocks that differ by five minutes",
    66: "Secrets are compared in constant time",
    67: "Host header and headers given twice",
    68: "The event stream wants authentication",
}

OWED_BY: dict[Owner, frozenset[int]] = {
    "connectors": frozenset({*range(34, 40), 43, 44, 50, 51}),
    "analysis": frozenset({61, 62, 63, 64}),
}
"""Checks that belong to other parts of the product; `access` owes the rest."""

NAMED = re.compile(r"test_check_(\d\d)_\w+")


def owner_of(number: int) -> Owner:
    """Return which part of the product owes a check."""
    return next((owner for owner, owed in OWED_BY.items() if number in owed), "access")
