"""Messages of people that say the same in nearly the same words: a tenant may have them share one analysis.

Nothing is compared by likeness: a changed word can change everything. A text is brought to what it says — without its
greeting and closing, words of courtesy, marks, and with kinds in place of personal data and of the numbers of orders
and tickets — and only texts with equal rests are the same. Every other word, number, sign and question mark counts.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from importlib import resources

from opsintel.embeddings.concepts import thesaurus
from opsintel.errors import MaskingError
from opsintel_pipeline.analyze.message import MessageView
from opsintel_pipeline.analyze.templates.meaning import MEANINGFUL, speaks_of_a_person
from opsintel_pipeline.privacy import PLACEHOLDER, Placeholders, mask

VERSION = 1
"""Raised when what texts are brought to changes: keys of two versions never meet."""

MOST_CHARACTERS = 4_000
LEAST_WORDS = 4
"""Of what is left of a text; in a shorter one each word is too much of it."""

_LISTS = tomllib.loads((resources.files(__package__) / "near.toml").read_text("utf-8"))
_COURTESY = frozenset(_LISTS["courtesy"].split())
_ADDRESSED = frozenset(_LISTS["addressed"].split())

_NAME = r"(?-i:[A-ZÀ-Þ][\w'’-]{1,30}\.?)"
_SOMEBODY = rf"(?:{_NAME}|{'|'.join(sorted(_ADDRESSED))})"
_GREETING = re.compile(
    rf"\A\s*(?:{'|'.join(_LISTS['greetings'])})(?P<names>(?:[ \t]+{_SOMEBODY}){{0,4}})[ \t]*(?:[,!.:…—–-]+|\n|\Z)\s*",
    re.I,
)
_CLOSING = re.compile(
    rf"(?:(?<=[.!?,;\n])|\A)\s{{0,4}}(?:{'|'.join(_LISTS['closings'])})[ \t]{{0,4}}(?:[,!.—–-]{{1,4}}|\n|\Z)"
    rf"(?P<names>(?:\s{{0,4}}{_NAME}){{0,3}})\s{{0,4}}[.!]{{0,4}}\Z",
    re.I,
)
_LONGEST_CLOSING = 200
"""Characters at the end of a text among which its closing is looked for."""
_IDENTIFIER = re.compile(
    rf"(?P<kind>\b(?:{'|'.join(_LISTS['numbered'])})(?:[ \t]+(?:is|ist|es))?[ \t]*[:#]?[ \t]*#?|#)"
    r"(?P<value>(?=[\w-]*\d)(?:[A-Z]{1,5}-?)?\d[\d-]{2,20})(?![\w.,%€$£]*[\w%€$£])",
    re.I,
)
_MEANT = re.compile(r"\w+(?:[.,:/'’-]\w+)*|[^\s\w.,;:!\"'’()\[\]…–—-]|(?<!\w)-(?=\d)")


def near_key(view: MessageView) -> bytes | None:
    """Return what messages that say the same have in common, 16 bytes; None where only an equal text is the same."""
    if len(view.text) > MOST_CHARACTERS or not speaks_of_a_person(view.text):
        return None
    try:
        said = essence(view.text)
        subject = essence(view.subject)
    except MaskingError:
        return None
    if len(said) < LEAST_WORDS:
        return None
    parts = [
        " ".join(said), " ".join(subject), view.language, view.direction, view.kind, view.priority, view.visibility,
        str(view.is_bot), str(view.automatic), str(_shouts(view.text)),
    ]  # fmt: skip
    content = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16, person=f"near {VERSION}".encode()).digest()


def essence(text: str) -> list[str]:
    """Return what a text says, word by word, in lower case. Raises `MaskingError`."""
    text = _without(_GREETING, _without(_GREETING, text)).rstrip()
    text = _without(_CLOSING, text, max(0, len(text) - _LONGEST_CLOSING))
    masked = PLACEHOLDER.sub(_kind, mask(text, Placeholders()).text)
    masked = _IDENTIFIER.sub(lambda found: f"{found['kind']} \x00number ", masked)
    words = (word.lower().replace("’", "'") for word in _MEANT.findall(masked))
    return [word for word in words if word not in _COURTESY]


def _without(pattern: re.Pattern[str], text: str, start: int = 0) -> str:
    """Return a text without its greeting or closing, unless what looks like a name is a word for something.

    It is looked for from `start` on.
    """
    found = pattern.search(text, start)
    if found is None or any(map(_means_something, re.findall(r"[\w'’-]+", found["names"]))):
        return text
    return text[: found.start()] + text[found.end() :]


def _means_something(word: str) -> bool:
    name = word.lower()
    return name not in _ADDRESSED and (name in MEANINGFUL or bool(thesaurus().concepts_of([name])))


def _kind(found: re.Match[str]) -> str:
    """Return the kind of a personal value: [EMAIL_2] and [EMAIL_1] are each an address."""
    return f" \x00{re.sub(r'[^A-Za-z]', '', found.group()).lower()} "


def _shouts(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return sum(map(str.isupper, letters)) > 0.6 * len(letters)
