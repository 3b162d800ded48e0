"""Personal data in text, masked for people who may not read it: addresses, phone and account numbers, by their form.

Each character is replaced by one other, so that the places of evidence stay right.
"""

from __future__ import annotations

import json
import re
from typing import Any

MASK = "•"

_FORMS = re.compile(
    r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+"  # e-mail addresses
    r"|\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"  # IBAN
    r"|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"  # IPv4
    r"|(?<!\w)\+?\(?\d(?:[ ().\-/]{0,3}\d){6,18}(?!\w)"  # phone and card numbers
)
_TEXTS = frozenset(
    {"text", "snippet", "subject", "quoted_text", "signature_text", "quote", "title", "summary", "value", "due", "url",
     "owner_hint", "injection_quote", "filename", "label", "reason", "key"}
)  # fmt: skip
_NAMES = frozenset({"name", "source_name", "labels"})


def masked_text(text: str) -> str:
    """Return a text of the same length without e-mail addresses, phone, account and IP numbers."""
    return _FORMS.sub(lambda match: MASK * len(match[0]), text)


def masked_json(body: str) -> str:
    """Return an answer with the personal data in its texts masked, and the authors' names cut to an initial."""
    return json.dumps(_masked(json.loads(body), ""), ensure_ascii=False, separators=(",", ":"))


def _masked(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _masked(part, key) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, name) for part in value]
    if isinstance(value, str):
        if name == "author" or (name == "name" and "@" in value):
            return value[:1] + MASK * 3 if value else value
        if name in _TEXTS or name in _NAMES:
            return masked_text(value)
    return value
