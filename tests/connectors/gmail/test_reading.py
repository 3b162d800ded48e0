"""How a mailbox is read: everything once, then by its history, and what is edited, deleted or gone."""

from __future__ import annotations

from typing import Any

import pytest

from opsintel.connectors.contract import Checkpoint, Failure, Upsert, Window
from opsintel.connectors.gmail.feed import OVERLAP
from opsintel.connectors.mail import facts_of
from opsintel.errors import InputError, UnavailableError
from opsintel.events.message import Direction
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.connectors.contract import failures, last_cursor, upserts
from tests.connectors.gmail.mailbox import Mailbox
from tests.connectors.remote import state, tombstones
from tests.connectors.sources import mail, moment


def read(peer: Mailbox, cursor: Any = None) -> list[Any]:
    return list(peer.connector().read("messages", cursor))


def methods(peer: Mailbox) -> list[str]:
    return [called.method.removeprefix("gmail.users.") for called in peer.peer.called]


class TestEverything:
    def test_begins_with_the_profile_so_that_what_changes_meanwhile_is_not_missed(self, peer: Mailbox) -> None:
        peer.add(range(9))
        reading = peer.connector().read("messages", None)
        items = [next(reading)]
        peer.add([20])
        peer.edit(8)
        peer.delete(7)
        items += list(reading)
        assert methods(peer)[0] == "getProfile"
        items += read(peer, last_cursor(items))
        assert set(state(items)) == {peer.native_id(number) for number in (*range(7), 8, 20)}
        assert facts_of(state(items)[peer.native_id(8)].payload).labels == ("INBOX", "STARRED")

    def test_is_listed_in_pages_of_five_hundred_and_read_in_batches_of_fifty(self, peer: Mailbox) -> None:
        peer.peer.page = 500
        peer.add(range(120))
        items = read(peer)
        assert len(upserts(items)) == 120
        (listed,) = [called.parameters for called in peer.peer.called if called.method.endswith("messages.list")]
        assert listed["maxResults"] == "500"
        assert peer.peer.batches == [50, 50, 20]

    def test_is_raw_mail_behind_what_gmail_knows_of_it(self, peer: Mailbox) -> None:
        peer.peer.names["Label_7"] = "Acme, Inc"
        peer.peer.put("18a", mail(1), moment(90), ["INBOX", "Label_7"])
        (item,) = upserts(read(peer))
        assert item.payload.endswith(b"\r\n" + mail(1))
        facts = facts_of(item.payload)
        assert facts.labels == ("Acme, Inc", "INBOX")
        assert facts.thread == "gmail:18a"
        assert facts.own_addresses == ("help@example.com", "support@example.com")
        assert item.occurred_at == facts.received_at == moment(90), "Gmail's time, not that which the sender wrote"

    def test_goes_on_where_a_page_token_has_ended(self, peer: Mailbox) -> None:
        peer.add(range(12))
        items = read(peer)
        place = next(index for index, item in enumerate(items) if isinstance(item, Checkpoint))
        peer.peer.tokens_end = True
        rest = read(peer, items[place].cursor)
        assert state([*items[:place], *rest]) == state(items)
        assert len(upserts(rest)) < 12, "only what is not older than the page is read again"

    def test_ends_where_the_first_page_is_refused(self, peer: Mailbox) -> None:
        peer.add([1])
        peer.selection = {"q": "(nonsense:x)"}
        with pytest.raises(InputError, match="Invalid query"):
            read(peer)


