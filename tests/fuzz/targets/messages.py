"""Mail, chat and rows on their way to canonical messages."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from typing import Any

from opsintel.connectors.contract import PayloadFormat
from opsintel.errors import ItemError
from opsintel.events.message import Address, CanonicalMessage, is_link
from opsintel_pipeline.normalize.context import NormalizeContext, SlackUser
from opsintel_pipeline.normalize.headers import HEADERS_LIMIT, decode_words, media_type, parameters, read_block
from opsintel_pipeline.normalize.html import html_to_text
from opsintel_pipeline.normalize.parse import parse_payload
from opsintel_pipeline.normalize.quotes import split_body
from opsintel_pipeline.normalize.text import clean
from tests.fuzz.target import declared, target
from tests.normalize.mails import HEAD, mail, multipart, part

CONTEXT = NormalizeContext(
    own_addresses=frozenset({"help@acme.example"}),
    own_domains=frozenset({"acme.example"}),
    slack_users={"U1": SlackUser(name="Ada", email="ada@customer.example")},
    slack_channels={"C1": "general"},
)
UNFIT = {chr(code) for code in (*range(9), 11, 12, *range(14, 32), *range(0x7F, 0xA0), *range(0xD800, 0xE000))}
ADA = Address(kind="email", value="ada@x.example", name="Ada")
MOST_PARTS = 1_000


def parsed(payload: bytes, kind: PayloadFormat) -> None:
    with declared(ItemError):
        message = parse_payload(payload, kind, "native-1", context=CONTEXT)
        require_canonical(message, len(payload))


def require_canonical(message: CanonicalMessage, size: int) -> None:
    """Require what every store and reader relies on."""
    for text in texts(message.model_dump(mode="json")):
        assert not set(text) & UNFIT, f"{ascii(text[:80])} holds what no store takes"
        text.encode()
    for text in (message.text, message.subject):
        assert unicodedata.is_normalized("NFC", text)
    assert CanonicalMessage.model_validate_json(message.model_dump_json()) == message
    assert all(is_link(link.url) for link in message.links)
    assert len(message.subject) <= 2_000
    assert len(message.attachments) <= MOST_PARTS
    assert all("/" not in file.filename and "\\" not in file.filename for file in message.attachments)
    assert len(message.text) + len(message.quoted_text) + len(message.signature_text) <= 8 * size + 10_000


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from texts(key)
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


MIME_WORDS = [
    b"Content-Type: ",
    b"multipart/mixed; boundary=b",
    b"message/rfc822",
    b"text/html",
    b"text/calendar",
    b"--b",
    b"--b--",
    b"Content-Transfer-Encoding: base64",
    b"quoted-printable",
    b"=?utf-8?b?",
    b"=?utf-8?q?",
    b"?=",
    b"charset=utf-16",
    b"charset=utf-7",
    b"format=flowed",
    b"Content-Disposition: attachment; filename*0*=",
    b"References: <",
    b"\r\n\r\n",
    b"multipart/report; report-type=delivery-status",
    b"BEGIN:VCALENDAR",
    b"Date: ",
    b"Auto-Submitted: ",
]


@target(
    seeds=[
        mail(b"hello\n-- \nAda\n> quoted\n"),
        mail(b"<p>hi <a href='http://x.example'>there</a></p><blockquote>old</blockquote>", b"text/html"),
        multipart(b"alternative", part(b"plain"), part(b"<b>html</b>", b"text/html; charset=iso-8859-1")),
        multipart(b"mixed", part(b"see"), part(b"%PDF", b'application/pdf; name="=?utf-8?q?a=C3=A9?=.pdf"')),
        mail(b"aGVsbG8=", fields=b"Content-Transfer-Encoding: base64\r\n"),
        HEAD + b"Content-Type: message/rfc822\r\n\r\n" + mail(b"inner"),
        HEAD.replace(b"Printer", b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?utf-8?Q?=F0=9F=96=A8?=") + b"\r\nbody",
        b"From: a@b.example\nSubject: x\n\n",
    ],
    words=MIME_WORDS,
)
def mime(data: bytes) -> None:
    """A raw mail becomes a canonical message, or one of the product's errors."""
    parsed(data, PayloadFormat.MIME)


@target(
    seeds=[
        HEAD + b"\r\nbody",
        b"Subject: =?utf-8?b?w6k=?= =?utf-8?q?=C3?= =?utf-8?q?=A9?=\n x\n\n",
        b'Content-Type: text/plain; charset*0*=utf-8\'\'%41; charset*1=b; name="a\\"b"; x=1\n\n',
        b": x\nA\n\n",
    ],
    words=MIME_WORDS,
)
def headers(data: bytes) -> None:
    """Header fields are found, decoded (RFC 2047) and taken apart (RFC 2231), within the limits."""
    found, body = read_block(data, 0, len(data))
    assert 0 <= body <= len(data)
    assert sum(len(value) for name in found.names() for value in found.all(name)) <= HEADERS_LIMIT
    for name in found.names():
        for value in found.all(name):
            assert len(decode_words(value)) <= 2 * len(value) + 2
            assert media_type(value) == "" or media_type(value).count("/") == 1
            for parameter, text in parameters(value).items():
                assert parameter == parameter.lower()
                assert len(text) <= 2 * len(value) + 2
        line = found.text(name)
        assert len(line) <= 2_000
        assert not set(line) & (UNFIT | {"\n", "\t"})


