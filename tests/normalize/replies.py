"""Replies that nobody here wrote, read line by line: what two parsers make of each line, against what it is.

What each line is stands in replies.tsv, told by a person, and by the projects' own expectations where they store any
(talon: marks in its files, `_signature` and `_reply_text` beside them). `either` are lines like a bare "Thanks, Alex",
which one takes for text and another for a signature. Only lines with text count. The signature of an earlier message
is quoted.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from email_reply_parser import EmailReplyParser

from opsintel.events.message import Address
from opsintel_pipeline.normalize.html import QUOTE, QUOTE_REST, SIGNATURE, html_to_text
from opsintel_pipeline.normalize.quotes import kinds_of
from opsintel_pipeline.normalize.text import clean

DATA = Path(os.environ.get("OPSINTEL_TEST_DATA", "../shared/data")) / "mail"
EXPECTED = Path(__file__).with_name("replies.tsv")

Kinds = list[frozenset[str]]
"""What each line with text is; more than one where it may be the one or the other."""

_MARKS = f"{QUOTE}{QUOTE_REST}{SIGNATURE}"
_NAMES = ("new", "quoted", "signature")


@dataclass(frozen=True)
class Reply:
    """A reply, with what its lines are."""

    file: str
    marked: str
    author: Address | None
    expected: Kinds

    @property
    def text(self) -> str:
        """Its text without the marks of HTML, which only our splitter knows."""
        return self.marked.translate({ord(mark): None for mark in _MARKS})

    @property
    def lines(self) -> list[str]:
        """Its lines with text."""
        return [line for line in self.text.split("\n") if line.strip()]


def replies() -> Iterator[Reply]:
    """Yield the replies; none where the test data are not there."""
    for row in EXPECTED.read_text().splitlines()[1:]:
        file, runs = row.split("\t")
        expected: Kinds = []
        for run in runs.split(", "):
            count, kind = run.split(" ")
            expected += [frozenset({"new", "signature"} if kind == "either" else {kind})] * int(count)
        if (DATA / file).is_file():
            yield Reply(file, *_read(DATA / file), expected)


def ours(reply: Reply) -> Kinds:
    """Return what our splitter makes of each line."""
    lines = reply.marked.split("\n")
    kinds = kinds_of(lines, author=reply.author)
    return [
        frozenset({_NAMES[kind]}) for line, kind in zip(lines, kinds, strict=True) if line.strip(_MARKS + " \t\xa0")
    ]


def email_reply_parser(reply: Reply) -> Kinds:
    """Return what email-reply-parser makes of each line: of what it hides it does not say what it is."""
    characters: list[tuple[str, frozenset[str]]] = []
    for fragment in EmailReplyParser.read(reply.text).fragments:
        kind = {"signature"} if fragment.signature else {"quoted"} if fragment.quoted or fragment.headers else {"new"}
        if fragment.hidden and not fragment.quoted:
            kind = {"signature", "quoted"}
        characters += [(character, frozenset(kind)) for character in fragment.content if not character.isspace()]
    kinds: Kinds = []
    for line in reply.lines:
        own = [character for character in line if not character.isspace()]
        assert own == [character for character, _ in characters[: len(own)]]
        kinds.append(characters[0][1])
        del characters[: len(own)]
    return kinds


def shares(parser: Callable[[Reply], Kinds]) -> tuple[float, float, float]:
    """Return the shares of replies with every line right, of replies whose new text is right, and of lines."""
    every, text, right, lines = 0, 0, 0, 0
    found = list(replies())
    for reply in found:
        pairs = list(zip(parser(reply), reply.expected, strict=True))
        fits = [bool(kinds & expected) for kinds, expected in pairs]
        every += all(fits)
        text += all(fit or "new" not in kinds | expected for fit, (kinds, expected) in zip(fits, pairs, strict=True))
        right += sum(fits)
        lines += len(fits)
    return every / len(found), text / len(found), right / lines


def _read(path: Path) -> tuple[str, Address | None]:
    """Return the body of a file and who wrote it."""
    content = path.read_bytes()
    if path.suffix == ".html":
        return html_to_text(content.decode()).marked, None
    if path.suffix == ".eml":
        mail = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        body = mail.get_body(("plain",))
        assert body is not None
        return clean(body.get_content()), _address(str(mail["from"]))
    text = clean(content.decode())
    if "signature" not in path.parts:
        return text, None
    text = re.sub(r"^#(?:sig|reply)#", "", text, flags=re.MULTILINE)
    head = re.match(r"From: (.+)\n(?:[A-Z][a-z]+: .+\n)*", text)
    if head:
        return text[head.end() :], _address(head[1])
    return text, _address(path.with_name(path.name.removesuffix("_body") + "_sender").read_text())


def _address(sender: str) -> Address | None:
    name, address = parseaddr(sender.strip())
    if "@" not in address:
        name, address = sender.strip(), ""
    return Address(kind="email", value=address, name=name) if name or address else None
