"""Telephone numbers of every region, without a country's code of fifty-two, by libphonenumber's metadata.

A number with its country's code is taken wherever it stands. One without is taken where the text says so ("Tel.",
"call me at"), or where it is written as its region writes it and nothing says that it is an order, a date or an amount.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat

from opsintel_pipeline.privacy.found import Finds, Found

REGIONS = (
    "US", "CA", "GB", "IE", "DE", "AT", "CH", "FR", "BE", "NL", "LU", "ES", "PT", "IT", "GR", "PL", "CZ", "SK", "HU",
    "RO", "BG", "HR", "SE", "NO", "DK", "FI", "UA", "TR", "IL", "AE", "ZA", "IN", "SG", "JP", "KR", "CN", "AU", "NZ",
    "BR", "MX", "RU", "AR", "CL", "CO", "TH", "ID", "MY", "PH", "HK", "TW", "SA", "EG",
)  # fmt: skip
"""Where numbers are told without their country's code."""

_SEPARATORS = r"[ \u00a0\u2009\u202f().\-\u2010-\u2013/]"
_NUMBER = re.compile(
    rf"(?<![\w@])(?<!\w[./#-])\(?(?:\+ ?)?\(?\d(?:{_SEPARATORS}{{0,3}}\d){{5,24}}"
    r"(?:\s?(?:x|ext\.?|extension|durchwahl)\s?\d{1,6}(?!\w)|(?!\w))",
    re.IGNORECASE,
)
_BROKEN = re.compile(rf"(?<![\w+])(?:\+|\d)(?:{_SEPARATORS}?\d){{0,8}}\n(?=\d)")
"""At most nine digits at the end of a line, and more in the next."""
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension|durchwahl)\s?\d{1,6}\Z", re.IGNORECASE)
_GROUP = re.compile(r"\d+")
_CALLED = re.compile(
    r"(?:phone|\btel|mobil|\bcell|\bcall|\bring\b|\bdial|\bsms\b|\btext me|\bfax|whats ?app|signal|handy|telefon|anruf"
    r"|rückruf|erreich|móvil|celular|llam|portable|appele|joindre|cellulare|chiam|komórk|\bgsm\b|telemóvel|☎|📞|📱|电话|電話"
    r"|전화|טלפון|\b(?:my|meine|mi|mon|il mio|mijn) (?:num|núm)\w*)\w{0,8}[^\w\n]{0,4}"
    r"(?:(?:numbers?|no|nr|nummer|número|numéro|numero|is|are|at|on|under|me|us|my|new|the|to|or|and|work|home|direct|line"
    r"|office|back|unter|ist|lautet|auf|mich|uns|es|al|a|en|au|le|est|mi|su)[^\w\n]{1,4}){0,4}\Z",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"(?:order|invoice|ticket|case|\bref|reference|number|\bno\.?|\bnr\.?|\bid\b|#|№|sku|serial|transaction|\btxn|waybill|\bawb|\bsession|request|\btrace|track|parcel|shipment|version|build"
    r"|article|\bart\b|item|part|\bpo\b|model|serie\w*|\blot\b|\blos\b|batch|charge|gtin|\bean\b|\bupc\b|isbn|\bimei\b|flight|flug|\bvuelo|\bvalues?\b"
    r"|readings?|\b(?:mess)?werte?\b|lieferschein\w*|bauteil\w*|vertrag\w*|material\w*|artikel\w*|bestell\w*|rechnung\w*|auftrag\w*|vorgang\w*|kunden\w*|sendung\w*|pedido|factura|commande|facture"
    r"|colis|ordine|fattura|account|konto|customer|contract|policy|total|amount|price|sum|balance|[€$£¥])\W{0,4}(?:[a-z]{1,6}\W{1,2})?\Z",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:(?:19|20)\d\d[-./](?:0?[1-9]|1[0-2])[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d)(?!\d)")
_AMOUNT = re.compile(r"[1-9]\d{0,2}(?:([ .\u00a0\u202f])\d{3})(?:\1\d{3})+(?:\.\d\d)?\Z")
_NANP = re.compile(r"(?:\+?1[-. ])?(?:\([2-9]\d\d\)[-. ]?\d{3}[-. ]\d{4}|[2-9]\d\d([-.])\d{3}\1\d{4})\Z")
_BEFORE = 40
_LEAST, _MOST = 7, 15
"""Digits of a number (E.164)."""
_MOST_GROUPS = 7
_SINGLES = re.compile(rf"(?:\d{_SEPARATORS}{{1,3}}){{{_MOST_GROUPS},}}")
"""Single digits, more than a number has groups."""
_SMALL = re.compile(r"(?:\d{1,2}|(?:19|20)\d\d)(?!\d)")


def phones(text: str) -> Finds:
    """Yield the telephone numbers of a text, with their extensions."""
    text = _BROKEN.sub(_rejoined, text)
    for match in _NUMBER.finditer(text):
        bracket = match.group().startswith("(") and ")" not in match.group()
        yield from _within(text, match.start() + bracket, match.end())


def _rejoined(match: re.Match[str]) -> str:
    """Return the begin of a number, and a space for the end of its line, where it has only begun."""
    begin = match.group()
    before = match.string[max(0, match.start() - _BEFORE) : match.start()]
    few = sum(character.isdigit() for character in begin) < _LEAST
    is_begun = begin.startswith(("+", "00")) or (few and _CALLED.search(before) is not None)
    return begin[:-1] + " " if is_begun else begin


def _within(text: str, start: int, end: int) -> Finds:
    """Yield the numbers in one run of groups of digits: two may stand side by side, or after a date."""
    called, otherwise = _named_at(text, start)
    while end - start >= _LEAST:
        singles = None if called else _SINGLES.match(text, start, end)
        if singles:
            start = singles.end()
            continue
        date = _DATE.match(text, start, end)
        if date:
            start = date.end()
        else:
            reach = _reach(text, start, end, otherwise=otherwise)
            if reach:
                yield Found("phone", start, reach)
            start = reach or _after_small_number(text, start, end)
        while start < end and text[start] not in "+(0123456789":
            start += 1


def _named_at(text: str, start: int) -> tuple[bool, bool]:
    """Return whether the words before a place say that a telephone number follows, and whether they say otherwise."""
    before = text[max(0, start - _BEFORE) : start].rpartition("\n")[2]
    called = _CALLED.search(before) is not None
    return called, not called and (_OTHERWISE.search(before) is not None or _in_link(text, start))


def _reach(text: str, start: int, end: int, *, otherwise: bool) -> int:
    """Return where the longest telephone number that begins at a place ends; 0 when none does.

    `otherwise` tells that words before the run of digits name something else: that holds to its end.
    """
    called, other = _named_at(text, start)
    otherwise = not called and (otherwise or other)
    extension = _EXTENSION.search(text, start, end)
    ends = [end] if extension else []
    groups = _GROUP.finditer(text, start, extension.start() if extension else end)
    ends += [group.end() for group in islice(groups, _MOST_GROUPS)][::-1]
    longest = possible = 0
    for reach in ends:
        number = text[start : extension.start() if extension and reach == end else reach]
        digits = sum(character.isdigit() for character in number)
        if digits < _LEAST:
            break
        if digits <= _MOST and _ends_well(text, reach):
            longest = longest or reach
            if not _is_phone(number, called=called and "+" not in number, otherwise=otherwise):
                continue
            if "+" not in number or _is_valid(number):
                return reach
            possible = possible or reach
    return possible or (longest if called else 0)


def _ends_well(text: str, end: int) -> bool:
    return re.match(r"[-./]?\w", text[end : end + 2]) is None or text[end : end + 1] == "."


def _is_phone(number: str, *, called: bool, otherwise: bool) -> bool:
    digits = "".join(_GROUP.findall(number))
    if called:
        return _DATE.match(number) is None
    if "+" in number:
        return _is_international(number.lstrip("("))
    if digits.startswith("00") and len(digits) > 9 and not otherwise:
        return _is_international("+" + digits[2:])
    if otherwise or _AMOUNT.match(number):
        return False
    return _NANP.match(number) is not None or _is_written_as_in_a_region(number, digits)


def _is_international(number: str) -> bool:
    parsed = _parsed(number.replace("(0)", ""), None)
    return parsed is not None and phonenumbers.is_possible_number(parsed)


def _is_valid(number: str) -> bool:
    parsed = _parsed(number.lstrip("(").replace("(0)", ""), None)
    return parsed is not None and phonenumbers.is_valid_number(parsed)


def _is_written_as_in_a_region(number: str, digits: str) -> bool:
    groups = _GROUP.findall(number)
    if not (digits.startswith("0") or number.startswith("(") or 2 < len(groups) < 6):
        return False
    if sum(len(group) == 1 for group in groups) > 1:
        return False
    for region, pattern in _patterns():
        if pattern.fullmatch(digits):
            parsed = _parsed(digits, region)
            if parsed is not None and _is_grouped_alike(groups, digits, parsed):
                return True
    return False


def _is_grouped_alike(groups: list[str], digits: str, number: PhoneNumber) -> bool:
    """Tell whether digits stand in the groups of the region, or after its area code in any; all in one after a zero."""
    written = _GROUP.findall(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
    if groups == written or (len(groups) == 1 and digits.startswith("0")):
        return True
    return digits.startswith("0") and len(groups) > 1 and groups[0] == written[0]


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return what a number of each region is, with the digit for calls within it where there is one."""
    known = ((region, PhoneMetadata.metadata_for_region(region)) for region in REGIONS)
    return tuple((region, _pattern(metadata)) for region, metadata in known if metadata is not None)


def _pattern(metadata: PhoneMetadata) -> re.Pattern[str]:
    kinds = (
        metadata.fixed_line, metadata.mobile, metadata.toll_free, metadata.premium_rate, metadata.shared_cost,
        metadata.personal_number, metadata.voip, metadata.uan,
    )  # fmt: skip
    numbers = "|".join(kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern)
    return re.compile(rf"(?:{metadata.national_prefix or ''})?(?:{numbers})")


def _parsed(number: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(number, region)
    except NumberParseException:
        return None


def _after_small_number(text: str, start: int, end: int) -> int:
    """Return the end of a count or a year that stands before a number; the end of all when none does."""
    group = _SMALL.match(text, start, end)
    return group.end() if group else end


def _in_link(text: str, place: int) -> bool:
    """Tell whether a place is within a link: digits there are ids."""
    word = text[max(0, place - 200) : place].rsplit(None, 1)
    return bool(word) and "://" in word[-1] and not text[place - 1].isspace()
