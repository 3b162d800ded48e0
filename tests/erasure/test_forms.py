"""The scanner of the erasure tests finds a value in every form in which it may stand."""

from __future__ import annotations

import base64
import io
import json
import quopri
import zipfile
from urllib.parse import quote

import pytest

from tests.erasure.forms import occurrences

VALUE = "Zoë Quagga, zoe.quagga@victim.example"


def packed(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("part", content)
    return file.getvalue()


FORMS = {
    "as it is": VALUE.encode(),
    "in capitals": VALUE.upper().encode(),
    "in small letters": VALUE.lower().encode(),
    "in JSON": json.dumps({"a": VALUE}).encode(),
    "in escapes": "".join(one if one.isascii() and one.isalnum() else f"\\u{ord(one):04X}" for one in VALUE).encode(),
    "in an address": quote(VALUE, safe="").encode(),
    "in an address, in small letters": quote(VALUE, safe="").lower().encode(),
    "in percent signs": "".join(f"%{byte:02X}" for byte in VALUE.encode()).encode(),
    **{f"in base64 after {n} bytes": base64.b64encode(b"x" * n + VALUE.encode() + b"yz") for n in range(3)},
    "in base64 of capitals": base64.b64encode(VALUE.upper().encode()),
    "in base64 of a mail": base64.encodebytes(b"Some text before it, long enough. " + VALUE.encode() + b" x"),
    "in quoted-printable": quopri.encodestring(b"a" * 60 + VALUE.encode()),
    "in quoted-printable of a header": quopri.encodestring(VALUE.encode(), header=True),
    "in hexadecimal": VALUE.encode().hex().encode(),
    "as bytea": b"\\\\x" + VALUE.encode().hex().encode(),
    "in UTF-16": VALUE.encode("utf-16-le"),
    "in a packed file as bytea": b"\\\\x" + packed(VALUE.encode()).hex().encode(),
    "in a packed file": packed(VALUE.encode()),
    "quoted over two lines": b"> Zo\xc3\xab\n> Quagga, zoe.quagga@victim.example",
}


class TestTheScanner:
    @pytest.mark.parametrize("form", FORMS)
    def test_finds_a_value(self, form: str) -> None:
        assert occurrences(b'{"x": "' * (not form.startswith("in a packed file")) + FORMS[form], [VALUE])[VALUE] >= 1

    def test_finds_nothing_of_another(self) -> None:
        assert not occurrences(b" ".join(FORMS.values()).replace(b"PK", b""), ["jim.other@victim.example"])
