"""Parts that are not read: named and measured."""

from __future__ import annotations

import re

from opsintel.events.message import Attachment
from opsintel_pipeline.normalize.headers import parameters
from opsintel_pipeline.normalize.structure import Part
from opsintel_pipeline.normalize.text import clean_line

_NAME_LIMIT = 255
_TYPE_LIMIT = 127


def is_attached(part: Part) -> bool:
    """Tell whether a text part is a file rather than a piece of the body."""
    disposition = part.headers.raw("content-disposition").strip().lower()
    if disposition.startswith("attachment"):
        return True
    if part.depth == 0 or part.type == "text/calendar" or not filename(part):
        return False
    return not disposition.startswith("inline") or part.type != "text/plain"


def filename(part: Part) -> str:
    """Return the name of a part without any path (a path is another's disk, or an attack), '' where it has none."""
    disposition = part.headers.raw("content-disposition")
    name = parameters(disposition).get("filename", "") if disposition else ""
    return re.split(r"[\\/]", clean_line(name or part.params.get("name", ""), _NAME_LIMIT))[-1]


def attachment(part: Part) -> Attachment:
    """Return a part by its name, type and size."""
    disposition = part.headers.raw("content-disposition").strip().lower()
    identifier = clean_line(part.headers.raw("content-id").strip("<> "), _NAME_LIMIT)
    return Attachment(
        filename=filename(part),
        content_type=part.type[:_TYPE_LIMIT],
        size=part.size(),
        inline=disposition.startswith("inline") or (bool(identifier) and not disposition),
        content_id=identifier,
    )