class TestMessages:
    def test_that_cannot_be_read_are_failures_and_the_others_go_on(self, peer: Mailbox) -> None:
        peer.add(range(3))
        peer.peer.part_faults[peer.native_id(1)] = [(500, "backendError")] * 50
        items = read(peer)
        (failure,) = failures(items)
        assert (failure.key, failure.retryable) == (peer.native_id(1), True)
        assert set(state(items)) == {peer.native_id(0), peer.native_id(2)}

    def test_that_are_refused_for_now_are_asked_for_again_and_only_those(self, peer: Mailbox) -> None:
        peer.add(range(4))
        peer.peer.part_faults[peer.native_id(1)] = [(503, "backendError"), (403, "rateLimitExceeded")]
        peer.peer.part_faults[peer.native_id(2)] = [(429, "rateLimitExceeded")]
        items = read(peer)
        assert len(upserts(items)) == 4
        assert not failures(items)
        assert peer.peer.batches == [4, 2, 1]

    def test_that_a_limit_stops_for_long_are_no_failures(self, peer: Mailbox) -> None:
        peer.add(range(2))
        peer.peer.part_faults[peer.native_id(1)] = [(429, "rateLimitExceeded")] * 50
        items = []
        with pytest.raises(UnavailableError):
            items.extend(peer.connector().read("messages", None))
        assert not [item for item in items if isinstance(item, Failure | Checkpoint)]

    def test_that_have_no_bytes_or_time_are_failures(self, peer: Mailbox) -> None:
        peer.peer.put("18a", b"", moment(1))
        peer.add([2])
        items = read(peer)
        assert [failure.key for failure in failures(items)] == ["18a"]
        assert set(state(items)) == {peer.native_id(2)}

    def test_that_are_gone_between_list_and_batch_are_left_to_the_history(self, peer: Mailbox) -> None:
        peer.add(range(2))
        peer.peer.part_faults[peer.native_id(1)] = [(404, "notFound")]
        items = read(peer)
        assert set(state(items)) == {peer.native_id(0)}
        assert not failures(items)

    def test_too_large_for_a_batch_are_asked_for_in_smaller_ones(
        self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("opsintel.connectors.gmail.client.BATCH_BYTES", 8_000)
        peer.peer.page = 500
        for number in range(8):
            peer.peer.put(peer.native_id(number), mail(number, body="x" * 2_000), moment(number))
        connection = peer.connection
        object.__setattr__(connection.policy, "max_body_bytes", 8_000)
        items = list(peer.connector(connection).read("messages", None))
        assert len(upserts(items)) == 8
        assert peer.peer.batches[:3] == [8, 4, 2]
        assert max(peer.peer.batches[3:]) <= 3, "it does not try eight again"

    def test_too_large_at_all_are_failures(self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("opsintel.connectors.gmail.client.LONGEST_ANSWER", 8_000)
        monkeypatch.setattr("opsintel.connectors.gmail.client.BATCH_BYTES", 8_000)
        peer.add([1])
        peer.peer.put("18a", mail(2, body="x" * 9_000), moment(2))
        connection = peer.connection
        object.__setattr__(connection.policy, "max_body_bytes", 8_000)
        items = list(peer.connector(connection).read("messages", None))
        (failure,) = failures(items)
        assert (failure.key, failure.retryable) == ("18a", False)
        assert "too large" in failure.reason
        assert set(state(items)) == {peer.native_id(1)}

    def test_are_asked_for_singly_where_batches_are_not_answered_as_such(self, peer: Mailbox) -> None:
        peer.add(range(3))
        peer.peer.spoil_batches = True
        assert len(upserts(read(peer))) == 3
        peer.peer.part_faults[peer.native_id(1)] = [(500, "backendError")] * 50
        items = read(peer)
        assert [failure.key for failure in failures(items)] == [peer.native_id(1)]
        assert len(upserts(items)) == 2


class TestHistory:
    def test_is_read_page_by_page_with_a_checkpoint_each(self, peer: Mailbox) -> None:
        first = read(peer)
        peer.add(range(10))
        items = read(peer, last_cursor(first))
        places = [item.cursor["history"] for item in items if isinstance(item, Checkpoint)]
        assert len(places) == 3
        assert sorted(places, key=int) == places
        assert methods(peer).count("history.list") == 3

    def test_is_not_asked_for_where_the_profile_says_that_nothing_happened(self, peer: Mailbox) -> None:
        peer.add(range(2))
        cursor = last_cursor(read(peer))
        peer.peer.called.clear()
        assert read(peer, cursor) == []
        assert "history.list" not in methods(peer)

    def test_goes_on_where_a_page_token_has_ended(self, peer: Mailbox) -> None:
        first = read(peer)
        peer.add(range(10))
        reading = peer.connector().read("messages", last_cursor(first))
        items = []
        for item in reading:
            items.append(item)
            if isinstance(item, Checkpoint) and len(upserts(items)) == 4:
                peer.peer.tokens_end = True
        assert len(state(items)) == len(upserts(items)) == 10

    def test_that_was_dropped_means_a_bounded_list_and_no_duplicates(self, peer: Mailbox) -> None:
        days = 24 * 60
        for number in (0, 1, 20 * days, 21 * days):
            peer.add([number])
        first = read(peer)
        peer.peer.forget_history()
        peer.add([21 * days + 5])
        second = read(peer, {**last_cursor(first), "history": "5"})
        assert {item.native_id for item in upserts(second)} == {peer.native_id(n * days) for n in (20, 21)} | {
            peer.native_id(21 * days + 5)
        }
        known = {(item.native_id, item.version) for item in upserts(first)}
        fresh = [item for item in upserts(second) if (item.native_id, item.version) not in known]
        assert [item.native_id for item in fresh] == [peer.native_id(21 * days + 5)]
        assert OVERLAP.days == 2
        assert read(peer, last_cursor(second)) == []

    def test_that_was_dropped_before_anything_came_means_reading_all(self, peer: Mailbox) -> None:
        cursor = last_cursor(read(peer))
        peer.add(range(3))
        peer.peer.forget_history()
        assert len(upserts(read(peer, {**cursor, "history": "5"}))) == 3


class TestEdits:
    def test_never_return_to_an_earlier_version(self, peer: Mailbox) -> None:
        peer.add([1])
        items = read(peer)
        for add, remove in ((["STARRED"], []), ([], ["STARRED"]), (["STARRED"], [])):
            peer.peer.label(peer.native_id(1), add, remove)
            items += read(peer, last_cursor(items))
        assert len({item.version for item in upserts(items)}) == len(upserts(items)) == 4

    def test_of_one_message_in_a_page_of_history_are_one_item(self, peer: Mailbox) -> None:
        peer.add([1])
        first = read(peer)
        peer.edit(1)
        peer.peer.label(peer.native_id(1), ["IMPORTANT"], ["INBOX"])
        (item,) = upserts(read(peer, last_cursor(first)))
        assert facts_of(item.payload).labels == ("IMPORTANT", "STARRED")

    def test_of_a_message_without_labels_left_are_known(self, peer: Mailbox) -> None:
        peer.add([1])
        first = read(peer)
        peer.peer.label(peer.native_id(1), remove=["INBOX"])
        (item,) = upserts(read(peer, last_cursor(first)))
        assert facts_of(item.payload).labels == ()

    def test_of_the_name_of_a_label_are_edits_of_its_messages(self, peer: Mailbox) -> None:
        peer.peer.names["Label_7"] = "Acme"
        for number in range(12):
            labels = ["INBOX", "Label_7"] if number % 2 else ["INBOX"]
            peer.peer.put(peer.native_id(number), mail(number), moment(number), labels)
        first = read(peer)
        peer.peer.names["Label_7"] = "Acme, Inc"
        second = read(peer, last_cursor(first))
        assert {item.native_id for item in upserts(second)} == {peer.native_id(number) for number in range(1, 12, 2)}
        assert {facts_of(item.payload).labels for item in upserts(second)} == {("Acme, Inc", "INBOX")}
        assert not {item.version for item in upserts(second)} & {item.version for item in upserts(first)}
        del peer.peer.names["Label_7"]
        assert read(peer, last_cursor(second)) == []


class TestDeletions:
    def test_to_the_trash_are_tombstones_and_coming_back_is_an_item(self, peer: Mailbox) -> None:
        peer.add(range(2))
        items = read(peer)
        peer.peer.label(peer.native_id(1), ["TRASH"], ["INBOX"])
        items += read(peer, last_cursor(items))
        assert tombstones(items) == [peer.native_id(1)]
        assert {key for key, _ in peer.connector().census(Window())} == {peer.native_id(0)}
        assert tombstones(peer.connector().fetch([peer.native_id(1)])) == [peer.native_id(1)]
        peer.peer.label(peer.native_id(1), ["INBOX"], ["TRASH"])
        items += read(peer, last_cursor(items))
        assert set(state(items)) == {peer.native_id(0), peer.native_id(1)}

    def test_of_what_was_never_stored_say_nothing(self, peer: Mailbox) -> None:
        first = read(peer)
        peer.add([1])
        peer.delete(1)
        peer.peer.put("18d", mail(2), moment(2), ["TRASH"])
        assert [item for item in read(peer, last_cursor(first)) if not isinstance(item, Checkpoint)] == []

    @pytest.mark.parametrize(("label", "setting"), [("SPAM", "read_spam"), ("DRAFT", "read_drafts")])
    def test_to_spam_are_tombstones_unless_it_is_read_and_so_for_drafts(
        self, peer: Mailbox, label: str, setting: str
    ) -> None:
        peer.add(range(2))
        peer.peer.put("18d", mail(7), moment(7), [label])
        first = read(peer)
        assert "18d" not in state(first)
        peer.peer.label(peer.native_id(1), [label], ["INBOX"])
        assert tombstones(read(peer, last_cursor(first))) == [peer.native_id(1)]
        assert {key for key, _ in peer.connector().census(Window())} == {peer.native_id(0)}
        peer.config = {setting: True}
        assert set(state(read(peer))) == {"18d", peer.native_id(0), peer.native_id(1)}
        assert {key for key, _ in peer.connector().census(Window())} == {"18d", peer.native_id(0), peer.native_id(1)}


class TestKnownFaults:
    """What well-known connectors read as empty, or never read."""

    MAILS = {
        "single part": b"Content-Type: text/plain\r\n\r\nThe lamp is dark.\r\n",
        "HTML only": b"Content-Type: text/html\r\n\r\n<p>The lamp is dark.</p>\r\n",
        "with attachment": (
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: multipart/related; boundary="c"'
            b"\r\n\r\n--c\r\nContent-Type: text/plain\r\n\r\nThe lamp is dark.\r\n--c--\r\n--b\r\n"
            b'Content-Type: image/png; name="lamp.png"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBO\r\n--b--\r\n'
        ),
    }

    @pytest.mark.parametrize("form", list(MAILS))
    def test_text_is_read_of_every_form_of_mail(self, peer: Mailbox, form: str) -> None:
        head = b"From: Ann <ann@example.org>\r\nTo: help@example.com\r\nSubject: Lamp\r\n"
        peer.peer.put("18a", head + self.MAILS[form], moment(1))
        (item,) = upserts(read(peer))
        message = parsed(item)
        assert message.text == "The lamp is dark."
        assert message.labels == ("INBOX",)
        assert message.occurred_at == moment(1), "a mail without a date has Gmail's time"
        assert message.direction is Direction.INBOUND
        assert [attachment.filename for attachment in message.attachments] == (
            ["lamp.png"] if form == "with attachment" else []
        )

    def test_mail_of_the_accounts_own_alias_is_outbound(self, peer: Mailbox) -> None:
        peer.peer.put(
            "18a", b"From: help@example.com\r\nTo: ann@example.org\r\nSubject: Re\r\n\r\nYes", moment(1), ["SENT"]
        )
        (item,) = upserts(read(peer))
        assert parsed(item).direction is Direction.OUTBOUND

    def test_a_good_status_with_an_error_inside_is_an_error(
        self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        peer.add([1])
        monkeypatch.setattr(peer.peer, "_list", lambda _: {"error": {"code": 500, "message": "backend"}})
        with pytest.raises(UnavailableError):
            read(peer)
        with pytest.raises(UnavailableError):
            list(peer.connector().census(Window()))


def parsed(item: Upsert) -> Any:
    return parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext())
