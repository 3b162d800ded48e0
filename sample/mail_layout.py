"""Mail as mail programs write it: layout of quotes, HTML, charset and transfer encoding of each."""

from __future__ import annotations

import base64
import quopri
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape

_WEEKDAYS = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "de": ("Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."),
    "es": ("lun", "mar", "mié", "jue", "vie", "sáb", "dom"),
}
_MONTHS = {"en": {10: "Oct", 11: "Nov"}, "de": {10: "Okt.", 11: "Nov."}, "es": {10: "oct", 11: "nov"}}
_OUTLOOK_LABELS = {
    "en": ("From", "Sent", "To", "Subject"),
    "de": ("Von", "Gesendet", "An", "Betreff"),
    "es": ("De", "Enviado", "Para", "Asunto"),
}
_CHARSETS = {"outlook": "windows-1252", "thunderbird": "iso-8859-1"}


@dataclass(frozen=True)
class Quote:
    """The mail that is answered, as its answer shows it."""

    name: str
    address: str
    to: str
    subject: str
    moment: datetime
    text: str


@dataclass(frozen=True)
class Content:
    """Headers of the body, and the body itself."""

    headers: list[tuple[str, str]]
    body: bytes


def attribution(style: str, lang: str, quote: Quote) -> str:
    """Return the line or block that a mailer writes above what it quotes, in the language of its user."""
    moment = quote.moment
    weekday, month = _WEEKDAYS[lang][moment.weekday()], _MONTHS[lang][moment.month]
    clock = f"{moment:%H:%M}"
    if style == "outlook":
        sender, sent, to, subject = _OUTLOOK_LABELS[lang]
        return (
            f"________________________________\n{sender}: {quote.name} <{quote.address}>\n"
            f"{sent}: {weekday} {moment.day} {month} {moment.year} {clock}\n"
            f"{to}: {quote.to}\n{subject}: {quote.subject}\n"
        )
    if style == "gmail":
        return {
            "en": f"On {weekday}, {moment.day} {month} {moment.year} at {clock}, {quote.name} <{quote.address}> wrote:",
            "de": f"Am {weekday}, {moment.day}. {month} {moment.year} um {clock} Uhr schrieb {quote.name} "
            f"<{quote.address}>:",
            "es": f"El {weekday}, {moment.day} {month} {moment.year} a las {clock}, {quote.name} "
            f"(<{quote.address}>) escribió:",
        }[lang]
    if style == "apple":
        return {
            "en": f"On {moment.day} {month} {moment.year}, at {clock}, {quote.name} <{quote.address}> wrote:",
            "de": f"Am {moment:%d.%m.%Y} um {clock} schrieb {quote.name} <{quote.address}>:",
            "es": f"El {moment.day} {month} {moment.year}, a las {clock}, {quote.name} <{quote.address}> escribió:",
        }[lang]
    return {
        "en": f"On {moment:%d/%m/%Y} {clock}, {quote.name} wrote:",
        "de": f"Am {moment:%d.%m.%y} um {clock} schrieb {quote.name}:",
        "es": f"El {moment:%d/%m/%y} a las {clock}, {quote.name} escribió:",
    }[lang]


def content_of(style: str, lang: str, text: str, signature: str, quote: Quote | None, boundary: str) -> Content:
    """Return a mail's body with the headers that describe it."""
    plain = _plain(style, lang, text, signature, quote)
    if style == "html":
        return _part("text/html", _html(style, lang, text, signature, quote), "utf-8", "base64")
    if style in ("gmail", "outlook"):
        charset = _charset(style, plain)
        parts = (
            _part("text/plain", plain, charset, "quoted-printable"),
            _part("text/html", _html(style, lang, text, signature, quote), charset, "quoted-printable"),
        )
        return multipart("alternative", parts, boundary)
    if style == "apple":
        return _part("text/plain", plain, "utf-8", "quoted-printable")
    if style == "thunderbird":
        return _part("text/plain", plain, _charset(style, plain), "8bit", parameters="; format=flowed")
    return _part("text/plain", plain, "utf-8", "7bit" if plain.isascii() else "base64")


def multipart(subtype: str, parts: tuple[Content, ...], boundary: str) -> Content:
    """Return parts as one body."""
    pieces = []
    for part in parts:
        head = "".join(f"{name}: {value}\n" for name, value in part.headers)
        pieces.append(f"--{boundary}\n{head}\n".encode("ascii") + part.body.rstrip(b"\n") + b"\n")
    body = b"\n".join(pieces) + f"\n--{boundary}--\n".encode("ascii")
    return Content([("Content-Type", f'multipart/{subtype}; boundary="{boundary}"')], body)


def _plain(style: str, lang: str, text: str, signature: str, quote: Quote | None) -> str:
    parts = [text]
    if signature:
        parts.append(f"{'--' if style == 'outlook' else '-- '}\n{signature}" if style != "apple" else signature)
    if quote is not None:
        head = attribution(style, lang, quote)
        if style == "outlook":
            parts.append(head + "\n" + quote.text)
        else:
            parts.append(head + "\n" + "\n".join(f"> {line}".rstrip() for line in quote.text.splitlines()))
    return "\n\n".join(parts) + "\n"


def _html(style: str, lang: str, text: str, signature: str, quote: Quote | None) -> str:
    if style == "gmail":
        body = f'<div dir="ltr">{_lines(text)}</div>'
        if signature:
            body += (
                f'<br clear="all"><span class="gmail_signature_prefix">-- </span><br>'
                f'<div dir="ltr" class="gmail_signature">{_lines(signature)}</div>'
            )
        if quote is not None:
            body += (
                '<br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
                f"{escape(attribution(style, lang, quote))}<br></div>"
                '<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex">'
                f"{_lines(quote.text)}</blockquote></div>"
            )
        return body + "\n"
    paragraphs = "".join(f'<p class="MsoNormal">{_lines(block)}</p>\n' for block in text.split("\n\n"))
    if signature:
        paragraphs += f'<p class="MsoNormal">{_lines(signature)}</p>\n'
    if quote is not None:
        head = "\n".join(attribution("outlook", lang, quote).splitlines()[1:])
        paragraphs += (
            '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0 0 0" id="divRplyFwdMsg">'
            f'<p class="MsoNormal">{_lines(head)}</p></div>\n<p class="MsoNormal">{_lines(quote.text)}</p>\n'
        )
    return (
        "<html><head><style>p.MsoNormal {margin:0; font-size:11.0pt; font-family:Calibri,sans-serif;}</style></head>\n"
        f'<body lang="{lang}"><div class="WordSection1">\n{paragraphs}</div></body></html>\n'
    )


def _lines(text: str) -> str:
    return escape(text, quote=False).replace("\n", "<br>\n")


def _charset(style: str, text: str) -> str:
    charset = _CHARSETS.get(style, "utf-8")
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return "utf-8"
    return charset


def _part(kind: str, text: str, charset: str, encoding: str, parameters: str = "") -> Content:
    raw = text.encode(charset)
    if encoding == "base64":
        raw = base64.encodebytes(raw)
    elif encoding == "quoted-printable":
        raw = quopri.encodestring(raw)
    headers = [("Content-Type", f'{kind}; charset="{charset}"{parameters}'), ("Content-Transfer-Encoding", encoding)]
    return Content(headers, raw)


def local(moment: datetime, offset_hours: int) -> datetime:
    """Return a moment on a sender's wall clock, without changing when it is."""
    return moment.astimezone(timezone(timedelta(hours=offset_hours)))
