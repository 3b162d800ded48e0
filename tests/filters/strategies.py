"""Trees and messages for the property tests: few words, names and days, so that they meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from opsintel.events.message import (
    Address,
    Attachment,
    AutomaticClass,
    CanonicalMessage,
    Direction,
    IdentityKind,
    Kind,
    Visibility,
)
from opsintel.filters.evaluate import Findings, Item, Place
from opsintel.filters.syntax import (
    Age,
    And,
    Custom,
    Flag,
    Measure,
    Moment,
    Named,
    Node,
    Not,
    Or,
    Pattern,
    Raw,
    Words,
    tidy,
)

NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
WORDS = (
    "refund",
    "Refund",
    "REFUNDS",
    "the",
    "invoice",
    "für",
    "Größe",
    "größe",
    "退款",
    "don't",
    "E123",
    "re_fund",
    "x",
)
JOINTS = (" ", ", ", "-", ".", "", " & ")
ADDRESSES = ("a@b.c", "ana.silva@shop.example", "ana@mail.shop.example", "bob@gmail.com", "größe@b.c")
NAMES = ("Ana Silva", "Bob", "", "Größe AG")
LABELS = ("spam", "SPAM", "Billing", "my label", "Größe", "inbox")
CHANNELS = ("support", "#Support", "INBOX", "Ärger")
STATES = ("open", "Open", "solved")
CATEGORIES = ("Billing", "Billing / Refund", "")

moments = st.integers(-40, 40).map(lambda hours: NOW - timedelta(days=7) + timedelta(hours=hours, minutes=17))
texts = st.lists(st.tuples(st.sampled_from(JOINTS), st.sampled_from(WORDS)), max_size=4).map(
    lambda pairs: "".join(joint + word for joint, word in pairs).strip()
)
sought = st.sampled_from((*WORDS, "refund the", "für Größe", "invoice refund", "款", "silva", "example"))


def words() -> st.SearchStrategy[Words]:
    people = st.sampled_from((*ADDRESSES, "@shop.example", "@gmail.com", "ana", "Silva", "shop", "Größe"))
    return st.one_of(
        st.builds(Words, st.sampled_from(("any", "subject", "body")), sought),
        st.builds(Words, st.sampled_from(("from", "to", "cc")), people),
    )


def names() -> st.SearchStrategy[Named]:
    values: dict[Any, tuple[str, ...]] = {
        "label": LABELS, "channel": CHANNELS, "source": ("Mail", "mbox"), "org": ("shop.example", "gmail.com", "b.c"),
        "status": STATES, "priority": ("high", "3"), "lang": ("en", "pt", "pt-BR"), "kind": ("complaint",),
        "category": CATEGORIES[:2], "state": ("new", "resolved"),
    }  # fmt: skip
    return st.one_of(*(st.builds(Named, st.just(field), st.sampled_from(found)) for field, found in values.items()))


def times() -> st.SearchStrategy[Moment | Age]:
    sides = st.sampled_from(("after", "before"))
    units = st.sampled_from(("h", "d", "w", "m", "y"))
    return st.one_of(
        st.builds(Moment, sides, moments),
        st.builds(Moment, sides, st.just(datetime(2026, 11, 23, tzinfo=UTC))),
        st.builds(Age, sides, st.integers(1, 30), units),
    )


def others() -> st.SearchStrategy[Node]:
    quantities = st.sampled_from(("severity", "sentiment", "customers", "volume"))
    return st.one_of(
        st.builds(Custom, st.sampled_from(("team", "Team Name")), st.sampled_from(("Nord", "true", "1.5"))),
        st.builds(Flag, st.sampled_from(("attachment", "bot", "internal", "auto"))),
        st.builds(Pattern, st.sampled_from((r"E\d+", "(?i)refund$", "a/b", r"\\", "für")), st.booleans()),
        st.builds(Measure, quantities, st.sampled_from(("<", "<=", "=", ">=", ">")), st.integers(-2, 5)),
    )


def leaves() -> st.SearchStrategy[Node]:
    return st.one_of(words(), names(), times(), others())


def trees(of: st.SearchStrategy[Node] | None = None) -> st.SearchStrategy[Node]:
    """Trees as the parser gives them, without provider blocks."""

    def deeper(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        several = st.lists(below, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, below))

    return st.recursive(leaves() if of is None else of, deeper, max_leaves=6).map(tidy)


def blocks() -> st.SearchStrategy[Raw]:
    queries: dict[Any, tuple[str, ...]] = {
        "gmail": ("has:userlabels", "{from:a from:b}", '"a (b"'), "imap": ('OR FROM "a" SEEN', "LARGER 10"),
        "graph": ("importance eq 'high'",), "slack": ("in:general",), "zendesk": ('status:open "a b"',),
        "jira": ('project = X AND text ~ "order by"',),
    }  # fmt: skip
    return st.one_of(*(st.builds(Raw, st.just(name), st.sampled_from(found)) for name, found in queries.items()))


def addresses() -> st.SearchStrategy[Address]:
    # A name of each address: stored rows know one name of a person.
    return st.integers(0, len(ADDRESSES) - 1).map(
        lambda number: Address(kind=IdentityKind.EMAIL, value=ADDRESSES[number], name=NAMES[number % len(NAMES)])
    )


def recipients() -> st.SearchStrategy[Address]:
    return st.tuples(addresses(), st.sampled_from(("", "cc", "bcc"))).map(
        lambda pair: pair[0].model_copy(update={"role": pair[1]})
    )


def messages(*, dated: bool = False) -> st.SearchStrategy[CanonicalMessage]:
    """Messages; `dated` ones have a time, as each has at a provider."""
    values = st.sampled_from(("Nord", "nord", True, 1.5, 3, ["x", "Nord"], {"a": 1}, 1e16))
    extra = st.dictionaries(st.sampled_from(("team", "Team Name", "priority")), values, max_size=2)
    states = st.one_of(st.just({}), st.sampled_from(STATES).map(lambda state: {"status": state}))
    return st.builds(
        CanonicalMessage,
        native_id=st.just("1"),
        kind=st.sampled_from(Kind),
        channel=st.sampled_from(("", *CHANNELS)),
        author=addresses() if dated else st.one_of(st.none(), addresses()),
        recipients=st.lists(recipients(), max_size=2, unique_by=lambda address: address.value).map(tuple),
        direction=st.sampled_from(Direction),
        visibility=st.sampled_from(Visibility),
        occurred_at=moments if dated else st.one_of(st.none(), moments),
        subject=texts,
        text=texts,
        language=st.sampled_from(("", "en", "pt", "pt-BR")),
        automatic=st.sampled_from((None, AutomaticClass.NEWSLETTER)),
        is_bot=st.booleans(),
        attachments=st.sampled_from(((), *(((_attachment(inline),)) for inline in (True, False)))),
        labels=st.lists(st.sampled_from(LABELS), max_size=2, unique=True).map(tuple),
        extra=st.tuples(extra, states).map(lambda pair: pair[0] | pair[1]),
    )


def _attachment(inline: bool) -> Attachment:
    return Attachment(filename="a.png", content_type="image/png", size=1, inline=inline)


def items(*, dated: bool = False) -> st.SearchStrategy[Item]:
    """Messages with their source, their analysis and their issue."""
    numbers = st.dictionaries(
        st.sampled_from(("severity", "sentiment", "customers", "volume")), st.integers(1, 2), max_size=4
    )
    findings = st.builds(
        Findings,
        kind=st.sampled_from(("", "complaint")),
        category=st.sampled_from(CATEGORIES),
        state=st.sampled_from(("", "new")),
        numbers=numbers,
    )
    places = st.sampled_from(((), (Place("Mail", "mbox"),)))
    return st.builds(Item, messages(dated=dated), places, findings)
