"""Finds the signature below the new text of a message: by delimiter, mobile mailers' lines and contact blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from opsintel.events.message import Address
from opsintel_pipeline.normalize.phrases import CLOSING, CONTACT, DISCLAIMER, MOBILE

NEW, QUOTED, SIGNED = 0, 1, 2
"""What a line of a body is."""

_TAIL = 16
"""Lines with text at the end of a stretch among which a signature without delimiter is looked for."""
_BARE_DELIMITER_LIMIT = 15
_STANDARD_DELIMITER_LIMIT = 60
_LINE_LIMIT = 200
_SHORT_LINE_LIMIT = 60
_CARD_LIMIT = 8
"""Lines of a block that names its author and the address."""
_NAME_WORDS_LIMIT = 6

_STANDARD = re.compile(r"[*_]?-- ?\xa0?[*_]?\Z")
_BARE = re.compile(r"\s*(?:--+|[\u2013\u2014]{1,2}|-\*-|~~+)\s*\Z")
_UNDERSCORES = re.compile(r"\s*_{5,}\s*\Z")
_NAME = r"[A-Z\u00c0-\u00de][\w'.\u2019-]*"
_DASH_NAME = re.compile(rf"\s*[-\u2013\u2014]{{1,2}}\s?{_NAME}(?: {_NAME}){{0,3}}\s*\Z")
_MAILING_LIST = re.compile(r"mailing list|listinfo|unsubscribe|@|https?://", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message, in lower case: the name, the address, and the words of both before the @."""

    name: str
    address: str
    words: frozenset[str]

    @classmethod
    def of(cls, sender: Address | None) -> Author:
        """Return the author that a sender is; nobody is named where there is none."""
        name = sender.name.casefold().strip() if sender else ""
        address = sender.value.casefold() if sender else ""
        words = _WORD.findall(f"{name.partition('@')[0]} {address.partition('@')[0]}"[:_LINE_LIMIT])
        return cls(name, address, frozenset(words))

    def is_named_in(self, line: str) -> bool:
        """Tell whether a line begins a block of the author's: a few words with one of the name, no sentence."""
        words = _WORD.findall(line.casefold())
        return len(words) <= _NAME_WORDS_LIMIT and line.rstrip()[-1:] not in ":?!," and not self.words.isdisjoint(words)

    def is_named_by(self, line: str) -> bool:
        """Tell whether a line is the name or a part of it, and nothing else."""
        words = _WORD.findall(line.casefold())
        return bool(words) and self.words.issuperset(words)


def mark(lines: list[str], kinds: list[int], author: Author) -> None:
    """Make the lines of signatures `SIGNED` in every stretch of new text; text alone never becomes all signature."""
    start = 0
    has_text = False
    while start < len(lines):
        if kinds[start] != NEW:
            start += 1
            continue
        end = start
        while end < len(lines) and kinds[end] == NEW:
            end += 1
        filled = [position for position in range(start, end) if lines[position].strip()]
        if filled:
            found = _begin(lines, filled, author)
            standard = found is not None and _STANDARD.match(lines[found]) is not None
            if found is not None and (has_text or found > filled[0] or standard):
                kinds[found:end] = [SIGNED] * (end - found)
            has_text = has_text or found is None or found > filled[0]
        start = end


def _begin(lines: list[str], filled: list[int], author: Author) -> int | None:
    """Return the line where the signature of a stretch begins; `filled` are its lines with text."""
    delimiter = _delimiter(lines, filled)
    tail = [position for position in filled[-_TAIL:] if delimiter is None or position < delimiter]
    candidates = [
        delimiter,
        _last_lines(lines, tail),
        _contact_block(lines, tail, author),
        _card(lines, tail, author),
    ]
    found = [candidate for candidate in candidates if candidate is not None]
    return min(found) if found else None


def _delimiter(lines: list[str], filled: list[int]) -> int | None:
    """Return the earliest delimiter with few enough lines below it to be a signature."""
    result = None
    for below, position in enumerate(reversed(filled[-_STANDARD_DELIMITER_LIMIT:])):
        line = lines[position]
        if len(line) > _LINE_LIMIT:
            continue
        if _STANDARD.match(line):
            # With its blank it is the standard delimiter; without, people also part their paragraphs with it.
            if line.startswith("-- ") or below <= _BARE_DELIMITER_LIMIT:
                result = position
        elif 0 < below <= _BARE_DELIMITER_LIMIT and (_BARE.match(line) or _begins_footer(lines, filled, below)):
            result = position
    return result


def _begins_footer(lines: list[str], filled: list[int], below: int) -> bool:
    """Tell whether the line with `below` lines under it is the rule above the footer of a mailing list."""
    if not _UNDERSCORES.match(lines[filled[-below - 1]]):
        return False
    return any(_MAILING_LIST.search(lines[position][:_LINE_LIMIT]) for position in filled[-below:])


def _last_lines(lines: list[str], tail: list[int]) -> int | None:
    """Return where the lines begin that a mobile mailer, a standing notice or a dashed name add at the end."""
    found = None
    for position in reversed(tail):
        line = lines[position]
        if DISCLAIMER.match(line[:_LINE_LIMIT]):
            found = position
    rest = [position for position in tail if found is None or position < found]
    for position in reversed(rest[-3:]):
        line = lines[position]
        if len(line) > _LINE_LIMIT:
            break
        if MOBILE.match(line) or (position == rest[-1] and position != tail[0] and _DASH_NAME.match(line)):
            found = position
    return found


def _contact_block(lines: list[str], tail: list[int], author: Author) -> int | None:
    """Return where a closing formula, or the author's name, begins that is followed by contact details or the name."""
    for at, position in enumerate(tail):
        line = lines[position]
        if len(line) > _SHORT_LINE_LIMIT:
            continue
        named = bool(author.name) and line.strip(" \t*_,-\u2013\u2014").casefold() == author.name
        if not named and not CLOSING.fullmatch(line):
            continue
        below = [lines[other] for other in tail[at + 1 :]]
        if not named and below and all(author.is_named_by(other[:_LINE_LIMIT]) for other in below):
            return position
        short = all(len(other) <= _LINE_LIMIT for other in below)
        if len(below) >= (1 if named else 2) and short and any(CONTACT.search(o) or MOBILE.match(o) for o in below):
            return position
    return None


def _card(lines: list[str], tail: list[int], author: Author) -> int | None:
    """Return where the last paragraph begins if it is the author's name with the author's address below it."""
    begin = len(tail) - 1
    while begin > 0 and tail[begin - 1] == tail[begin] - 1:
        begin -= 1
    card = [lines[position] for position in tail[begin:]]
    if not 2 <= len(card) <= _CARD_LIMIT or any(len(line) > _SHORT_LINE_LIMIT for line in card):
        return None
    own = author.address and any(line.strip(" \t*_<>").casefold() == author.address for line in card[1:])
    return tail[begin] if own and author.is_named_in(card[0]) else None
