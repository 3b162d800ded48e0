"""Things with a form of their own: addresses, numbers, codes, orders to a model. All patterns run in linear time."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

from opsintel_pipeline.analyze.profile import Entity, EntityType, PersonalData
from opsintel_pipeline.privacy import recognise
from opsintel_pipeline.privacy.found import PersonalKind

_ENTITIES: tuple[tuple[EntityType, re.Pattern[str]], ...] = (
    ("url", re.compile(r"https?://[^\s<>\"')\]]{3,300}", re.IGNORECASE)),
    ("order_id", re.compile(r"(?<!\w)(?:[A-Z]{1,5}[-#]\d{3,12}(?:-\d{1,6})?|#\d{4,12})(?!\w)")),
    (
        "error_code",
        re.compile(r"(?<!\w)(?:E\d{2,5}|0x[0-9A-Fa-f]{2,16}|[A-Z]{2,12}_[A-Z_]{2,40}|HTTP ?[45]\d\d)(?!\w)"),
    ),
    (
        "amount",
        re.compile(r"(?<!\w)(?:[€$£]\s?\d[\d.,]{0,15}|\d[\d.,]{0,15}\s?(?:€|EUR|USD|GBP|euros?|dollars|pounds))(?!\w)"),
    ),
    ("version", re.compile(r"(?<!\w)(?:v|version |Version |versión )\d{1,4}(?:\.\d{1,5}){1,3}(?!\w)")),
    ("date", re.compile(r"(?<!\w)(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4})(?!\w)")),
)
MAX_ENTITIES = 30

_INJECTION = re.compile(
    r"(?:ignore|disregard|forget|override)\s{1,3}(?:all |any |the |your |my |previous |prior |above |earlier ){1,4}"
    r"(?:instruction|prompt|rule|direction|context)s?"
    r"|(?:vergiss|ignoriere)\s{1,3}(?:alle |die |deine |vorherigen |bisherigen ){1,3}(?:anweisung|regel|befehl)\w{0,4}"
    r"|(?:ignora|olvida)\s{1,3}(?:todas |las |tus |instrucciones |anteriores ){1,4}instrucciones"
    r"|(?:you are now|act as|pretend to be)\s{1,3}(?:a |an |the )?(?:\w{1,20} ){0,3}(?:assistant|model|ai|admin|system)"
    r"|(?:system|developer)\s{0,2}(?:prompt|message)\s{0,2}:"
    r"|<\|?(?:im_start|system|endoftext)\|?>|\[/?INST\]"
    r"|(?:set|mark|classify|rate)\s{1,3}(?:this|the|it)?\s{0,3}(?:message |ticket |email |as ){0,3}"
    r"(?:severity|priority|sev)\w{0,3}\s",
    re.IGNORECASE,
)


def entities_in(text: str) -> tuple[Entity, ...]:
    """Return the things named in a text, each once, in order of their kinds; at most `MAX_ENTITIES`."""
    found: dict[tuple[EntityType, str], None] = {}
    for kind, pattern in _ENTITIES:
        for match in pattern.finditer(text):
            found[(kind, match.group().rstrip(".,;:"))] = None
    return tuple(Entity(type=kind, value=value[:300]) for kind, value in list(found)[:MAX_ENTITIES])


def personal_data_in(text: str) -> tuple[PersonalData, ...]:
    """Return kinds and counts of structured personal data in a text; never the values."""
    values = {(place.kind, text[place.start : place.end].casefold()) for place in recognise(text)}
    counts = Counter(kind for kind, _ in values)
    return tuple(PersonalData(type=kind, count=counts[kind]) for kind in get_args(PersonalKind) if counts[kind])


def injection_in(text: str) -> str:
    """Return the first words that try to give orders to a model; "" when there are none."""
    match = _INJECTION.search(text)
    return match.group() if match else ""
