"""Things with a form of their own: addresses, numbers, codes, orders to a model. All patterns run in linear time."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from opsintel_pipeline.analyze.profile import Entity, EntityType, PersonalData

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}(?!\w)", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w/#.-])(?:\+|00)?\d[\d ()/.-]{7,20}\d(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_CARD = re.compile(r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)")
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])")

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
    cards = {m.group() for m in _CARD.finditer(text) if _is_card(m.group())}
    ibans = {m.group() for m in _IBAN.finditer(text) if _is_iban(m.group())}
    rest = text
    for value in (*cards, *ibans):
        rest = rest.replace(value, " ")
    counted: tuple[tuple[Literal["email", "phone", "iban", "card", "ip"], int], ...] = (
        ("email", len({m.group().lower() for m in _EMAIL.finditer(text)})),
        ("phone", len({m.group() for m in _PHONE.finditer(rest) if _is_phone(m.group())})),
        ("iban", len(ibans)),
        ("card", len(cards)),
        ("ip", len({m.group() for m in _IP.finditer(text) if _is_address(m.group())})),
    )
    return tuple(PersonalData(type=kind, count=count) for kind, count in counted if count)


def injection_in(text: str) -> str:
    """Return the first words that try to give orders to a model; "" when there are none."""
    match = _INJECTION.search(text)
    return match.group() if match else ""


def _is_card(value: str) -> bool:
    digits = [int(character) for character in value if character.isdigit()]
    doubled = [digit if place % 2 == 0 else sum(divmod(digit * 2, 10)) for place, digit in enumerate(reversed(digits))]
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and sum(doubled) % 10 == 0


def _is_iban(value: str) -> bool:
    compact = value.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1


def _is_phone(value: str) -> bool:
    digits = sum(character.isdigit() for character in value)
    return 8 <= digits <= 15 and (value[0] in "+0(" or "-" in value or " " in value) and not _looks_like_date(value)


def _looks_like_date(value: str) -> bool:
    return re.fullmatch(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?: \d{1,2})?", value.strip()) is not None


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
