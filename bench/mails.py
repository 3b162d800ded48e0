"""Folders of mail to measure with: built by seed as mail arrives, with transport headers, HTML, quotes, attachments.

About 40 % are text with HTML, 35 % text alone, 10 % HTML alone, 10 % carry an attachment, 5 % are newsletters; a third
answer an earlier mail and quote it; a third are signed; three charsets.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.header import Header
from email.message import Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime
from html import escape
from pathlib import Path

from bench.texts import Text, texts
from opsintel.clock import now

PROBLEMS = 60
PEOPLE = 400
ANSWERS, SIGNED = 0.33, 0.33
FORMS = {"text": 35, "both": 40, "html": 10, "attached": 10, "newsletter": 5}
CHARSETS = {"utf-8": 8, "iso-8859-1": 1, "windows-1252": 1}
_STYLE = "".join(
    f"p.c{n}, li.c{n} {{margin:0cm; font-size:{n}.0pt; font-family:'Calibri',sans-serif;}}\n" for n in range(24)
)


def write_folder(folder: Path, count: int, *, days: int = 30, seed: int = 0) -> None:
    """Write so many mails as .eml files, their dates spread over so many days before today."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, mail in enumerate(mails(count, days=days, seed=seed)):
        (folder / f"{number:06d}.eml").write_bytes(mail)


def mails(count: int, *, days: int = 30, seed: int = 0) -> Iterator[bytes]:
    """Yield so many mails as bytes, oldest first."""
    chance = random.Random(f"mails {seed}")
    end = now().replace(hour=0, minute=0, second=0, microsecond=0)
    earlier: list[tuple[str, str, str]] = []
    for number, text in enumerate(texts(count, PROBLEMS, seed)):
        moment = end - timedelta(days=days) + timedelta(seconds=days * 86_400 * number / count)
        mail = _mail(text, f"{seed}-{number}", moment, earlier, chance)
        earlier = [*earlier[-50:], (str(mail["Message-ID"]), str(mail["From"]), text.body)]
        yield mail.as_bytes()


def _mail(
    text: Text, key: str, moment: datetime, earlier: list[tuple[str, str, str]], chance: random.Random
) -> Message:
    person = chance.randrange(PEOPLE)
    parent, quoted = "", ""
    if earlier and chance.random() < ANSWERS:
        parent, author, quoted = chance.choice(earlier)
        quoted = f"On {moment - timedelta(hours=5):%a, %d %b %Y at %H:%M}, {author} wrote:\n{quoted}"
    signature = ""
    if chance.random() < SIGNED:
        signature = f"-- \nCustomer {person}\nHead of Purchasing\nFirm {person % 90} Ltd."
    (form,) = chance.choices(list(FORMS), list(FORMS.values()))
    mail = _content(form, text.body, quoted, signature, chance)
    _transport(mail, key, moment, chance)
    mail["From"] = f"Customer {person} <customer{person}@firm{person % 90}.example>"
    mail["To"] = "Support <support@acme.example>"
    mail["Date"] = format_datetime(moment)
    mail["Message-ID"] = f"<{key}.{chance.getrandbits(64):x}@firm{person % 90}.example>"
    if parent:
        mail["In-Reply-To"] = mail["References"] = parent
    subject = ("Re: " if quoted else "") + text.subject
    mail["Subject"] = subject if subject.isascii() else Header(subject, "utf-8").encode()
    if form == "newsletter":
        mail["List-Unsubscribe"] = "<https://news.example/leave>"
        mail["List-Id"] = "<news.example>"
    return mail


def _transport(mail: Message, key: str, moment: datetime, chance: random.Random) -> None:
    for hop in range(chance.randint(2, 5)):
        stamp = format_datetime(moment + timedelta(seconds=3 - hop))
        mail["Received"] = (
            f"from relay{hop}.example (relay{hop}.example [192.0.2.{hop + 1}]) by mx{hop}.acme.example (Postfix)\n"
            f" with ESMTPS id {chance.getrandbits(40):x} for <support@acme.example>; {stamp}"
        )
    seal = base64.encodebytes(chance.randbytes(256)).decode().strip().replace("\n", "\n  ")
    mail["DKIM-Signature"] = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d=firm.example; s=s1; t={int(moment.timestamp())};\n"
        f" h=from:to:subject:date:message-id; bh={base64.b64encode(chance.randbytes(32)).decode()};\n b={seal}"
    )
    mail["X-Spam-Status"] = "No, score=-1.9 required=5.0\n tests=BAYES_00,DKIM_SIGNED,DKIM_VALID,HTML_MESSAGE"
    mail["X-Delivery-Id"] = key


def _content(form: str, body: str, quoted: str, signature: str, chance: random.Random) -> Message:
    page = MIMEText(_page(body, quoted, signature, repeats=40 if form == "newsletter" else 1), "html", "utf-8")
    if form == "html":
        return page
    marked = "\n".join(f"> {line}" for line in quoted.splitlines())
    plain = "\n\n".join(part for part in (body, signature, marked) if part) + "\n"
    (charset,) = chance.choices(list(CHARSETS), list(CHARSETS.values()))
    text = MIMEText(plain, "plain", charset if plain.isascii() or _fits(plain, charset) else "utf-8")
    if form in ("both", "newsletter"):
        return MIMEMultipart("alternative", f"=_{chance.getrandbits(64):016x}", [text, page])
    if form == "attached":
        attachment = MIMEApplication(chance.randbytes(chance.randint(20_000, 200_000)), "pdf")
        attachment.add_header("Content-Disposition", "attachment", filename="invoice.pdf")
        return MIMEMultipart("mixed", f"=_{chance.getrandbits(64):016x}", [text, attachment])
    return text


def _fits(text: str, charset: str) -> bool:
    try:
        text.encode(charset)
    except UnicodeEncodeError:
        return False
    return True


def _page(body: str, quoted: str, signature: str, repeats: int) -> str:
    paragraphs = "".join(f'<p class="c{len(part) % 24}">{escape(part)}</p>' for part in body.split(". ") * repeats)
    quote = f'<div class="gmail_quote"><blockquote>{escape(quoted)}</blockquote></div>' if quoted else ""
    return (
        f'<html><head><meta charset="utf-8"><style>{_STYLE}</style></head><body lang="EN"><div>{paragraphs}'
        f'<p class="c11">{escape(signature)}</p></div>{quote}</body></html>'
    )
