"""Numbers with a check of their own: IBAN (ISO 13616), payment cards (ISO/IEC 7812) and national identity numbers."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from importlib import import_module

from stdnum import iban, luhn
from stdnum.iso7064 import mod_97_10

from opsintel_pipeline.privacy.found import Finds, Found

_IBAN = re.compile(
    r"(?<![A-Za-z0-9])(?=([A-Za-z]{2}\d{2}(?:[ \u00a0-]?[A-Za-z0-9]{4}){2,7}(?:[ \u00a0-]?[A-Za-z0-9]{1,3})?)"
    r"(?![A-Za-z0-9]))"
)
_BROKEN = re.compile(r"(?<=[0-9A-Za-z])\n(?=[0-9A-Za-z])")
"""Where a number goes on in the next line; its check digits tell whether it does."""
_COUNTRIES = frozenset(
    """
    AD AE AL AT AZ BA BE BG BH BR BY CH CR CY CZ DE DK DO EE EG ES FI FO FR GB GE GI GL GR GT HR HU IE IL IQ IS IT JO KW
    KZ LB LC LI LT LU LV LY MC MD ME MK MR MT MU NL NO PK PL PS PT QA RO RS SA SC SE SI SK SM ST SV TL TN TR UA VA VG XK
    """.split()  # noqa: SIM905  one word a country
)
_CARD = re.compile(
    r"(?<![\w.+])(?<!\d-)(?=(\d{12,19}|\d{4}([ \u00a0.-])\d{4}\2\d{4}\2\d{2,4}(?:\2\d{1,3})?"
    r"|\d{4}([ \u00a0-])\d{6}\3\d{4,5})(?![\w]|[.-]\d))"
)
_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d|09|9\d)\d{11,16}|(?:6011|65\d\d|64[4-9]\d)\d{12}|(?:2131|1800)\d{11}|35\d{14}"
    r"|62\d{14,17}|(?:5018|5020|5038|5[6-8]\d\d|6304|6390|67\d\d)\d{8,15}|9792\d{12}|220[0-4]\d{12}|(?:60|81|82|508)\d{13,14}"
)
"""Prefixes and lengths of Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro and others."""

_CALLED_ID = re.compile(
    r"(?:social security|tax (?:id|number)|national (?:id|insurance)|identity (?:card|number)"
    r"|personal (?:id|code|number)"
    r"|personal-?id|personnummer|personal(?:ausweis|kennziffer)|fødselsnummer|steuer-?id|identifikationsnummer|burgerservice|rijksregister|aadhaar|pesel"
    r"|codice fiscale|rodné|kimlik|henkilötunnus|kennitala|isikukood|asmens kodas|sécurité sociale|身份证|주민"
    r"|(?-i:\b(?:SSN|SIN|TFN|NHS|BSN|NIF|NIE|DNI|NINO|TIN|PAN|CPF|OIB|EGN|CNP|RUT|CURP|TCKN|AHV|IdNr|PPS)\b))",
    re.IGNORECASE,
)
_AFTER_CALLED = re.compile(r"[^\W\d]{0,20}\W{0,4}(?:[^\W\d]{1,10}\W{1,3}){0,2}\Z")
_BEFORE = 48

_IDENTITIES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"\d{3}-\d{2}-\d{4}", ("us.ssn", "us.itin")),
    (r"[A-Za-z]{6}\d{2}[A-Za-z]\d{2}[A-Za-z]\d{3}[A-Za-z]", ("it.codicefiscale",)),
    (r"[A-Za-z]{4}\d{6}[HMhm][A-Za-z]{5}[A-Za-z0-9]\d", ("mx.curp",)),
    (r"\d{8}-?[A-Za-z]|[XYZxyz]-?\d{7}-?[A-Za-z]", ("es.dni", "es.nie")),
    (r"[12] ?\d{2} ?\d{2} ?(?:\d{2}|2[ABab]) ?\d{3} ?\d{3} ?\d{2}", ("fr.nir",)),
    (r"756\.?\d{4}\.?\d{4}\.?\d{2}", ("ch.ssn",)),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", ("br.cpf",)),
    (r"\d{1,2}\.\d{3}\.\d{3}-[\dKk]", ("cl.rut",)),
    (r"[A-Z]{3}P[A-Z]\d{4}[A-Z]", ("in_.pan",)),
    (r"[2-9]\d{3} \d{4} \d{4}", ("in_.aadhaar",)),
    (r"\d{6}[-+A]\d{3}[0-9A-Y]", ("fi.hetu",)),
    (r"(?:\d{2})?\d{6}[-+]\d{4}", ("se.personnummer", "dk.cpr", "is_.kennitala")),
    (r"\d{6}/\d{3,4}", ("cz.rc",)),
    (r"\d{6}-[1-8]\d{6}", ("kr.rrn",)),
    (r"\d{6}-?\d{5}", ("lv.pvn",)),
    (r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", ("be.nn",)),
    (r"\d{17}[\dXx]", ("cn.ric",)),
    (r"\d{6} ?\d{5}", ("no.fodselsnummer",)),
    (r"\d{11}", ("pl.pesel", "tr.tckimlik", "be.nn", "ee.ik", "lt.asmens")),
    (r"\d{13}", ("ro.cnp", "za.idnr", "si.emso")),
)
"""Forms that tell themselves, each with those of python-stdnum that check them."""

_NINO = re.compile(r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)")
"""National Insurance number of the United Kingdom (HMRC, NIM39110); it has no check digit."""


def _compiled(forms: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    return tuple((re.compile(rf"(?:{form})(?![\w]|[-./]\d)"), checks) for form, checks in forms)


_FORMS = _compiled(_IDENTITIES)
_ANY_FORM = re.compile("|".join(f"(?:{pattern.pattern})" for pattern, _ in _FORMS))
_CALLED_ANY = re.compile(r"[A-Za-z]{0,3}(?:[ .-]?\d){7,16}[A-Za-z]?(?![\w]|[-./]\d)")
"""What is called an identity number is taken for one, whatever its country."""
_DIGITS = re.compile(r"\d{2}")
_BEGINNING = re.compile(r"(?<![\w.+-])(?=[A-Za-z]{0,6}-?\d)")
"""Where any of the forms may begin."""


def ibans(text: str) -> Finds:
    """Yield the account numbers of a text, grouped or not."""
    for match in _IBAN.finditer(_BROKEN.sub(" ", text)):
        start, end = match.span(1)
        while end - start >= 15:
            if _is_iban(match[1][: end - start]):
                yield Found("iban", start, end)
                break
            end = start + _last_break(match[1], 0, end - start)


def cards(text: str) -> Finds:
    """Yield the numbers of payment cards: issuer, length and check digit are right."""
    for match in _CARD.finditer(_BROKEN.sub(" ", text)):
        digits = "".join(character for character in match[1] if character.isdigit())
        if _ISSUERS.fullmatch(digits) and len(set(digits)) > 1 and luhn.is_valid(digits):
            yield Found("card", *match.span(1))


def national_ids(text: str) -> Finds:
    """Yield identity numbers of persons that python-stdnum checks, and National Insurance numbers."""
    if not _DIGITS.search(text):
        return
    for match in _NINO.finditer(text):
        yield Found("national_id", match.start(), match.end())
    called = [match.end() for match in _CALLED_ID.finditer(text)]
    for place in _BEGINNING.finditer(text):
        start = place.start()
        end = _identity_end(text, start) if _ANY_FORM.match(text, start) else 0
        if not end and called and _is_called(text, start, called):
            taken = _CALLED_ANY.match(text, start)
            end = taken.end() if taken else 0
        if end:
            yield Found("national_id", start, end)


def _identity_end(text: str, start: int) -> int:
    """Return where the checked identity number that begins at a place ends; 0 when none begins there."""
    for pattern, checks in _FORMS:
        match = pattern.match(text, start)
        if match and any(_check(name)(match.group()) for name in checks):
            return match.end()
    return 0


def _is_called(text: str, start: int, called: list[int]) -> bool:
    """Tell whether the last of the words that announce an identity number, by their ends, stands before a place."""
    last = bisect_right(called, start) - 1
    return last >= 0 and start - called[last] <= _BEFORE and bool(_AFTER_CALLED.fullmatch(text, called[last], start))


@cache
def _check(name: str) -> Callable[[str], bool]:
    check: Callable[[str], bool] = import_module(f"stdnum.{name}").is_valid
    return check


def _is_iban(value: str) -> bool:
    """Tell whether check digits are right and the form is the country's; in capitals, whether the digits are."""
    compact = "".join(character for character in value if character.isalnum())
    if not 15 <= len(compact) <= 34 or compact[:2].upper() not in _COUNTRIES:
        return False
    if not mod_97_10.is_valid(compact[4:] + compact[:4]):
        return False
    return compact.isupper() or iban.is_valid(compact, check_country=False)


def _last_break(text: str, start: int, end: int) -> int:
    """Return where the last group of a grouped number begins; `start` when there is none."""
    return max((text.rfind(mark, start, end) for mark in (" ", "\u00a0", "-")), default=start)
