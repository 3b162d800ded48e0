"""Other people's addresses and numbers, taken out of a text that is handed to the person it is about."""

from __future__ import annotations

import re
from typing import Any

from opsintel.people.addresses import Place, with_addresses
from opsintel.people.redact import EMAIL, PHONE, Redactor, Terms, phones_in

_DIALLED = re.compile(r"(?<![\w@])(?:\+|\(?0)[\d ().\-/\u00a0]{5,22}\d(?!\w)")
_PASSAGE = re.compile(r".+?(?:[.!?]+(?=\s)|\n+|\Z)", re.DOTALL)
BETWEEN = " […] "
"""What stands for what was left out between two passages."""


class Concealer:
    """Leaves what is of one person, and replaces what would lead to others."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def concealed(self, text: str) -> str:
        """Return a text with everybody's e-mail addresses and telephone numbers replaced but the person's own."""
        text = with_addresses(text, lambda place: None if self._is_own(place) else (place.start, place.end), EMAIL)
        return _DIALLED.sub(lambda match: match[0] if phones_in(match[0]) & self._terms.phones else PHONE, text)

    def concealed_value(self, value: Any) -> Any:
        """Return a value of JSON with all its texts concealed."""
        if isinstance(value, str):
            return self.concealed(value)
        if isinstance(value, list):
            return [self.concealed_value(part) for part in value]
        if isinstance(value, dict):
            return {self.concealed(name): self.concealed_value(part) for name, part in value.items()}
        return value

    def _is_own(self, place: Place) -> bool:
        return any(address in self._terms.addresses for address, _, _ in place.readings())


def passages(text: str, redactor: Redactor, *, near: bool) -> str:
    """Return the sentences of a text that name the person or quote them, and nothing else of it."""
    found: list[str] = []
    end = None
    for match in _PASSAGE.finditer(text):
        if redactor.redacted(match[0], near=near) == match[0]:
            continue
        if found and end != match.start():
            found.append(BETWEEN.strip())
        found.append(match[0].strip())
        end = match.end()
    if not found and redactor.redacted(text, near=near) != text:
        return text  # what names them goes over the end of a sentence
    return " ".join(found)


def initial(name: str) -> str:
    """Return another person's name cut to its initial."""
    return f"{name.strip()[:1]}…" if name.strip() else ""
