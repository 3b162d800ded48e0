"""What names a person, found in other people's texts and replaced by a placeholder of the same kind.

Addresses and numbers go wherever they stand. So does the full name. Words that the person wrote go where they are
quoted: in messages near to the person (the same thread, or one that names them) from four words in a row on, elsewhere
from eight on, which nobody writes twice by chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from opsintel.people.addresses import Place, with_addresses

EMAIL, NAME, PHONE, ID, WORDS = "[email]", "[name]", "[phone]", "[id]", "[removed]"
QUOTE = "[quoted text removed]"
NEAR, FAR = 4, 8
"""Words in a row that are a quotation, in messages near to the person and elsewhere."""

LEAST_WORDS = 8
"""Characters of a text of fewer than `NEAR` words that is taken for a quotation where it stands as a whole."""
LEAST_NAME = 3
PHONE_DIGITS = (7, 9)
"""Digits that a number has at least, and those at its end that tell whether two are the same."""

_NUMBER = re.compile(r"(?<![\w@])\+?\(?\d(?:[ ().\-/\u00a0]{0,3}\d){6,18}(?!\w)")
_MANY_DIGITS = re.compile(r"\d(?:[ ().\-/\u00a0]{0,3}\d){6}")
_WITHOUT_SEPARATORS = dict.fromkeys(map(ord, " ().-/\u00a0+"))
_WORD = re.compile(r"\w+")
_ESCAPE = re.compile(r'\\(["\\])')
"""How JSON, and an array of PostgreSQL, write the two characters that they escape in a text."""


@dataclass(frozen=True)
class Terms:
    """What names a person; all of it goes when the erasure ends."""

    addresses: frozenset[str] = frozenset()
    """E-mail addresses in lower case."""

    ids: frozenset[str] = frozenset()
    """Ids at providers, e.g. of a Slack account."""

    names: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    """Their last digits."""

    def as_json(self) -> dict[str, list[str]]:
        """Return the terms as the erasure's row keeps them while it runs."""
        return {name: sorted(getattr(self, name)) for name in ("addresses", "ids", "names", "phones")}

    @classmethod
    def of(cls, stored: dict[str, list[str]]) -> Terms:
        """Return the terms that `as_json` gave."""
        return cls(**{name: frozenset(values) for name, values in stored.items()})


def phones_in(text: str) -> set[str]:
    """Return the telephone numbers in a text, by the digits that tell one from another."""
    return {_tail(match[0]) for match in _NUMBER.finditer(text)}


def _tail(number: str) -> str:
    return re.sub(r"\D", "", number)[-PHONE_DIGITS[1] :]


@dataclass
class Quotations:
    """The person's own words, by the hashes of their runs."""

    near: set[int] = field(default_factory=set)
    far: set[int] = field(default_factory=set)
    short: set[int] = field(default_factory=set)

    def add(self, text: str) -> None:
        """Take in a text that the person wrote."""
        words = _words(text)
        self.near.update(_runs(words, NEAR))
        self.far.update(_runs(words, FAR))
        if 0 < len(words) < NEAR and sum(map(len, words)) >= LEAST_WORDS:
            self.short.add(hash(tuple(words)))

    def may_stand_in(self, text: str) -> bool:
        """Tell at little cost whether a text that is not near may hold the person's words; nearly all texts do not.

        Whatever `FAR` words in a row are looked for, one run of `NEAR` words in them begins at one of these places.
        """
        if not self.far:
            return False
        words = _words(text)
        starts = range(0, len(words) - NEAR + 1, FAR - NEAR + 1)
        return any(hash(tuple(words[start : start + NEAR])) in self.near for start in starts)

    def places(self, text: str, *, near: bool) -> list[tuple[int, int]]:
        """Return where the text holds the person's words, as spans of characters."""
        if not near and not self.may_stand_in(text):
            return []
        found = list(_WORD.finditer(text))
        words = [match[0].casefold() for match in found]
        runs = [(self.near, NEAR), *((self.short, size) for size in range(1, NEAR))] if near else [(self.far, FAR)]
        covered: set[int] = set()
        for known, size in runs:
            if not known:
                continue
            for start in range(len(words) - size + 1):
                if hash(tuple(words[start : start + size])) in known:
                    covered.update(range(start, start + size))
        return _joined(text, [(found[place].start(), found[place].end()) for place in sorted(covered)])


