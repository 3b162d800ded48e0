"""Invitations (iCalendar, RFC 5545): who is asked to what and when, as text."""

from __future__ import annotations

import re

_FOLD = re.compile(r"\n[ \t]")
_LINE = re.compile(r"([A-Za-z-]{1,40})((?:;[^:\"\n]*(?:\"[^\"\n]*\")?)*):([^\n]*)")
_SHOWN = {"SUMMARY": "", "DTSTART": "Starts: ", "DTEND": "Ends: ", "LOCATION": "Where: ", "DESCRIPTION": ""}
_EVENT_LIMIT = 100_000


def read_calendar(text: str) -> tuple[str, dict[str, str]]:
    """Return the first event of a calendar as text, and its method, summary, start and identifier."""
    text = _FOLD.sub("", text[:_EVENT_LIMIT])
    method = re.search(r"^METHOD:([^\n]{1,40})", text, re.MULTILINE | re.IGNORECASE)
    begin = text.upper().find("BEGIN:VEVENT")
    event = text[begin if begin >= 0 else 0 :]
    values: dict[str, str] = {}
    for line in event.split("\n"):
        if line.upper().startswith("END:VEVENT"):
            break
        found = _LINE.match(line[:10_000])
        if found:
            values.setdefault(found.group(1).upper(), _unescape(found.group(3)))
    shown = "\n".join(f"{title}{values[name]}" for name, title in _SHOWN.items() if values.get(name))
    fields = {"method": method.group(1).strip() if method else ""}
    fields |= {name.lower(): values[name][:500] for name in ("SUMMARY", "DTSTART", "UID", "STATUS") if name in values}
    return shown, fields


def _unescape(value: str) -> str:
    """Resolve the escapes of a text value (RFC 5545, section 3.3.11)."""
    return re.sub(r"\\(.)", lambda found: "\n" if found.group(1) in "nN" else found.group(1), value).strip()
