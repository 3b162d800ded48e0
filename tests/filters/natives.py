"""What providers answer to a native query, as they document it: the reference for the property tests.

Each takes the parameters that a connector would send and a message, and tells whether the provider gives it. They know
nothing of the filter and share no code with the push-down; where a provider finds more than its query says, so do
these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from opsintel.events.message import CanonicalMessage

Test = Callable[[CanonicalMessage], bool]
GMAIL_LABELS = {"Billing": "Label_1", "my label": "Label_2", "Größe": "Label_3"}
JIRA_ACCOUNTS = {"a@b.c": "5b10:1", "ana.silva@shop.example": "5b10:2"}
_SYSTEM = {"in:spam": "spam", "in:inbox": "inbox"}


class Reader:
    """Tokens of a query, read from left to right."""

    def __init__(self, text: str, pattern: str) -> None:
        self.tokens = re.findall(pattern, text)
        assert "".join(self.tokens).replace(" ", "") == text.replace(" ", ""), text

    def peek(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def take(self) -> str:
        return self.tokens.pop(0)


def header(message: CanonicalMessage) -> str:
    author = message.author
    return f"{author.name} <{author.value}>" if author else ""


def seconds(message: CanonicalMessage) -> float:
    assert message.occurred_at is not None
    return message.occurred_at.timestamp()


# Gmail: words are runs of letters, digits and _, found whole; also plurals.


def gmail(native: Mapping[str, Any], message: CanonicalMessage) -> bool:
    ids = {name.upper() for name in message.labels if name.lower() in ("spam", "inbox")}
    ids |= {GMAIL_LABELS[name] for name in message.labels if name in GMAIL_LABELS}
    if not set(native.get("labelIds", ())) <= ids:
        return False
    return "q" not in native or _gmail_all(Reader(native["q"], r'-?\w+:"[^"]*"|-?\w+:[^\s()]+|OR|[()]'))(message)


def _gmail_all(reader: Reader) -> Test:
    sides: list[list[Test]] = [[]]
    while reader.peek() and reader.peek() != ")":
        if reader.peek() == "OR":
            reader.take()
            sides.append([])
        else:
            sides[-1].append(_gmail_one(reader))
    return lambda message: any(all(part(message) for part in side) for side in sides)


def _gmail_one(reader: Reader) -> Test:
    token = reader.take()
    if token == "(":
        inner = _gmail_all(reader)
        assert reader.take() == ")"
        return inner
    if token.startswith("-"):
        reader.tokens.insert(0, token[1:])
        part = _gmail_one(reader)
        return lambda message: not part(message)
    operator, value = token.split(":", 1)
    words = re.findall(r"\w+", value.strip('"').lower())
    if operator == "after":
        return lambda message: seconds(message) >= int(value)
    if operator == "before":
        return lambda message: seconds(message) < int(value)
    if operator in ("in", "label"):
        wanted = _SYSTEM.get(token, value)
        return lambda message: any(re.sub(r"[\s/]", "-", name.lower()) == wanted for name in message.labels)
    return lambda message: _gmail_phrase(header(message) if operator == "from" else message.subject, words)


def _gmail_phrase(text: str, words: list[str]) -> bool:
    found = re.findall(r"\w+", text.lower())
    alike = [[word, word.removesuffix("s")] for word in found]
    return any(
        all(word in alike[start + place] for place, word in enumerate(words))
        for start in range(len(found) - len(words) + 1)
    )


# IMAP: substrings without regard to the case of ASCII letters; days of the time in the zone of the delivery.


def imap(native: Mapping[str, Any], message: CanonicalMessage, *, zone: int) -> bool:
    if "mailboxes" in native and message.channel.lower().removeprefix("#") not in native["mailboxes"]:
        return False
    text = native.get("search", "")
    assert text.isascii()
    assert text.isprintable()
    reader = Reader(text, r'"(?:[^"\\]|\\.)*"|[()]|[^\s()"]+')
    parts = []
    while reader.peek():
        parts.append(_imap_key(reader, zone))
    return all(part(message) for part in parts)


def _imap_key(reader: Reader, zone: int) -> Test:
    name = reader.take()
    if name == "OR":
        one, other = _imap_key(reader, zone), _imap_key(reader, zone)
        return lambda message: one(message) or other(message)
    if name == "NOT":
        part = _imap_key(reader, zone)
        return lambda message: not part(message)
    if name == "(":
        parts = []
        while reader.peek() != ")":
            parts.append(_imap_key(reader, zone))
        reader.take()
        return lambda message: all(part(message) for part in parts)
    value = re.sub(r"\\(.)", r"\1", reader.take().strip('"'))
    if name in ("SINCE", "BEFORE"):
        day = datetime.strptime(value, "%d-%b-%Y").replace(tzinfo=UTC).date()
        return lambda message: (_day(message, zone) >= day) is (name == "SINCE")
    if name == "X-GM-LABELS":
        return lambda message: value in message.labels
    return lambda message: _ascii_lower(value) in _ascii_lower(header(message) if name == "FROM" else message.subject)


def _day(message: CanonicalMessage, zone: int) -> Any:
    assert message.occurred_at is not None
    return message.occurred_at.astimezone(timezone(timedelta(hours=zone))).date()


def _ascii_lower(text: str) -> str:
    return re.sub("[A-Z]", lambda found: found[0].lower(), text)


# Graph, Slack and Zendesk: parameters.


def graph(native: Mapping[str, Any], message: CanonicalMessage) -> bool:
    if "folders" in native and message.channel.lower().removeprefix("#") not in native["folders"]:
        return False
    for clause in native.get("list", native.get("delta", {"$filter": ""}))["$filter"].split(" and "):
        if found := re.fullmatch(r"receivedDateTime (ge|lt) (\S+)", clause):
            moment = datetime.fromisoformat(found[2].upper())
            assert message.occurred_at is not None
            if (message.occurred_at >= moment) is not (found[1] == "ge"):
                return False
        elif found := re.fullmatch(r"from/emailAddress/address eq '([^']*)'", clause):
            assert "list" in native
            if message.author is None or message.author.value.lower() != found[1].lower():
                return False
        else:
            assert not clause
    return True


def slack(native: Mapping[str, Any], message: CanonicalMessage) -> bool:
    if "channels" in native and message.channel.lower().removeprefix("#") not in native["channels"]:
        return False
    ts = Decimal(f"{seconds(message):.6f}")
    assert native.get("inclusive", False) is ("oldest" in native or "latest" in native)
    return Decimal(native.get("oldest", 0)) <= ts <= Decimal(native.get("latest", "9999999999"))


def zendesk(native: Mapping[str, Any], message: CanonicalMessage, *, updated_later: int) -> bool:
    return seconds(message) + updated_later >= native.get("start_time", 0)


# Jira: an operator binds AND before OR; `!=` leaves out what is empty; words are stemmed.


def jira(native: Mapping[str, Any], message: CanonicalMessage, *, updated_later: int) -> bool:
    if "jql" not in native:
        return True
    reader = Reader(native["jql"], r'"(?:[^"\\]|\\.)*"|!=|>=|[=<~(),]|[\w-]+')
    found = _jql(reader, updated_later)
    assert not reader.tokens
    return found(message)


def _jql(reader: Reader, later: int) -> Test:
    sides = [[_jql_clause(reader, later)]]
    while reader.peek() in ("AND", "OR"):
        if reader.take() == "OR":
            sides.append([])
        sides[-1].append(_jql_clause(reader, later))
    return lambda message: any(all(part(message) for part in side) for side in sides)


def _jql_clause(reader: Reader, later: int) -> Test:
    name = reader.take()
    if name == "(":
        inner = _jql(reader, later)
        assert reader.take() == ")"
        return inner
    operator, value = reader.take(), re.sub(r"\\(.)", r"\1", reader.take().strip('"'))
    return lambda message: _jql_holds(message, name, operator, value, later)


def _jql_holds(message: CanonicalMessage, name: str, operator: str, value: str, later: int) -> bool:
    if name in ("created", "updated"):
        at = seconds(message) * 1000 + (later * 1000 if name == "updated" else 0)
        return at >= int(value) if operator == ">=" else at < int(value)
    if name == "summary":
        stems = [word.removesuffix("s") for word in re.findall(r"\w+", message.subject.lower())]
        return value.lower().removesuffix("s") in stems
    if name == "reporter":
        return message.author is not None and JIRA_ACCOUNTS.get(message.author.value) == value
    single = message.channel.removeprefix("#") if name == "project" else message.extra.get("status", "")
    held = [text.lower() for text in (message.labels if name == "labels" else (single,))]
    if operator == "is":
        return not held
    return bool(held) and (value.lower() in held) is (operator == "=")
