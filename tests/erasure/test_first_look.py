"""The look that rules nearly all texts and payloads out misses nothing that a close one would change."""

from __future__ import annotations

import base64
import json
import random

import pytest

from opsintel.people.payloads import readings
from opsintel.people.redact import FAR, NEAR, Quotations, Redactor, Terms

TERMS = Terms(
    frozenset({"ana.silva@victim.example", 'odd"name@victim.example'}),
    frozenset({"U7QUAGGA"}),
    frozenset({"Işıl Yılmaz", "Zoë Quagga", 'Ann "Zee\\bra" Okapi'}),
    frozenset({"701234567", "5550123"}),
)
NAMED = [
    "ana.silva@victim.example", "ANA.SILVA@VICTIM.EXAMPLE", "mailto=ana.silva%40victim.example", "<@U7QUAGGA> is here",
    "联系ana.silva@victim.example谢谢", "«ana.silva@victim.example»", "u?mail=ana.silva%40victim.example&x=1",
    "u?to=b@c.example&cc=ana.silva@victim.example", "b@c.example/ana.silva@victim.example",
    "=" * 500 + "ana.silva@victim.example",
    "Işıl Yılmaz", "IŞIL YILMAZ", "ışıl yılmaz", "Zoë\n Quagga", "ZOË QUAGGA", "Quagga, Zoë", 'Ann "Zee\\bra" Okapi',
    "+49 170 1234567", "0049 (170) 123-4567", "49.170.123.45.67", "call 555 0123 please", "555-01-23",
    "+49\u00a0170\u00a01234567",
    "\u0665\u0665\u0665 0123 then 5550123",
]  # fmt: skip
OTHERS = ["", "joana@victim.example", "Zoe Kudu", "+49 170 7654321", "1 2 3 4 5 6 7", "a" * 1000, "U7QUAGG"]


class TestATerm:
    @pytest.mark.parametrize("text", NAMED, ids=ascii)
    def test_that_is_in_a_text_is_suspected_and_found(self, text: str) -> None:
        redactor = Redactor(TERMS)
        for written in (text, f"before {text} after", f"Grüße an\u00a0{text}!"):
            assert redactor.names(written)
            assert redactor.may_change(written)
            assert redactor.may_name(json.dumps({"a": [written]}, ensure_ascii=False))

    @pytest.mark.parametrize("text", OTHERS, ids=lambda text: text[:20] or "none")
    def test_that_is_not_there_is_not_suspected(self, text: str) -> None:
        assert not Redactor(TERMS).may_change(text)
        assert not Redactor(TERMS).may_name(json.dumps([text]))


class TestAQuotation:
    WORDS = [f"word{n}" for n in range(40)]

    def test_is_suspected_wherever_it_begins_and_ends(self) -> None:
        quotations = Quotations()
        quotations.add(" ".join(self.WORDS))
        for start in range(len(self.WORDS) - FAR + 1):
            quoted = " ".join(self.WORDS[start : start + FAR]).upper()
            for before in range(2 * FAR):
                text = " ".join(["x"] * before) + f" {quoted}. And more of it."
                assert quotations.may_stand_in(text)
                assert quotations.places(text, near=False)

    def test_that_is_too_short_is_none(self) -> None:
        quotations = Quotations()
        quotations.add(" ".join(self.WORDS))
        text = " ".join(self.WORDS[3 : 3 + FAR - 1]) + " x x x x x x x x x"
        assert quotations.places(text, near=False) == []
        assert quotations.places(text, near=True)

    def test_is_suspected_in_texts_put_together_by_chance(self) -> None:
        chance = random.Random(7)
        quotations = Quotations()
        own = " ".join(chance.choices(self.WORDS, k=400))
        quotations.add(own)
        words, places = own.split(), 0
        for _ in range(300):
            text = chance.choices(self.WORDS, k=chance.randrange(60))
            start = chance.randrange(len(words) - 12)
            at = chance.randrange(len(text) + 1)
            text[at:at] = words[start : start + chance.randrange(NEAR, 12)]
            found = _closely(quotations, " ".join(text))
            assert quotations.places(" ".join(text), near=False) == found
            places += bool(found)
        assert 100 < places < 300


def _closely(quotations: Quotations, text: str) -> list[tuple[int, int]]:
    """Return what is found without a first look."""
    whole = Quotations(quotations.near, quotations.far, quotations.short)
    whole.may_stand_in = lambda _: True  # type: ignore[method-assign]
    return whole.places(text, near=False)


class TestAPayload:
    @pytest.mark.parametrize("size", [15, 16, 29, 57, 200])
    @pytest.mark.parametrize("before", [b"", b"\n", b"X: ", b"data:text/plain;base64,", b"/", b"x y z/"])
    def test_is_read_in_base64_wherever_that_begins(self, size: int, before: bytes) -> None:
        text = b"quagga" + b"." * (size - 6)
        for encoded in (base64.b64encode(text), base64.encodebytes(text)):
            content = b"Subject: a mail\n\n" + before.replace(b"/", b"-") + encoded + b"\nand a word after it"
            assert any("quagga" in reading for reading in readings(content))

    @pytest.mark.parametrize(
        "written",
        [
            b"a line that is cut: Zo=C3=AB=\n Quagga", b"X-Name: =?utf-8?q?Zo=C3=AB_Quagga?=",
            b"X-Name: =?UTF-8?B?Wm/DqyBRdWFnZ2E=?=", b"X-Name: =?iso-8859-1?Q?Zo=EB?=\n =?utf-8*en?q?_Quagga?=",
            b'{"name": "Zo\\u00eb \\u0051uagga"}', b"<p>Zo&euml;&nbsp;Quagga", b"<p>Zo&#235; &#x51;uagga",
            base64.b64encode(b"<p>Zo&euml; Quagga</p> and more"), "Zoë Quagga".encode(),
        ],
        ids=ascii,
    )  # fmt: skip
    def test_names_a_person_in_whatever_form(self, written: bytes) -> None:
        for content in (written, b"From: x@y.example\n" + written + b"\nand more"):
            assert any(map(Redactor(TERMS).names, readings(content)))

    @pytest.mark.parametrize(
        "content",
        [b"plain words only, and none that is long", b"=?unknown?q?a?= =?utf-8?b?a?= =?hex?b?YWI=?= =?\xff?q?a?=",
         b"&#xffffffff; &nothing; \\ud800 \\uZZZZ", b"\xff\xfe\x00"],
        ids=ascii,
    )  # fmt: skip
    def test_is_read_whatever_it_holds(self, content: bytes) -> None:
        assert content.decode("utf-8", "replace") in list(readings(content))


class TestSomebodyElse:
    @pytest.mark.parametrize(
        "text",
        ["joana.silva@victim.example", "ana.silva@other.example", "ana.silva@victim.example.org",
         "x+ana.silva@victim.example", "support-ana.silva@victim.example", "mariáana.silva@victim.example",
         "Zoë Quaggas", "Zoë", "+49 170 12345678"],
    )  # fmt: skip
    def test_stays(self, text: str) -> None:
        assert Redactor(TERMS).redacted(f"see {text}.") == f"see {text}."