@target(
    seeds=[
        b"<p>hello <b>you</b></p>",
        b"<table><tr><td>a<td>b</table><ul><li>x</ul><pre> a\n  b</pre>",
        b"<div class=gmail_quote>On x wrote:<blockquote>old</blockquote></div><a href='mailto:a@b'>m</a>",
        b"<style>p{display:none}</style><script>x</script><p style='display:none'>no</p>&lt;b&gt;&#x0;&#55296;",
    ],
    words=[
        b"<blockquote",
        b"<div",
        b"<a href=",
        b"<pre>",
        b"<table><tr><td>",
        b"style='display:none'",
        b"gmail_quote",
        b"<!--",
        b"<![CDATA[",
        b"&#",
        b"</p>",
        b"<svg>",
        b"<template>",
        b"<noscript>",
        b"<textarea>",
        b"javascript:",
    ],
)
def html(data: bytes) -> None:
    """A page becomes text without tags that run, in proportion to it."""
    page = data.decode("utf-8", "replace")
    found = html_to_text(page)
    assert not set(found.marked) & (UNFIT - set(map(chr, range(32))))
    assert len(found.marked) <= 8 * len(page) + 1_000
    assert all(is_link(link.url) for link in found.links)


@target(
    seeds=[
        b"Hello\n\nOn Mon, Ada wrote:\n> old\n> > older\n\n-- \nBob\nAcme\n",
        b"yes\n\nFrom: a\nSent: b\nTo: c\nSubject: d\nold",
        b"text\n-----Original Message-----\nFrom: x\n",
        b"> a\n> b\nanswer\n> c",
        b"Am 1.1.2024 schrieb Ada:\n\nalt",
    ],
    words=[
        b"\n> ",
        b"wrote:\n",
        b"-- \n",
        b"-----Original Message-----",
        b"From: ",
        b"Sent: ",
        b"Subject: ",
        b"schrieb",
    ],
)
def quotes(data: bytes) -> None:
    """A body is split in three; nothing is added, and nothing but quotation marks and rules is lost."""
    whole = clean(data.decode("utf-8", "replace"))
    body = split_body(whole, subject="Printer", author=ADA)
    kept = [character for text in (body.text, body.quoted, body.signature) for character in text if character.isalnum()]
    given = [character for character in whole if character.isalnum()]
    assert len(kept) <= len(given)
    assert sorted(set(kept)) == sorted(set(kept) & set(given))


BLOCK = {
    "type": "rich_text",
    "elements": [
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": "hi "},
                {"type": "user", "user_id": "U1"},
                {"type": "link", "url": "https://x.example"},
                {"type": "emoji", "name": "wave"},
                {"type": "channel", "channel_id": "C1"},
            ],
        }
    ],
}
SLACK = {"type": "message", "ts": "1700000000.000100", "user": "U1", "text": "hi <@U1> <https://x.example|there>"}


@target(
    seeds=[
        json.dumps(value).encode()
        for value in (
            SLACK,
            SLACK | {"blocks": [BLOCK]},
            SLACK | {"subtype": "channel_join"},
            SLACK
            | {
                "attachments": [
                    {"title": "a", "title_link": "https://x.example", "text": "b", "fields": [{"title": "c"}]}
                ]
            },
            {"type": "message", "subtype": "message_changed", "message": SLACK, "ts": "1700000001.0"},
            {"type": "message", "subtype": "message_deleted", "deleted_ts": "1700000000.000100", "ts": "1700000001.0"},
            SLACK
            | {"files": [{"name": "a.png", "mimetype": "image/png", "size": 7}], "thread_ts": "1700000000.000100"},
            SLACK
            | {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*a*"}, "fields": [{"text": "b"}]}]},
        )
    ],
    words=[
        b'"blocks"',
        b'"elements"',
        b'"rich_text_list"',
        b'"rich_text_quote"',
        b'"text"',
        b'"ts"',
        b'"subtype"',
        b'"attachments"',
        b'"message"',
        b'"thread_ts"',
        b"null",
        b"{}",
        b"[]",
        b"1e999",
        b'"\\ud800"',
        b'"bot_id"',
    ],
)
def slack(data: bytes) -> None:
    """A message of Slack, with its blocks, becomes a canonical message."""
    parsed(data, PayloadFormat.SLACK)


ROW = {
    "id": "7",
    "subject": "Printer",
    "text": "broken",
    "occurred_at": "2024-05-01T10:00:00Z",
    "author_email": "a@b.example",
}


@target(
    seeds=[
        json.dumps(value).encode()
        for value in (
            ROW,
            {"html": "<p>x</p>", "labels": ["a", "b"], "extra": {"a": {"b": 1}}},
            {"text": "a", "occurred_at": 1.7e9},
            ROW | {"recipients": ["x@y.example"], "kind": "ticket", "direction": "inbound", "deleted": "true"},
        )
    ],
    words=[b'"occurred_at"', b'"recipients"', b'"extra"', b'"deleted"', b"1e308", b"-1", b"true", b"null"],
)
def record(data: bytes) -> None:
    """A row of CSV or JSON Lines becomes a canonical message."""
    parsed(data, PayloadFormat.RECORD)
