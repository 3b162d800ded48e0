"""Messages with personal data at known places, and with numbers that only look like it: made from a seed, of nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban, luhn
from stdnum.es import dni
from stdnum.pl import pesel

from opsintel.errors import InputError
from opsintel_pipeline.privacy.found import Found, PersonalKind
from opsintel_pipeline.privacy.phones import REGIONS

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHANUMERIC = _LETTERS + _LETTERS.upper() + "0123456789"
_NAMES = ("ada", "grace", "linus", "margaret", "jürgen", "zoë", "maría", "li", "olga", "kofi", "aylin", "søren")
_DOMAINS = (
    "example.org",
    "mail.example.co.uk",
    "firma.example.de",
    "exämple.de",
    "post.example.com.br",
    "xn--fsq.example.net",
)
_ACCOUNTS = {
    "DE": "n18", "FR": "n10c11n2", "GB": "a4n14", "ES": "n20", "IT": "a1n10c12", "NL": "a4n10", "BE": "n12",
    "AT": "n16", "CH": "n5c12", "PL": "n24", "SE": "n20", "NO": "n11", "DK": "n14", "FI": "n14", "PT": "n21",
    "IE": "a4n14", "CZ": "n20",
    "GR": "n7c16", "TR": "n6c16", "SA": "n2c18", "AE": "n19", "BR": "n23a1c1", "RO": "a4c16", "HU": "n24",
}  # fmt: skip
"""Structure of a country's account number: figures n, capitals a, both c, with how many (ISO 13616 registry)."""

_CARDS = (
    ("4", 16),
    ("51", 16),
    ("2221", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("3528", 16),
    ("36", 14),
    ("62", 16),
    ("67", 16),
)
_TOKENS = (("sk-", 40), ("ghp_", 36), ("xoxb-", 44), ("glpat-", 20), ("sk_live_", 24), ("github_pat_", 60), ("hf_", 34))

_SENTENCES: dict[PersonalKind, tuple[str, ...]] = {
    "email": (
        "Please write to {} today.", "Bitte antworten Sie an {}.", "Mi correo es {}, gracias.", "Ada <{}> wrote:",
        '<a href="mailto:{}">mail</a>', "| ada | {} | active |", "From: {}\r\nTo: support", "contact;{};3",
    ),
    "phone": (
        "Call me at {} after five.", "Tel. {}", "Tel.: {} | Fax: see below", "Meine Nummer: {}", "Mi teléfono es {}.",
        "Mobile\t{}\tDesk 4", "Vous pouvez me joindre au {}.", "phone;{};3",
    ),
    "iban": ("IBAN: {}", "Bitte auf {} überweisen.", "| refund | {} | 12.50 |", "Mi cuenta {} no va.", "account={}"),
    "card": ("My card {} was charged twice.", "Karte {} gesperrt", "| visa | {} | 12/29 |", "tarjeta {}", "pan={}"),
    "ip": ("Blocked login from {}.", "src={} dst=internal", "| edge | {} | up |", "Von {}", "[{}] refused"),
    "key": ("The key is {} and fails.", "Authorization: Bearer {}", "| prod | {} |", "token={}", "Unser Schlüssel: {}"),
    "national_id": ("My ID number is {}.", "DNI {}", "| ada | {} |", "Personal-ID: {}, bitte prüfen", "id;{};3"),
}  # fmt: skip
_UNLABELLED = ("Best regards\nAda\n{}", "| ada | {} | desk 4 |", "{} works best, thanks.", "Grüße, Ada, {}")
"""Where nothing says that a number is a telephone's."""

_NEGATIVES = (
    "Order {d10} has not arrived.", "Order no. {d3}-{d7}-{d7}", "Invoice INV-2026-{d5}, total 1 {d3} {d3},00 EUR",
    "Since version {d1}.{d2}.{d2}.{d1} it crashes.", "On 2026-{month}-{day} 14:{d2}:07 it began.",
    "Seit {day}.{month}.2026 um 9:30 Uhr", "We paid ${d2},{d3}.50 twice.", "commit {hex40}", "md5 {hex32}",
    "sha256:{hex32}{hex32}", "trace {uuid} failed", "Tracking 1Z{capitals}", "Parcel RR{d9}US is lost.",
    "ts=17{d8} took_ms={d5}", "MAC {mac} at 12:{d2}:07", "at 52.{d5}, 13.{d5} near the gate",
    "Ticket #{d6} from 10-12 and 14-16", "SKU {d4}-{d4}-A in 3 x 12 packs", "Revenue was {d1}.{d3}.{d3},00 last year.",
    "see https://shop.example.com/orders/{d10}?page={d2}", "The password is correct, the secret was rotated.",
    "std::vector and a::b, ratio 1:{d1}:{d1}, 2026/27", "Bestellung {d8}, Kundennummer {d6}",
    "{d1} of {d5} rows, {d2} % in {d3} s",
)  # fmt: skip
"""Sentences with numbers of d… digits that are nobody's."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A message and the places of the personal data in it."""

    text: str
    places: tuple[Found, ...]


def generate(count: int, seed: int) -> list[Generated]:
    """Return messages of one to four personal values each among three to six lines without any."""
    random = Random(seed)  # noqa: S311  nothing secret is made
    return [_message(random) for _ in range(count)]


def _message(random: Random) -> Generated:
    lines: list[tuple[str, PersonalKind | None, str]] = [
        (_negative(random), None, "") for _ in range(random.randrange(3, 7))
    ]
    for _ in range(random.randrange(1, 5)):
        kind = random.choice(list(_SENTENCES))
        value, sentences = _VALUES[kind](random), _SENTENCES[kind]
        if kind == "phone" and value[0] in "+(0" and random.random() < 0.3:
            sentences = _UNLABELLED
        lines.append((random.choice(sentences).replace("{}", value), kind, value))
    random.shuffle(lines)
    text, places = "", []
    for line, planted, value in lines:
        if planted is not None:
            start = len(text) + line.index(value)
            places.append(Found(planted, start, start + len(value)))
        text += line + random.choice(("\n", "\n\n", "\r\n", "<br>", "&nbsp;\n"))
    return Generated(text, tuple(places))


def _negative(random: Random) -> str:
    drawn = f"{random.getrandbits(160):040x}"
    numbers = {f"d{size}": str(random.randrange(10 ** (size - 1), 10**size)) for size in range(1, 11)}
    return random.choice(_NEGATIVES).format(
        **numbers,
        month=f"{random.randrange(1, 13):02}",
        day=f"{random.randrange(1, 29):02}",
        hex40=drawn,
        hex32=drawn[:32],
        uuid=f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-a{drawn[17:20]}-{drawn[20:32]}",
        mac=":".join(drawn[place : place + 2] for place in range(0, 12, 2)),
        capitals="".join(random.choices("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", k=16)),
    )


def _email(random: Random) -> str:
    local = (
        f"{random.choice(_NAMES)}{random.choice(('', '.', '_', '+'))}{random.choice(_NAMES)}{random.choice(('', '7'))}"
    )
    return f"{local}@{random.choice(_DOMAINS)}"


def _phone(random: Random) -> str:
    region = random.choice(REGIONS)
    kind = random.choice((PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE))
    example = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    if example is None:
        raise InputError(f"there is no telephone number of {region}")
    code = f"+{example.country_code}{'0' if example.italian_leading_zero else ''}"
    for _ in range(40):
        digits = str(example.national_number)
        changed = digits[:-4] + f"{random.randrange(10_000):04}"
        number = phonenumbers.parse(code + changed)
        if phonenumbers.is_valid_number_for_region(number, region):
            break
    form = random.randrange(6)
    if form == 0:
        return "00" + phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)[1:]
    if form == 1:
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if form == 2:
        return phonenumbers.format_number(number, PhoneNumberFormat.RFC3966).removeprefix("tel:")
    chosen = PhoneNumberFormat.NATIONAL if form > 3 else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, chosen)


