"""The canonical message: what every provider's item becomes, whatever it was before.

Normalisation makes it from raw bytes; the database rows, the API and the exports are written from it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """Where a message comes from."""

    EMAIL = "email"
    CHAT = "chat"
    TICKET = "ticket"


class Direction(StrEnum):
    """Seen from the tenant: `inbound` from a customer, `outbound` by the tenant's own people, `internal` among them."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class Visibility(StrEnum):
    """Who may see it: `internal` messages (help desk notes) leave the tenant for no model and no sheet."""

    PUBLIC = "public"
    INTERNAL = "internal"


class AutomaticClass(StrEnum):
    """Mail that no person wrote to this reader (RFC 3834, RFC 3464, RFC 2919)."""

    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    DELIVERY_REPORT = "delivery_report"
    NEWSLETTER = "newsletter"
    MAILING_LIST = "mailing_list"
    NOTIFICATION = "notification"
    BOT = "bot"


class IdentityKind(StrEnum):
    """What an address is an address of."""

    EMAIL = "email"
    SLACK = "slack"
    ZENDESK = "zendesk"
    JIRA = "jira"
    NAME = "name"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Address(_Frozen):
    """A person or mailbox as the message names it. `value` is normalised (e-mail: lower case)."""

    kind: IdentityKind
    value: str
    name: str = ""
    role: Literal["", "cc", "bcc"] = Field(default="", description="of a recipient who got a copy; '' for all others")


class Attachment(_Frozen):
    """A part that is not text: named and measured, its content is not read."""

    filename: str
    content_type: str
    size: int = Field(ge=0, description="bytes after transfer decoding")
    inline: bool = False
    content_id: str = ""


LINK_SCHEMES = ("http://", "https://", "mailto:", "tel:", "ftp://")


def is_link(url: str) -> bool:
    """Tell whether an address may be shown as a link: nothing that a browser would run, however it is written.

    The scheme stands at the very start: what browsers pass over (controls, blanks) comes before none.
    """
    return url.lower().startswith(LINK_SCHEMES) and url.isprintable() and " " not in url


class Link(_Frozen):
    """A link in the body: its target and the text it was shown with."""

    url: str
    text: str = ""


class CanonicalMessage(_Frozen):
    """One message, provider-neutral. All texts are NFC, without NUL and lone surrogates; all times UTC."""

    native_id: str = Field(description="the provider's own stable id")
    kind: Kind
    rfc_message_id: str = Field(default="", description="Message-ID of a mail, without angle brackets")
    thread_key: str = Field(
        default="", description="what messages of one thread share: provider's id, or the first reference"
    )
    references: tuple[str, ...] = Field(default=(), description="Message-IDs this refers to, oldest first")
    parent_key: str = Field(default="", description="native id or Message-ID of the message this answers")
    channel: str = Field(default="", description="channel, folder or queue at the provider")
    author: Address | None = None
    recipients: tuple[Address, ...] = ()
    direction: Direction = Direction.UNKNOWN
    visibility: Visibility = Visibility.PUBLIC
    occurred_at: datetime | None = Field(default=None, description="the provider's time; null when absent or absurd")
    occurred_at_flag: str = Field(default="", description="'' | missing | absurd | future: why occurred_at is null")
    edited_at: datetime | None = None
    deleted: bool = False
    subject: str = ""
    text: str = Field(default="", description="the new text alone, without quoted text and signature")
    quoted_text: str = ""
    signature_text: str = ""
    language: str = Field(default="", description="BCP 47, '' when too short to tell; filled by the normaliser")
    automatic: AutomaticClass | None = None
    automatic_reason: str = ""
    is_bot: bool = False
    opaque: str = Field(default="", description="'' | smime | pgp | tnef: the body cannot be read here")
    attachments: tuple[Attachment, ...] = ()
    links: tuple[Link, ...] = ()
    labels: tuple[str, ...] = ()
    defects: tuple[str, ...] = Field(default=(), description="what was wrong with the raw message, in words")
    extra: dict[str, Any] = Field(default_factory=dict, description="provider fields worth keeping (status, priority)")
