"""A mail becomes a canonical message: header fields, the body split in three, attachments, and what was wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opsintel.connectors.mail import MailFacts, facts_of
from opsintel.errors import ItemError
from opsintel.events.message import Address, CanonicalMessage, Kind, Visibility
from opsintel_pipeline import language
from opsintel_pipeline.normalize import automatic, dates, threads
from opsintel_pipeline.normalize.bodies import Content, read_content
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.headers import Headers
from opsintel_pipeline.normalize.identities import ADDRESSES_LIMIT, direction_of, parse_addresses
from opsintel_pipeline.normalize.quotes import split_body
from opsintel_pipeline.normalize.structure import split
from opsintel_pipeline.normalize.text import clean_line

_COPY_FIELDS = ("cc", "bcc")
_LABEL_FIELDS = ("x-gmail-labels", "keywords")


def parse_mime(payload: bytes, native_id: str, context: NormalizeContext) -> CanonicalMessage:
    """Return the canonical message of one raw mail (RFC 5322, MIME).

    Raises `ItemError` when there is nothing to read: no bytes, no header field and no text, or only text above the
    limits.
    """
    if not payload or payload.isspace():
        raise ItemError("the message is empty")
    facts = facts_of(payload)
    structure = split(payload)
    headers = structure.root.headers
    content = read_content(structure)
    if content.too_large and not content.has_anything():
        raise ItemError(f"its only text has {content.too_large} bytes, more than is read of one part")
    if not headers and not (content.marked or content.opaque or content.returned):
        raise ItemError("neither header fields nor text can be read", remedy="Check that this is a mail")
    author = _author(headers)
    recipients = _recipients(headers)
    subject = headers.text("subject")
    body = split_body(content.marked, subject=subject, author=author)
    occurred_at, flag = dates.from_mail_header(headers.raw("date"))
    if occurred_at is None and facts.received_at is not None:
        occurred_at, flag = dates.judged(facts.received_at)
    rfc_message_id = clean_line(threads.message_id(headers.raw("message-id")), 500)
    references = threads.references_of(headers.raw("references"), headers.raw("in-reply-to"))
    verdict, reason = automatic.classify(headers, subject, author.value if author else "", content.report)
    return CanonicalMessage(
        native_id=native_id,
        kind=Kind.EMAIL,
        rfc_message_id=rfc_message_id,
        thread_key=facts.thread or threads.thread_key(rfc_message_id, references, subject) or native_id,
        references=references,
        parent_key=references[-1] if references else "",
        channel=context.channel,
        author=author,
        recipients=recipients,
        direction=direction_of(author, recipients, _with_own(context, facts)),
        visibility=Visibility.INTERNAL if context.visibility_internal else Visibility.PUBLIC,
        occurred_at=occurred_at,
        occurred_at_flag=flag,
        subject=subject,
        text=body.text,
        quoted_text="\n\n".join(text for text in (body.quoted, content.returned) if text),
        signature_text=body.signature,
        language=language.detect(body.text or subject),
        automatic=verdict,
        automatic_reason=reason,
        opaque=content.opaque,
        attachments=tuple(content.attachments),
        links=tuple(content.links),
        labels=_labels(headers, facts),
        defects=tuple(structure.defects),
        extra=_extra(headers, content),
    )


def _recipients(headers: Headers) -> tuple[Address, ...]:
    """Return who the mail was sent to, each once, by the first field that names them."""
    found = {address.value: address for address in parse_addresses(headers.all("to"))}
    for name in _COPY_FIELDS:
        for address in parse_addresses(headers.all(name)):
            found.setdefault(address.value, address.model_copy(update={"role": name}))
    return tuple(found.values())[:ADDRESSES_LIMIT]


def _author(headers: Headers) -> Address | None:
    """Return who wrote the mail: From, else Sender, else Reply-To, else the return path."""
    for name in ("from", "sender", "reply-to", "return-path"):
        found = parse_addresses(headers.all(name)[:1])
        if found:
            return found[0]
    return None


def _with_own(context: NormalizeContext, facts: MailFacts) -> NormalizeContext:
    """Return the context with the addresses of the account that holds the mail among the tenant's own."""
    if not facts.own_addresses:
        return context
    own = context.own_addresses | {address.lower() for address in facts.own_addresses}
    return replace(context, own_addresses=own)


def _labels(headers: Headers, facts: MailFacts) -> tuple[str, ...]:
    """Return the labels that the provider has, else those that exports and mail programs write into the header."""
    if facts.labels is not None:
        labels = [clean_line(label, 300) for label in facts.labels]
    else:
        labels = [label.strip() for name in _LABEL_FIELDS for label in headers.text(name).split(",")]
    return tuple(dict.fromkeys(label for label in labels if label))[:50]


def _extra(headers: Headers, content: Content) -> dict[str, Any]:
    """Return the header fields worth keeping besides, and what reports and invitations say."""
    extra: dict[str, Any] = dict(content.extra)
    for name in ("reply-to", "x-mailer", "user-agent", "list-id", "importance", "x-priority"):
        text = headers.text(name, 300)
        if text:
            extra[name.replace("-", "_")] = text
    return extra
