"""People who were erased and come again, from a source or out of a back-up: erased on arrival."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from opsintel.events.message import Address, CanonicalMessage, Kind
from opsintel.people.payloads import readings
from opsintel.people.redact import QUOTE, Redactor, Terms
from opsintel.people.suppression import Suppressed


def is_by_erased(message: CanonicalMessage, gone: Suppressed) -> bool:
    """Tell whether a person who was erased wrote it: such a message is not stored."""
    return message.author is not None and _is_gone(message.author, gone)


def names_erased(payload: bytes, message: CanonicalMessage, gone: Suppressed) -> bool:
    """Tell whether a payload names such a person, in whatever part of it."""
    redactor = _redactor(message, gone, payload)
    return any(_is_gone(one, gone) for one in message.recipients) or any(map(redactor.names, readings(payload)))


def without_erased(message: CanonicalMessage, gone: Suppressed, payload: bytes) -> CanonicalMessage:
    """Return the message of somebody else with placeholders where it names such a person, and without their quotes."""
    redactor = _redactor(message, gone, payload)
    fields = message.model_dump(mode="python", exclude={"author", "recipients", "quoted_text", "kind"})
    changed = {name: redactor.redacted_value(value) for name, value in fields.items() if isinstance(value, str | dict)}
    changed = {name: value for name, value in changed.items() if value != fields[name]}
    return message.model_copy(
        update={
            **changed,
            "recipients": tuple(one for one in message.recipients if not _is_gone(one, gone)),
            "quoted_text": QUOTE if redactor.names(message.quoted_text) else message.quoted_text,
            "attachments": tuple(
                part.model_copy(update={"filename": redactor.redacted(part.filename)}) for part in message.attachments
            ),
            "links": tuple(
                link.model_copy(update={"url": redactor.redacted(link.url), "text": redactor.redacted(link.text)})
                for link in message.links
            ),
            "labels": tuple(label for label in message.labels if not redactor.names(label)),
        }
    )


def mark_erased(connection: psycopg.Connection, payload_ids: Sequence[UUID]) -> None:
    """Mark payloads whose bytes go from the store, in the caller's transaction."""
    connection.execute(
        "UPDATE raw_payload SET erased_at = now(), normalized_at = now() WHERE id = ANY(%s)", (list(payload_ids),)
    )


def _redactor(message: CanonicalMessage, gone: Suppressed, payload: bytes) -> Redactor:
    people = [*message.recipients, *([message.author] if message.author else [])]
    names = {one.name for one in people if one.name and _is_gone(one, gone)}
    listed = _listed(payload) if message.kind is Kind.CHAT else {}
    ids = {
        one
        for one, user in listed.items()
        if gone.holds("slack", one) or gone.holds_email(str(user.get("email", "")).strip().lower())
    }
    names |= {str(listed[one].get(field, "")) for one in ids for field in ("real_name", "name")} - {""}
    return Redactor(Terms(names=frozenset(names), ids=frozenset(ids)), is_erased=gone.holds_email)


def _listed(payload: bytes) -> dict[str, dict[str, Any]]:
    """Return the directory that a chat's payload brings along: people by their ids there."""
    try:
        users = json.loads(payload)["users"]
        return {one: user for one, user in users.items() if isinstance(user, dict)}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _is_gone(address: Address, gone: Suppressed) -> bool:
    return gone.holds(address.kind.value, address.value)
