"""What messages of one thread share. References first (RFC 5322, section 3.6.4), the subject as the last resort."""

from __future__ import annotations

import re

REFERENCES_LIMIT = 100
_ID_LIMIT = 500
_ID = re.compile(r"<\s*([^<>\s]{1,500})\s*>")
_PREFIX = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|aw|antw|antwort|sv|vs|odp|ynt|rif|r|res|resp|ref|回复|回覆|答复|返信|отв|ha|"
    r"fwd?|wg|tr|rv|enc|pd|vb|i|转发|轉寄|転送)(?:\s*\[\d{1,3}\]|\s*\(\d{1,3}\))?\s*[:：]\s*",
    re.IGNORECASE,
)
_REPLY = re.compile(
    r"\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|aw|antw|antwort|sv|vs|odp|ynt|rif|res|回复|回覆|答复|返信|отв)"
    r"(?:\s*\[\d{1,3}\]|\s*\(\d{1,3}\))?\s*[:：]",
    re.IGNORECASE,
)
_SUBJECT_MINIMUM = 8


def message_id(value: str) -> str:
    """Return a Message-ID without its brackets, '' where there is none."""
    found = _ID.search(value)
    return found.group(1) if found else value.strip().strip("<>").split(" ", 1)[0][:_ID_LIMIT]


def references_of(references: str, in_reply_to: str) -> tuple[str, ...]:
    """Return the Message-IDs that a mail refers to, oldest first, each once; of too many the first and the last."""
    found = list(dict.fromkeys(_ID.findall(references)))
    for parent in _ID.findall(in_reply_to)[:1]:
        if parent not in found:
            found.append(parent)
    if len(found) > REFERENCES_LIMIT:
        found = [found[0], *found[1 - REFERENCES_LIMIT :]]
    return tuple(found)


def base_subject(subject: str) -> str:
    """Return a subject without the prefixes of answers and forwards, in one case."""
    for _ in range(20):
        found = _PREFIX.match(subject)
        if not found:
            break
        subject = subject[found.end() :]
    return " ".join(subject.casefold().split())


def thread_key(rfc_message_id: str, references: tuple[str, ...], subject: str) -> str:
    """Return the key of a mail's thread: its first reference, else its own id.

    An answer that names no mail it answers is joined to others by its subject, when that is long enough to tell;
    a first message never is, so that equal subjects ("Invoice") do not run together.
    """
    if references:
        return references[0]
    if _REPLY.match(subject):
        base = base_subject(subject)
        if len(base) >= _SUBJECT_MINIMUM:
            return f"subject:{base[:200]}"
    return rfc_message_id
