"""Texts and payloads in which a person who is erased may stand."""

from __future__ import annotations

from opsintel.people.payloads import readings
from opsintel.people.redact import Quotations, Redactor, Terms
from tests.fuzz.target import target

_QUOTATIONS = Quotations()
_QUOTATIONS.add("one two three four five six seven eight nine ten")
_REDACTOR = Redactor(
    Terms(
        frozenset({"ana.silva@victim.example"}),
        frozenset({"U7QUAGGA"}),
        frozenset({"Zoë Quagga", "Işıl Yılmaz"}),
        frozenset({"701234567"}),
    ),
    _QUOTATIONS,
)


@target(
    seeds=[
        b"From: =?utf-8?q?Zo=C3=AB_Quagga?= <ana.silva@victim.example>\n\n+49 170 1234567, ask U7QUAGGA",
        b"x=ana.silva%40victim.example&Zo&euml;&nbsp;Quagga \\u0049\\u015f\\u0131l YILMAZ",
        b"one two three four five six seven eight nine ten eleven",
        b"WQphbmEuc2lsdmFAdmljdGltLmV4YW1wbGUgYW5kIG1vcmU=\nand words",
    ],
    words=[
        b"ana.silva",
        b"@victim.example",
        b"%40",
        b"=?utf-8?b?",
        b"?=",
        b"\\u00",
        b"&#",
        b" 170 12",
        b"34567",
        b"Quagga",
    ],
)
def person(data: bytes) -> None:
    """Nothing that names the person is left of a text, and what a first look rules out stays as it is."""
    for text in readings(data):
        redacted = _REDACTOR.redacted(text)
        assert not _REDACTOR.names(redacted)
        assert redacted == text or _REDACTOR.may_change(text)
