"""Writes a company's mail as an mbox file."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, parseaddr

from mail_layout import Content, Quote, content_of, local, multipart
from messages import Truth, Written, day_of, number_of, truth_of

_PROGRAMS = {
    "outlook": ("X-Mailer", "Microsoft Outlook 16.0"),
    "apple": ("X-Mailer", "Apple Mail (2.3774.600.62)"),
    "thunderbird": ("User-Agent", "Mozilla Thunderbird"),
}
_OFFSETS = {"de": 1, "es": 1, "en": 0}
_FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)
_CUT_SHORT = {
    "northlamp": "Hello, my hub is offline again and I wanted to send you the log file of it, it is attached below. ",
    "harbourline": "Hello, here is the packing list that your colleague asked me for on the phone this morning. ",
}
_HEADLESS = {
    "northlamp": "I write this from a machine that forgot how to write a head.\nThe lamp is still dark.",
    "harbourline": "I write this from a machine that forgot how to write a head.\nThe pallets are still wet.",
}
"""Texts of the broken mails."""


def mailbox(company: str, messages: list[Written]) -> tuple[bytes, list[Truth]]:
    """Return the mbox of a company, two broken mails among the others, and the truth of each mail."""
    by_id = {message.id: message for message in messages}
    pieces = [(message.moment, _mail(message, by_id)) for message in messages]
    truths = [truth_of(message, message_id(message)) for message in messages]
    noon = {day: datetime(*day_of(day).timetuple()[:3], 12, 30, tzinfo=UTC) for day in (8, 17)}
    broken_id = f"<{number_of(company, 'truncated'):016x}@mail.{company}.example>"
    pieces.append((noon[8], _truncated(company, broken_id, noon[8])))
    pieces.append((noon[17], f"\n{_HEADLESS[company]}\n".encode("ascii")))
    truths.append(Truth("mbox", broken_id, noise="broken:truncated_part", lang="en"))
    truths.append(Truth("mbox", "", noise="broken:no_headers", lang="en"))
    pieces.sort(key=lambda piece: piece[0])
    return b"".join(_separated(moment, mail) for moment, mail in pieces), truths


def message_id(message: Written) -> str:
    """Return the Message-ID of a mail, as its sender's program would make it."""
    domain = parseaddr(message.fields["from"])[1].partition("@")[2]
    number = number_of(message.id, "message-id")
    if message.fields["style"] == "gmail":
        token = base64.urlsafe_b64encode(number.to_bytes(8) * 3).decode()[:28]
        return f"<CA{token}@mail.{domain}>"
    if message.fields["style"] == "apple":
        text = f"{number:016X}{number_of(message.id, 'tail'):016X}"
        return f"<{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}@{domain}>"
    return f"<{number:016x}@{domain}>"


def _mail(message: Written, by_id: dict[str, Written]) -> bytes:
    fields = message.fields
    parent = by_id.get(fields.get("reply_to", ""))
    headers = [
        ("From", _address(fields["from"])),
        ("To", _address(fields["to"])),
        ("Subject", _encoded(fields["subject"])),
    ]
    if message.time is not None:
        headers.append(("Date", format_datetime(local(message.moment, _OFFSETS[message.lang]))))
    headers.append(("Message-ID", message_id(message)))
    if parent is not None:
        chain = _ancestors(message, by_id)
        headers.append(("In-Reply-To", chain[-1]))
        headers.append(("References", "\n ".join(chain)))
    headers += [(name, _encoded(str(value))) for name, value in fields.get("headers", {}).items()]
    if fields["style"] in _PROGRAMS:
        headers.append(_PROGRAMS[fields["style"]])
    quote = _quote(parent) if parent is not None and fields.get("quote") else None
    boundary = f"=_{number_of(message.id, 'boundary'):016x}"
    signature = (fields.get("signature") or "").strip()
    return _assembled(headers, content_of(fields["style"], message.lang, message.body, signature, quote, boundary))


def _assembled(headers: list[tuple[str, str]], content: Content) -> bytes:
    lines = [*headers, ("MIME-Version", "1.0"), *content.headers]
    return "".join(f"{name}: {value}\n" for name, value in lines).encode("ascii") + b"\n" + content.body


def _ancestors(message: Written, by_id: dict[str, Written]) -> list[str]:
    chain: list[str] = []
    parent = by_id.get(message.fields.get("reply_to", ""))
    while parent is not None:
        chain.insert(0, message_id(parent))
        parent = by_id.get(parent.fields.get("reply_to", ""))
    return chain


def _quote(parent: Written) -> Quote:
    name, address = parseaddr(parent.fields["from"])
    moment = local(parent.moment, _OFFSETS[parent.lang])
    return Quote(name or address, address, parent.fields["to"], parent.fields["subject"], moment, parent.body)


def _address(written: str) -> str:
    name, address = parseaddr(written)
    if not name:
        return address
    shown = name if re.fullmatch(r"[\w .'-]+", name, re.ASCII) else f'"{name}"'
    return f"{shown if name.isascii() else _encoded(name)} <{address}>"


def _encoded(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=70).encode(linesep="\n")


def _truncated(company: str, native_id: str, moment: datetime) -> bytes:
    """Return a mail with a part that stops within a base64 group and names a charset that nobody knows."""
    encoded = base64.encodebytes(_CUT_SHORT[company].encode() * 3)[:-41]
    part = Content(
        [("Content-Type", 'text/plain; charset="x-unknown-9"'), ("Content-Transfer-Encoding", "base64")], encoded
    )
    headers = [
        ("From", "Log Sender <logs@example.net>"),
        ("To", f"support@{company}.example"),
        ("Subject", "log file"),
        ("Date", format_datetime(moment)),
        ("Message-ID", native_id),
    ]
    whole = _assembled(headers, multipart("mixed", (part,), f"=_{number_of(company, 'broken'):016x}"))
    return whole[: whole.rindex(b"\n--")] + b"\n"


def _separated(moment: datetime, mail: bytes) -> bytes:
    """Return a mail behind its `From ` line, quoted as mboxrd does."""
    sender = re.search(rb"^From: .*?([^\s<>]+@[^\s<>]+)", mail, re.MULTILINE)
    name = sender.group(1) if sender else b"MAILER-DAEMON"
    opening = b"From " + name + f" {moment:%a %b} {moment.day:>2} {moment:%H:%M:%S %Y}\n".encode("ascii")
    return opening + _FROM_LINE.sub(rb">\1", mail).rstrip(b"\n") + b"\n\n"
