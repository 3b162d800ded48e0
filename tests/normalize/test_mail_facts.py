"""What a provider knows of a mail beside its bytes: labels, thread, time and whose account it is."""

from datetime import UTC, datetime, timedelta

import pytest

from opsintel.connectors.contract import PayloadFormat
from opsintel.connectors.mail import FIELD, MailFacts, facts_of, with_facts
from opsintel.events.message import CanonicalMessage, Direction
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload

MOMENT = datetime(2026, 1, 5, 8, tzinfo=UTC)
MAIL = (
    b"From: Ann <ann@example.org>\r\nTo: help@example.com\r\nSubject: Lamp\r\nDate: Mon, 5 Jan 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nReferences: <0@example.org>\r\nX-Gmail-Labels: theirs\r\n\r\nIt is dark.\r\n"
)


def parsed(payload: bytes) -> CanonicalMessage:
    return parse_payload(payload, PayloadFormat.MIME, "id-1", context=NormalizeContext())


class TestFacts:
    def test_come_back_as_they_were(self) -> None:
        facts = MailFacts(("Acme, Inc", 'quo"ted', "größer", "INBOX"), "gmail:18f", MOMENT, ("help@example.com",))
        payload = with_facts(MAIL, facts)
        assert facts_of(payload) == facts
        assert payload.endswith(MAIL)
        assert payload.count(b"\n") == MAIL.count(b"\n") + 1

    def test_no_labels_are_not_unknown_labels(self) -> None:
        assert facts_of(with_facts(MAIL, MailFacts(()))).labels == ()
        assert facts_of(with_facts(MAIL, MailFacts())).labels is None

    @pytest.mark.parametrize(
        "line",
        [b"{", b"[]", b'"x"', b'{"labels": 5}', b'{"received_at": "x"}', b'{"labels": [5, ["x"], " "]}', b"[" * 9000],
    )
    def test_that_are_none_are_left_out(self, line: bytes) -> None:
        assert not facts_of(FIELD + line + b"\r\n" + MAIL).labels

    def test_of_a_sender_are_not_believed(self) -> None:
        forged = MAIL.replace(b"To:", FIELD + b'{"labels": ["vip"], "own": ["ann@example.org"]}\r\nTo:')
        assert parsed(forged).labels == ("theirs",)
        assert parsed(with_facts(forged, MailFacts(("ours",)))).labels == ("ours",)


class TestMessage:
    def test_has_the_labels_of_the_provider_and_not_those_that_a_sender_wrote(self) -> None:
        assert parsed(with_facts(MAIL, MailFacts(("Acme, Inc", "INBOX")))).labels == ("Acme, Inc", "INBOX")
        assert parsed(with_facts(MAIL, MailFacts(()))).labels == ()
        assert parsed(with_facts(MAIL, MailFacts())).labels == parsed(MAIL).labels == ("theirs",)

    def test_is_otherwise_that_of_the_mail(self) -> None:
        ours = parsed(with_facts(MAIL, MailFacts(("INBOX",), received_at=MOMENT + timedelta(hours=3))))
        assert ours.model_copy(update={"labels": ("theirs",)}) == parsed(MAIL)

    def test_is_of_the_providers_thread_before_that_of_its_references(self) -> None:
        assert parsed(with_facts(MAIL, MailFacts(thread="gmail:18f"))).thread_key == "gmail:18f"
        assert parsed(MAIL).thread_key == "0@example.org"

    @pytest.mark.parametrize("date", [b"", b"Date: yesterday\r\n", b"Date: Mon, 5 Jan 2099 09:00:00 +0000\r\n"])
    def test_without_a_date_to_believe_has_the_time_it_came(self, date: bytes) -> None:
        payload = MAIL.replace(b"Date: Mon, 5 Jan 2026 09:00:00 +0000\r\n", date)
        found = parsed(with_facts(payload, MailFacts(received_at=MOMENT)))
        assert (found.occurred_at, found.occurred_at_flag) == (MOMENT, "")
        assert parsed(payload).occurred_at is None

    def test_is_outbound_where_the_account_has_the_address_of_its_author(self) -> None:
        assert parsed(with_facts(MAIL, MailFacts(own_addresses=("Ann@Example.org",)))).direction is Direction.OUTBOUND
        assert parsed(with_facts(MAIL, MailFacts(own_addresses=("help@example.com",)))).direction is Direction.INBOUND
        assert parsed(MAIL).direction is Direction.UNKNOWN