class Redactor:
    """Replaces what names a person."""

    def __init__(
        self,
        terms: Terms,
        quotations: Quotations | None = None,
        is_erased: Callable[[str], bool] | None = None,
    ) -> None:
        """`is_erased` tells of an address in lower case whether it is a person's who was erased, by its keyed hash."""
        self._terms = terms
        self._quotations = quotations or Quotations()
        self._is_erased = is_erased

    def names(self, text: str) -> bool:
        """Tell whether a text names the person by address, id, number or full name."""
        return bool(text) and self._without_terms(text) != text

    def may_change(self, text: str) -> bool:
        """Tell at little cost whether `redacted` may change a text that is not near; nearly all texts stay."""
        return self._may_hold(text) or self._quotations.may_stand_in(text)

    def may_name(self, text: str) -> bool:
        """Tell at little cost whether a text, or a value of JSON as it is written, may name the person."""
        return self._may_hold(text) or ("\\" in text and self._may_hold(_ESCAPE.sub(r"\1", text)))

    def redacted(self, text: str, *, near: bool = False) -> str:
        """Return the text without what names the person, and without their words."""
        if not text:
            return text
        text = self._without_terms(text)
        if near and self._parts:
            text = self._parts.sub(NAME, text)
        for start, end in reversed(self._quotations.places(text, near=near)):
            text = text[:start] + WORDS + text[end:]
        return text

    def redacted_value(self, value: Any) -> Any:
        """Return a value of JSON with all its texts, names of fields too, without what names the person."""
        if isinstance(value, str):
            return self._without_terms(value)
        if isinstance(value, list):
            return [self.redacted_value(part) for part in value]
        if isinstance(value, dict):
            return {self._without_terms(key): self.redacted_value(part) for key, part in value.items()}
        return value

    def _without_terms(self, text: str) -> str:
        if self._is_erased is None and not self._may_hold(text):
            return text
        if "@" in text or "%40" in text:
            text = with_addresses(text, self._erased_part, EMAIL)
        if self._ids:
            text = self._ids.sub(ID, text)
        if self._full_names:
            text = self._full_names.sub(NAME, text)
        if self._terms.phones:
            text = _NUMBER.sub(lambda match: PHONE if _tail(match[0]) in self._terms.phones else match[0], text)
        return text

    def _may_hold(self, text: str) -> bool:
        """Tell at little cost whether a text may hold a term; nearly all texts do not."""
        folded = _folded(text)
        return any(hint in folded for hint in self._hints) or self._may_hold_phone(text)

    def _may_hold_phone(self, text: str) -> bool:
        if not self._terms.phones or not _MANY_DIGITS.search(text):
            return False
        digits = text.translate(_WITHOUT_SEPARATORS)
        return any(phone in digits for phone in self._terms.phones)

    @cached_property
    def _hints(self) -> tuple[str, ...]:
        """What a text has in it, in folded case, wherever a term other than a number is: its least common part."""
        locals_ = {address.rpartition("@")[0] for address in self._terms.addresses}
        words = {max(name.split(), key=len) for name in self._terms.names if " " in name.strip()}
        return tuple({_folded(hint) for hint in (*locals_, *self._terms.ids, *words)})

    def _erased_part(self, place: Place) -> tuple[int, int] | None:
        for address, start, end in place.readings():
            if address in self._terms.addresses or (self._is_erased is not None and self._is_erased(address)):
                return start, end
        return None

    @cached_property
    def _ids(self) -> re.Pattern[str] | None:
        return _pattern(self._terms.ids)

    @cached_property
    def _full_names(self) -> re.Pattern[str] | None:
        whole = {name for name in self._terms.names if " " in name.strip()}
        return _pattern({*whole, *(_turned(name) for name in whole)})

    @cached_property
    def _parts(self) -> re.Pattern[str] | None:
        parts = {part for name in self._terms.names for part in name.split() if len(part) >= LEAST_NAME}
        return _pattern(parts, flags=re.NOFLAG)


def _turned(name: str) -> str:
    first, _, last = name.strip().rpartition(" ")
    return f"{last}, {first}"


def _pattern(terms: Iterable[str], flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str] | None:
    written = sorted((r"[\s,]+".join(map(re.escape, re.split(r"[\s,]+", term))) for term in terms if term), key=len)
    return re.compile(rf"(?<!\w)(?:{'|'.join(reversed(written))})(?!\w)", flags) if written else None


def _folded(text: str) -> str:
    """Return a text without case, as `re.IGNORECASE` compares it: the four letters i are one there."""
    folded = text.casefold()
    return folded if folded.isascii() else folded.replace("i\u0307", "i").replace("\u0131", "i")


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _runs(words: list[str], size: int) -> set[int]:
    return {hash(tuple(words[start : start + size])) for start in range(len(words) - size + 1)}


def _joined(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join spans with no other word between them."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and not _WORD.search(text, joined[-1][1], start):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
