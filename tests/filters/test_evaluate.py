"""What each term means, on canonical messages."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from opsintel.events.message import Address, Attachment, AutomaticClass, CanonicalMessage, Direction, IdentityKind, Kind
from opsintel.filters.evaluate import Findings, Item, Place, matches
from opsintel.filters.parse import parse
from opsintel.filters.syntax import Node, Not
from opsintel.filters.words import folded, words_of
from tests.filters.strategies import NOW, items, trees


def email(value: str, name: str = "", role: Any = "") -> Address:
    return Address(kind=IdentityKind.EMAIL, value=value, name=name, role=role)


MESSAGE = CanonicalMessage(
    native_id="1",
    kind=Kind.EMAIL,
    channel="#Support",
    author=email("ana.silva@mail.shop.example", "Ana Größe-Silva"),
    recipients=(email("help@us.example"), email("boss@us.example", role="cc")),
    direction=Direction.INBOUND,
    occurred_at=datetime(2026, 11, 23, 12, 30, tzinfo=UTC),
    subject="Refund: Order E1234 (don't wait)",
    text="Die Größe stimmt nicht.\nBitte 退款谢谢 für mich",
    language="pt-BR",
    labels=("Billing", "Ärger"),
    extra={"status": "Open", "priority": 3, "team": ["Nord", "Süd"], "vip": True, "rate": 1.5, "deep": {"a": 1}},
    attachments=(Attachment(filename="a.pdf", content_type="application/pdf", size=1),),
)
NUMBERS: dict[Any, int] = {"severity": 2, "sentiment": -1, "customers": 12, "volume": 40}
ITEM = Item(MESSAGE, (Place("Desk", "imap"),), Findings("complaint", "Billing / Refund", "ongoing", NUMBERS))
BARE = Item(CanonicalMessage(native_id="2", kind=Kind.CHAT))


class TestTerms:
    @pytest.mark.parametrize(
        "text",
        [
            "from:ana.silva@mail.shop.example", "from:ANA.SILVA@MAIL.SHOP.EXAMPLE", "from:@shop.example",
            "from:@mail.shop.example", "from:ana", 'from:"größe silva"', "from:shop",
            "to:help@us.example", "to:@us.example", "cc:boss@us.example", "cc:boss",
            "subject:refund", "subject:REFUND", 'subject:"refund order"', "subject:e1234", "subject:don't", "subject:t",
            "body:größe", "body:GRÖSSE OR body:GRÖßE", "body:退款", "body:款", "body:stimmt.nicht",
            "refund", "größe", '"bitte 退款"', "/E\\d{4}/", "/größe/i", "/nicht\\.$/ OR /(?m)nicht\\.$/",
            "label:billing", "label:ÄRGER", "channel:support", "channel:#support", "source:desk", "source:imap",
            "org:mail.shop.example", "status:open", "priority:3", "field[team]:süd", "field[vip]:true",
            "field[rate]:1.5", "has:attachment", "lang:pt", "lang:PT-br",
            "after:2026-11-23", "after:2026-11-23T12:30:00Z", "before:2026-11-23T12:30:01Z", "newer_than:7d",
            "older_than:6d", "newer_than:1m", "older_than:24h",
            "severity:2", "severity:<=2", "sentiment:negative", "sentiment:<neutral", "customers:>10", "volume:>=40",
            "kind:complaint", "category:billing", 'category:"billing / refund"', "state:ongoing",
            "gmail:{x} imap:{SEEN}",
        ],
    )  # fmt: skip
    def test_this_matches(self, text: str) -> None:
        assert matches(parse(text), ITEM, NOW)

    @pytest.mark.parametrize(
        "text",
        [
            "from:silva@mail.shop.example", "from:@hop.example", "from:@il.shop.example", "from:an", "from:grosse",
            "to:boss@us.example", "cc:help@us.example", "to:ana",
            "subject:refun", "subject:refunds", 'subject:"order refund"', "subject:1234", "subject:dont",
            "body:grosse", "body:grö", "body:谢款", "body:refund", "subject:größe", "/e\\d{4}/",
            "label:bill", "channel:supp", "source:mbox", "org:shop.example", "status:ope", "priority:4",
            "field[team]:west", "field[deep]:1", "field[none]:x", "is:bot", "is:internal", "is:auto", "lang:p",
            "after:2026-11-23T12:30:01Z", "before:2026-11-23T12:30:00Z", "newer_than:6d", "older_than:7d",
            "severity:1", "severity:>2", "sentiment:>negative", "customers:>12", "kind:praise", "category:bill",
            "category:refund", "state:new",
        ],
    )  # fmt: skip
    def test_this_does_not(self, text: str) -> None:
        assert not matches(parse(text), ITEM, NOW)
        assert matches(Not(parse(text)), ITEM, NOW)

    @pytest.mark.parametrize(
        "text",
        [
            "from:a", "after:1970-01-01", "before:2199-01-01", "severity:<9", "label:a", "channel:a", "lang:en",
            "state:new", "org:b.c", "has:attachment", "field[a]:b", "status:open", "/./",
        ],
    )  # fmt: skip
    def test_what_an_item_has_not_does_not_match(self, text: str) -> None:
        assert not matches(parse(text), BARE, NOW)
        assert matches(parse(f"-{text}"), BARE, NOW)

    def test_flags(self) -> None:
        note = Item(MESSAGE.model_copy(update={"direction": Direction.INTERNAL, "is_bot": True}))
        news = Item(MESSAGE.model_copy(update={"automatic": AutomaticClass.NEWSLETTER, "attachments": ()}))
        assert matches(parse("is:internal is:bot"), note, NOW)
        assert matches(parse("is:auto -has:attachment"), news, NOW)

    def test_months_are_those_of_the_calendar(self) -> None:
        march = datetime(2026, 3, 31, 10, tzinfo=UTC)
        item = Item(MESSAGE.model_copy(update={"occurred_at": datetime(2026, 2, 28, 10, tzinfo=UTC)}))
        assert matches(parse("newer_than:1m"), item, march)
        assert not matches(parse("older_than:1m"), item, march)
        assert matches(parse("newer_than:100000y"), item, march)


class TestBooleans:
    @given(trees(), items())
    def test_a_negation_is_the_opposite(self, tree: Node, item: Item) -> None:
        assert matches(Not(tree), item, NOW) is not matches(tree, item, NOW)

    @pytest.mark.parametrize(
        ("text", "result"),
        [("refund -nothing", True), ("nothing OR refund", True), ("nothing OR refund x", False), ("-(refund x)", True),
         ("", True)],
    )  # fmt: skip
    def test_groups(self, text: str, result: bool) -> None:
        assert matches(parse(text), ITEM, NOW) is result


class TestWords:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Re: a_b c-d", ("re", "a_b", "c", "d")),
            ("cafe\u0301", ("café",)),
            ("退款abc", ("退", "款", "abc")),
            ("हिन्दी", ("हिन्दी",)),
            ("ΟΔΟΣ οδος", ("οδοσ", "οδοσ")),
            ("...", ()),
        ],
    )
    def test_a_text_has_these(self, text: str, words: tuple[str, ...]) -> None:
        assert words_of(text) == words

    @pytest.mark.parametrize("character", ["İ", "ı", "ſ", "ﬁ", "Ａ", "é", "ß", "ǅ"])
    def test_no_other_letter_is_taken_for_an_ascii_one(self, character: str) -> None:
        # A provider that looks for ASCII letters finds all that we find.
        assert not any("a" <= letter <= "z" for letter in folded(character))