def _iban(random: Random) -> str:
    country = random.choice(list(_ACCOUNTS))
    kinds = {"n": "0123456789", "a": _LETTERS.upper(), "c": _LETTERS.upper() + "0123456789"}
    parts = re.findall(r"([nac])(\d+)", _ACCOUNTS[country])
    account = "".join("".join(random.choices(kinds[kind], k=int(size))) for kind, size in parts)
    compact = country + iban.calc_check_digits(f"{country}00{account}") + account
    return compact if random.random() < 0.4 else _grouped(compact, random.choice((" ", " ", "\u00a0")))


def _card(random: Random) -> str:
    prefix, length = random.choice(_CARDS)
    number = prefix + "".join(random.choices("0123456789", k=length - len(prefix) - 1))
    number += luhn.calc_check_digit(number)
    return number if length != 16 or random.random() < 0.4 else _grouped(number, random.choice((" ", "-")))


def _ip(random: Random) -> str:
    if random.random() < 0.6:
        return ".".join(str(random.randrange(1, 255)) for _ in range(4))
    groups = [f"{random.randrange(16, 65_536):x}" for _ in range(8)]
    return f"2001:db8::{groups[0]}:{groups[1]}" if random.random() < 0.5 else "2001:db8:" + ":".join(groups[2:])


def _key(random: Random) -> str:
    def drawn(length: int) -> str:
        return "".join(random.choices(_ALPHANUMERIC, k=length))

    form = random.randrange(5)
    if form == 0:
        return f"eyJ{drawn(24)}.eyJ{drawn(60)}.{drawn(43)}"
    if form == 1:
        return f"AKIA{''.join(random.choices('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', k=16))}"
    if form == 2:
        body = "\n".join(drawn(64) for _ in range(3))
        return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    prefix, length = random.choice(_TOKENS)
    return prefix + drawn(length)


def _national_id(random: Random) -> str:
    form = random.randrange(3)
    if form == 0:
        return f"{random.randrange(101, 600)}-{random.randrange(10, 99)}-{random.randrange(1000, 9999)}"
    if form == 1:
        number = f"{random.randrange(10**7, 10**8)}"
        return number + dni.calc_check_digit(number)
    day = f"{random.randrange(40, 99)}{random.randrange(1, 13):02}{random.randrange(1, 29):02}"
    number = f"{day}{random.randrange(10**4):04}"
    return number + pesel.calc_check_digit(number)


def _grouped(number: str, mark: str) -> str:
    return mark.join(number[place : place + 4] for place in range(0, len(number), 4))


_VALUES: dict[PersonalKind, Callable[[Random], str]] = {
    "email": _email,
    "phone": _phone,
    "iban": _iban,
    "card": _card,
    "ip": _ip,
    "key": _key,
    "national_id": _national_id,
}
