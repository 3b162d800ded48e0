"""What never stands in a log line: secrets that are known, what looks like one, and people's e-mail addresses."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, urlsplit

from pydantic import SecretStr

from opsintel.settings import Settings
from opsintel.settings.values import split_at_commas

HIDDEN = "***"
SHORTEST = 6
"""A known secret shorter than this would hide parts of ordinary words."""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"(?<=://)([^\s/:@'\"]*):[^\s/@]+(?=@)"), rf"\1:{HIDDEN}"),
    (
        re.compile(
            r"(?i)((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-[a-z-]*signature)"
            r"(['\"]?\s*[:=]\s*|['\"]\s*,\s*)(b?['\"][^'\"\r\n]*['\"]?|[^\r\n]*)"
        ),
        rf"\1\2{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"(?i)([a-z0-9_-]*(?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|master[_-]?key|jwt|pgpassword)"
            r"[a-z0-9_-]*['\"]?\s*[:=]\s*)(b?'[^']*'?|b?\"[^\"]*\"?|[^\s,;)}\]&]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),
    (
        re.compile(
            r"\b(?:sk-[A-Za-z0-9_-]{8,}|xox[a-z]-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}|(?:AKIA|ASIA)[A-Z0-9]{12,}"
            r"|AIza[A-Za-z0-9_-]{20,}|ya29\.[A-Za-z0-9._-]+|GOCSPX-[A-Za-z0-9_-]+|gh[pousr]_[A-Za-z0-9]{16,}"
            r"|op[os]_[A-Za-z0-9]{16,})"
        ),
        HIDDEN,
    ),
    (re.compile(r"[\w.+'!#$%&*/=?^`{|}~-]+(?<!\*\*\*)(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "<address>"),
)


class Redactor:
    """Hides secrets in text. Those of the installation are hidden in whatever form they come."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def secrets_of(settings: Settings) -> list[str]:
    """Return every secret value of the settings, and the passwords in its addresses."""
    found: list[str] = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
            found += dict.fromkeys((value, *split_at_commas(value)))
        if isinstance(value, str) and "://" in value and (password := urlsplit(value).password):
            found += dict.fromkeys((password, unquote(password)))
    return found


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written: as it is, in an address, in JSON, in base64 wherever it begins, in hex."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], raw.hex(), raw.hex().upper()}
    for shift in range(3):
        # The characters at both ends depend on the neighbours as well.
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        inner = encoded[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        if len(inner) >= SHORTEST:
            forms |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return forms
