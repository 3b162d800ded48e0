"""How a mailbox of Outlook is read: folder by folder, everything once, then by deltas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from opsintel.clock import now
from opsintel.connectors.contract import Checkpoint, Upsert, Window
from opsintel.connectors.mail import facts_of
from opsintel.errors import InputError, UnavailableError
from opsintel.events.message import Direction
from opsintel.filters.parse import parse
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.connectors.contract import failures, last_cursor, upserts
from tests.connectors.graph.mailbox import Mailbox
from tests.connectors.remote import state, tombstones
from tests.connectors.sources import mail, moment
from tests.peers.provider import Told


def read(peer: Mailbox, cursor: Any = None) -> list[Any]:
    return list(peer.connector().read("messages", cursor))


def ids(peer: Mailbox, *numbers: int) -> set[str]:
    return {peer.native_id(number) for number in numbers}


@pytest.fixture
def tree(peer: Mailbox) -> Mailbox:
    """A mailbox with folders below folders; mail n lies in the n-th."""
    peer.peer.names |= {
        "F-clients": ("Clients", "F-inbox"),
        "F-acme": ("Acme, Inc/EU", "F-clients"),
        "F-top": ("Top", ""),
    }
    for number, folder in enumerate(("F-inbox", "F-clients", "F-acme", "F-top", "F-sentitems")):
        peer.peer.put(peer.native_id(number), mail(number), moment(number), folder)
    return peer


class TestFolders:
    def test_are_read_with_their_children_and_named_by_their_paths(self, tree: Mailbox) -> None:
        found = {item.native_id: item.channel for item in upserts(read(tree))}
        assert list(found.values()) != []
        assert found == {
            tree.native_id(0): "Inbox",
            tree.native_id(1): "Inbox/Clients",
            tree.native_id(2): "Inbox/Clients/Acme, Inc/EU",
            tree.native_id(3): "Top",
            tree.native_id(4): "Sent Items",
        }

    def test_of_what_is_deleted_are_left_out_with_those_below(self, tree: Mailbox) -> None:
        tree.peer.names["F-old"] = ("Old", "F-deleteditems")
        for number, folder in enumerate(("F-deleteditems", "F-old", "F-junkemail", "F-drafts", "F-outbox"), 10):
            tree.peer.put(tree.native_id(number), mail(number), moment(number), folder)
        assert set(state(read(tree))) == ids(tree, *range(5))
        assert {key for key, _ in tree.connector().census(Window())} == ids(tree, *range(5))
        tree.config = {"read_junk": True, "read_drafts": True}
        assert set(state(read(tree))) == ids(tree, *range(5), 12, 13)

    def test_that_are_new_are_read_and_those_that_are_gone_stop_nobody(self, tree: Mailbox) -> None:
        first = read(tree)
        tree.peer.names["F-new"] = ("New", "")
        tree.peer.put(tree.native_id(9), mail(9), moment(9), "F-new")
        del tree.peer.names["F-top"]
        tree.peer.delete(tree.native_id(3))
        second = read(tree, last_cursor(first))
        assert set(state(second)) == ids(tree, 9)
        assert "F-top" not in last_cursor(second)["folders"]

    def test_that_are_renamed_have_their_mails_read_again_and_those_below(self, tree: Mailbox) -> None:
        first = read(tree)
        tree.peer.names["F-clients"] = ("Customers", "F-inbox")
        second = read(tree, last_cursor(first))
        assert {item.native_id: item.channel for item in upserts(second)} == {
            tree.native_id(1): "Inbox/Customers",
            tree.native_id(2): "Inbox/Customers/Acme, Inc/EU",
        }
        assert not {item.version for item in upserts(second)} & {item.version for item in upserts(first)}
        assert upserts(read(tree, last_cursor(second))) == []

    def test_that_are_deleted_take_their_mails_along(self, tree: Mailbox) -> None:
        first = read(tree)
        tree.peer.names["F-acme"] = ("Acme, Inc/EU", "F-deleteditems")
        second = read(tree, last_cursor(first))
        assert tombstones(second) == [tree.native_id(2)]
        assert tombstones(read(tree, last_cursor(second))) == []

    def test_that_go_while_they_are_read_stop_nobody(self, tree: Mailbox) -> None:
        reading = tree.connector().read("messages", None)
        items = [next(reading)]
        del tree.peer.names["F-top"]
        items += reading
        assert set(state(items)) == ids(tree, 0, 1, 2, 4)


class TestDelta:
    def test_asks_for_ids_that_stay_and_for_pages(self, peer: Mailbox) -> None:
        peer.add(range(6))
        read(peer)
        prefers = [asked.headers["prefer"] for asked in peer.peer.asked if asked.path.endswith("/delta")]
        assert set(prefers) == {'IdType="ImmutableId", odata.maxpagesize=200'}
        assert all(set(query) <= {"$select", "$skiptoken", "$deltatoken"} for query in peer.peer.deltas)

    def test_is_raw_mail_behind_what_outlook_knows_of_it(self, peer: Mailbox) -> None:
        peer.peer.put("AAk1=", mail(1), moment(90), categories=("Blue", "Acme, Inc"))
        (item,) = upserts(read(peer))
        assert item.payload.endswith(b"\r\n" + mail(1))
        facts = facts_of(item.payload)
        assert (facts.labels, facts.thread) == (("Acme, Inc", "Blue"), "graph:conv-AAk1=")
        assert item.occurred_at == facts.received_at == moment(90), "Outlook's time, not that which the sender wrote"

    def test_whose_state_was_dropped_is_begun_again_without_duplicates(self, peer: Mailbox) -> None:
        peer.add(range(6))
        first = read(peer)
        peer.peer.forget_states()
        peer.add([7])
        second = read(peer, last_cursor(first))
        known = {(item.native_id, item.version, item.payload) for item in upserts(first)}
        fresh = [item for item in upserts(second) if (item.native_id, item.version, item.payload) not in known]
        assert [item.native_id for item in fresh] == [peer.native_id(7)]
        assert set(state(second)) == ids(peer, *range(6), 7)
        assert upserts(read(peer, last_cursor(second))) == []

    def test_whose_state_is_dropped_within_its_pages_is_begun_again(self, peer: Mailbox) -> None:
        peer.add(range(10))
        items = []
        for item in peer.connector().read("messages", None):
            items.append(item)
            if isinstance(item, Checkpoint) and len(upserts(items)) == 4:
                peer.peer.forget_states()
        assert set(state(items)) == ids(peer, *range(10))

    def test_removal_is_a_move_where_the_message_is_elsewhere(self, tree: Mailbox) -> None:
        first = read(tree)
        tree.peer.edit(tree.native_id(0), folder="F-top")
        second = read(tree, last_cursor(first))
        assert tombstones(second) == []
        assert {item.native_id: item.channel for item in upserts(second)} == {tree.native_id(0): "Top"}
        assert len({item.version for item in upserts(second)}) == 1

    def test_removal_is_a_deletion_where_the_message_lies_in_deleted_items(self, tree: Mailbox) -> None:
        items = read(tree)
        tree.peer.edit(tree.native_id(0), folder="F-deleteditems")
        items += read(tree, last_cursor(items))
        assert tombstones(items) == [tree.native_id(0)]
        assert tombstones(tree.connector().fetch([tree.native_id(0)])) == [tree.native_id(0)]
        tree.peer.edit(tree.native_id(0), folder="F-inbox")
        items += read(tree, last_cursor(items))
        assert set(state(items)) == ids(tree, *range(5))

    def test_edits_never_return_to_an_earlier_version(self, peer: Mailbox) -> None:
        peer.add([1])
        items = read(peer)
        for categories in (("Blue",), (), ("Blue",)):
            peer.peer.edit(peer.native_id(1), categories=categories)
            items += read(peer, last_cursor(items))
        assert len({item.version for item in upserts(items)}) == len(upserts(items)) == 4

    def test_drafts_are_left_out_wherever_they_lie(self, peer: Mailbox) -> None:
        peer.peer.put("AAk1=", mail(1), moment(1), draft=True)
        assert upserts(read(peer)) == []
        peer.config = {"read_drafts": True}
        assert len(upserts(read(peer))) == 1


class TestBatches:
    def test_hold_twenty(self, peer: Mailbox) -> None:
        peer.peer.page = 200
        peer.add(range(45))
        assert len(upserts(read(peer))) == 45
        assert peer.peer.batches[1:] == [20, 20, 5], "the first asks for the folders that Outlook made"

    def test_ask_again_only_for_what_was_refused_for_now(self, peer: Mailbox) -> None:
        peer.add(range(4))
        peer.peer.part_faults[peer.native_id(1)] = [(429, "MailboxConcurrency"), (503, "ErrorServerBusy")]
        items = read(peer)
        assert len(upserts(items)) == 4
        assert not failures(items)
        assert peer.peer.batches[1:] == [4, 1, 1]

    def test_ask_again_for_parts_that_are_not_answered(self, peer: Mailbox) -> None:
        peer.add(range(4))
        peer.peer.loses_parts = 2
        assert len(upserts(read(peer))) == 4

    def test_make_no_failures_of_limits(self, peer: Mailbox) -> None:
        peer.add(range(2))
        peer.peer.part_faults[peer.native_id(1)] = [(429, "MailboxConcurrency")] * 50
        items = []
        with pytest.raises(UnavailableError):
            items.extend(peer.connector().read("messages", None))
        assert not failures(items)

    def test_make_failures_of_mails_that_cannot_be_given(self, peer: Mailbox) -> None:
        peer.add(range(3))
        peer.peer.part_faults[peer.native_id(1)] = [(500, "ErrorMimeContentConversionFailed")] * 50
        items = read(peer)
        assert [(failure.key, failure.retryable) for failure in failures(items)] == [(peer.native_id(1), True)]
        assert set(state(items)) == ids(peer, 0, 2)

    def test_that_are_too_large_are_asked_for_in_smaller_ones(
        self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("BATCH_BYTES", "LONGEST_ANSWER"):
            monkeypatch.setattr(f"opsintel.connectors.graph.client.{name}", 9_000)
        for number in range(6):
            peer.peer.put(peer.native_id(number), mail(number, body="x" * 2_500), moment(number))
        peer.peer.put("AAkLarge=", mail(9, body="x" * 20_000), moment(9))
        connection = peer.connection
        object.__setattr__(connection.policy, "max_body_bytes", 9_000)
        items = list(peer.connector(connection).read("messages", None))
        assert set(state(items)) == ids(peer, *range(6))
        (failure,) = failures(items)
        assert (failure.key, failure.retryable) == ("AAkLarge=", False)
        assert "too large" in failure.reason


class TestSelection:
    def select(self, peer: Mailbox, text: str, at: datetime | None = None) -> None:
        peer.selection = dict(peer.connector().plan(parse(text), at or now()).pushed)

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("channel:inbox", [0]),
            ("channel:Top OR channel:inbox/clients", [1, 3]),
            ("after:2026-01-05T08:02:00Z", [2, 3, 4]),
            ("graph:{from/emailAddress/address eq 'bob@example.org'}", [3]),
        ],
    )
    def test_is_the_same_in_reading_census_and_fetch(self, tree: Mailbox, text: str, numbers: list[int]) -> None:
        tree.peer.mailbox[tree.native_id(3)].sender = "bob@example.org"
        self.select(tree, text)
        assert tree.selection
        expected = ids(tree, *numbers)
        assert set(state(read(tree))) == expected
        assert {key for key, _ in tree.connector().census(Window())} == expected
        assert set(state(tree.connector().fetch(sorted(ids(tree, *range(5)))))) == expected

    def test_by_time_is_read_whole_where_graph_cuts_it(self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("opsintel.connectors.graph.feed.MOST_FILTERED", 5)
        peer.peer.most_filtered = 5
        peer.add(range(12))
        self.select(peer, "after:2026-01-05T08:03:00Z")
        items = read(peer)
        assert set(state(items)) == ids(peer, *range(3, 12))
        assert [query.get("$filter", "") != "" for query in peer.peer.deltas if "$select" in query][:2] == [True, False]
        peer.add([20])
        assert set(state(read(peer, last_cursor(items)))) == ids(peer, 20)

    def test_whose_bound_moves_with_time_is_not_begun_again(self, peer: Mailbox) -> None:
        peer.add(range(3))
        self.select(peer, "newer_than:9999d")
        cursor = last_cursor(read(peer))
        self.select(peer, "newer_than:9999d", now() + timedelta(days=1))
        assert upserts(read(peer, cursor)) == []
        self.select(peer, "newer_than:10010d")
        assert len(upserts(read(peer, cursor))) == 3, "an earlier bound asks for more"

    def test_that_graph_refuses_is_loud(self, peer: Mailbox) -> None:
        peer.add([1])
        peer.selection = {"delta": {"$filter": "subject eq 'x'"}}
        with pytest.raises(InputError, match="not supported"):
            read(peer)


class TestCensus:
    def test_of_a_window_is_exact(self, peer: Mailbox) -> None:
        peer.add(range(6))
        window = Window(moment(1), moment(3))
        assert dict(peer.connector().census(window)) == {
            peer.native_id(1): moment(1),
            peer.native_id(2): moment(2),
        }


class TestKnownFaults:
    """What well-known connectors read as empty, or never read."""

    MAILS = {
        "single part": b"Content-Type: text/plain\r\n\r\nThe lamp is dark.\r\n",
        "HTML only": b"Content-Type: text/html\r\n\r\n<p>The lamp is dark.</p>\r\n",
        "with attachment": (
            b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n'
            b'The lamp is dark.\r\n--b\r\nContent-Type: image/png; name="lamp.png"\r\n\r\nPNG\r\n--b--\r\n'
        ),
    }

    @pytest.mark.parametrize("form", list(MAILS))
    def test_text_is_read_of_every_form_of_mail(self, peer: Mailbox, form: str) -> None:
        head = b"From: Ann <ann@example.org>\r\nTo: help@example.com\r\nSubject: Lamp\r\n"
        peer.peer.put("AAk1=", head + self.MAILS[form], moment(1), categories=("Blue",))
        (item,) = upserts(read(peer))
        message = parsed(item)
        assert (message.text, message.labels, message.channel) == ("The lamp is dark.", ("Blue",), "Inbox")
        assert message.occurred_at == moment(1)

    def test_what_lies_in_sent_items_is_outbound_and_so_is_mail_of_an_alias(self, peer: Mailbox) -> None:
        sent = b"From: alias@example.com\r\nTo: ann@example.org\r\nSubject: Re\r\n\r\nYes"
        peer.peer.put("AAk1=", sent, moment(1), "F-sentitems", sender="alias@example.com")
        (item,) = upserts(read(peer))
        assert parsed(item).direction is Direction.OUTBOUND
        peer.peer.access.reads_profile = True
        peer.peer.put("AAk2=", b"From: help@example.com\r\nTo: ann@example.org\r\n\r\nYes", moment(2))
        assert parsed(state(read(peer))["AAk2="]).direction is Direction.OUTBOUND

    def test_a_good_status_with_an_error_inside_is_an_error(
        self, peer: Mailbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:

        peer.add([1])
        monkeypatch.setattr(peer.peer, "_delta", lambda *_: Told(200, {"error": {"code": "UnknownError"}}))
        with pytest.raises(UnavailableError):
            read(peer)

    def test_a_message_without_a_time_is_a_failure(self, peer: Mailbox) -> None:
        peer.peer.put("AAk1=", mail(1), datetime(1, 1, 1, tzinfo=UTC))
        peer.add([2])
        items = read(peer)
        assert [failure.key for failure in failures(items)] == ["AAk1="]
        assert set(state(items)) == ids(peer, 2)


def parsed(item: Upsert) -> Any:
    return parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext(channel=item.channel))
