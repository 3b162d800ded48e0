"""Provider blocks: checked for their form only; whether the provider takes one is asked when the filter is saved.

What is pushed is the block beside other terms, so nothing in it may end the place it is put into: quotes and brackets
are closed, there are no line ends, and a JQL block does not order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from opsintel.errors import FilterError
from opsintel.filters.syntax import MAXIMUM_RAW, Provider

PREFIXES: dict[str, Provider] = {
    "gmail": "gmail", "graph": "graph", "imap": "imap", "slack": "slack", "zendesk": "zendesk", "jql": "jira"
}  # fmt: skip
"""How a block of each provider begins in the text form."""

_PAIRS = {")": "(", "]": "[", "}": "{"}
_QUOTES: dict[Provider, str] = {"gmail": '"', "graph": "'", "imap": '"', "slack": '"', "zendesk": '"', "jira": "\"'"}
_ESCAPES: frozenset[Provider] = frozenset({"imap", "jira"})
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_TOKEN = re.compile(r'[()]|"(?:[^"\\]|\\["\\])*"|[^\s()"]+')
_DATE = re.compile(r'"?(?:[1-9]|[0-3]\d)-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4}"?\Z', re.IGNORECASE)
_FLAG_KEYS = [
    "ALL", "ANSWERED", "DELETED", "DRAFT", "FLAGGED", "NEW", "OLD", "RECENT", "SEEN",
    "UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN",
]  # fmt: skip
_TEXT_KEYS = ["BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO", "KEYWORD", "UNKEYWORD", "X-GM-RAW", "X-GM-LABELS"]
_DATE_KEYS = ["BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"]
_NUMBER_KEYS = ["LARGER", "SMALLER", "OLDER", "YOUNGER", "MODSEQ", "X-GM-THRID", "X-GM-MSGID"]
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_FLAG_KEYS, ()),
    **dict.fromkeys(_TEXT_KEYS, ("text",)),
    **dict.fromkeys(_DATE_KEYS, ("date",)),
    **dict.fromkeys(_NUMBER_KEYS, ("number",)),
    "UID": ("set",),
    "HEADER": ("text", "text"),
}
_OPENING: dict[str, int | None] = {"OR": 2, "NOT": 1, "(": None}
_KINDS = {"date": _DATE, "number": re.compile(r"\d{1,20}\Z"), "set": re.compile(r"[\d*]+(?:[:,][\d*]+)*\Z")}


def check_raw(provider: Provider, query: str) -> None:
    """Raise `FilterError` with the position within the block for one whose form is wrong."""
    if not query.strip():
        raise FilterError("The block is empty", position=0)
    if len(query) > MAXIMUM_RAW:
        raise FilterError(f"The block has more than {MAXIMUM_RAW} characters", position=MAXIMUM_RAW)
    if found := _CONTROL.search(query):
        raise FilterError("The block holds a line end or another control character", position=found.start())
    _check_braces(query)
    plain = _check_brackets(provider, query)
    if provider == "jira" and (order := re.search(r"\border\s+by\b", plain, re.IGNORECASE)):
        raise FilterError("The block orders; the connector does that itself", position=order.start())
    if provider == "imap":
        _check_search(query)


def _check_braces(query: str) -> None:
    """The text form finds the end of a block by its braces, whatever else is in it."""
    depth = 0
    for position, character in enumerate(query):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            raise FilterError("There is no brace that this one closes", position=position)
    if depth:
        raise FilterError("This brace is not closed", position=query.rfind("{"))


def _check_brackets(provider: Provider, query: str) -> str:
    """Check quotes and brackets; return the query with blanks in place of what is quoted."""
    opened: list[int] = []
    plain = list(query)
    position = 0
    while position < len(query):
        character = query[position]
        if character in _QUOTES[provider]:
            end = _end_of_quote(provider, query, position)
            plain[position : end + 1] = " " * (end + 1 - position)
            position = end
        elif character in "([{":
            opened.append(position)
        elif character in _PAIRS and (not opened or query[opened.pop()] != _PAIRS[character]):
            raise FilterError(f"There is no bracket that this {character} closes", position=position)
        position += 1
    if opened:
        raise FilterError(f"This {query[opened[-1]]} is not closed", position=opened[-1])
    return "".join(plain)


def _end_of_quote(provider: Provider, query: str, start: int) -> int:
    position = start + 1
    while position < len(query):
        if query[position] == "\\" and provider in _ESCAPES:
            position += 1
        elif query[position] == query[start]:
            return position
        position += 1
    raise FilterError("This quote is not closed", position=start)


def _check_search(query: str) -> None:
    """Check an IMAP block against the search keys of RFC 3501 and of Gmail: names, arguments, what OR and NOT take."""
    if not query.isascii():
        position = next(place for place, character in enumerate(query) if not character.isascii())
        raise FilterError(
            "An IMAP block holds ASCII only", remedy="Use subject: or body: for other letters", position=position
        )
    tokens = _tokens(query)
    waiting: list[int | None] = [None]
    """Keys that are still due: at each open OR or NOT, and None within brackets, where any number may stand."""
    for position, word in tokens:
        name = word.upper()
        if name in _OPENING:
            waiting.append(_OPENING[name])
            continue
        if name != ")":
            _take_arguments(name, position, tokens)
        elif waiting.pop() is not None or not waiting:
            raise FilterError("A search key is missing here", position=position)
        _complete(waiting)
    if len(waiting) > 1:
        raise FilterError("A search key is missing at the end", position=len(query))


def _complete(waiting: list[int | None]) -> None:
    """Count a key that is complete; an OR or NOT that has all of its own is one as well."""
    while (due := waiting[-1]) is not None:
        waiting[-1] = due - 1
        if due > 1:
            return
        waiting.pop()


def _tokens(query: str) -> Iterator[tuple[int, str]]:
    position = 0
    while position < len(query):
        if query[position].isspace():
            position += 1
            continue
        found = _TOKEN.match(query, position)
        if found is None:
            raise FilterError("This cannot be read as an IMAP search", position=position)
        yield position, found.group()
        position = found.end()


def _take_arguments(name: str, position: int, tokens: Iterator[tuple[int, str]]) -> None:
    if name not in _ARGUMENTS:
        raise FilterError(f"IMAP has no search key {name}", position=position)
    for kind in _ARGUMENTS[name]:
        place, argument = next(tokens, (position, ""))
        if not argument or argument in "()" or argument.startswith("{"):
            raise FilterError(f"{name} needs a {kind}", position=place)
        if kind != "text" and not _KINDS[kind].match(argument):
            raise FilterError(f"{name} needs a {kind}", position=place)
