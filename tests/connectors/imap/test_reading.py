from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice

import pytest

from opsintel.connectors.contract import Checkpoint, Failure, ReadItem, Window
from opsintel.connectors.imap import contents, mails, reading
from opsintel.errors import RetriableError
from opsintel_pipeline.normalize.context import NormalizeContext
from opsintel_pipeline.normalize.parse import parse_payload
from tests.connectors.contract import failures, last_cursor, upserts
from tests.connectors.imap.account import Account
from tests.connectors.remote import Pages, state, tombstones
from tests.connectors.sources import mail, moment
from tests.peers.dovecot import append

pytestmark = pytest.mark.dovecot


def checkpoints(items: list[ReadItem]) -> list[Checkpoint]:
    return [item for item in items if isinstance(item, Checkpoint)]


def contents_of(items: list[ReadItem]) -> dict[str, bytes]:
    """Return what is stored after all items, by id: versions are those of the server's numbers."""
    return {native_id: item.payload for native_id, item in state(items).items()}


@pytest.fixture(params=["account", "plain_account"])
def either(request: pytest.FixtureRequest) -> Account:
    """An account of a server with and one without CONDSTORE and QRESYNC."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Account)
    return found


class TestNumbersAnew:
    def test_without_a_row_more(self, either: Account) -> None:
        either.add(range(6))
        either.delete(2)
        first = either.read()
        either.server.reset_validity(either.user)
        second = either.read(last_cursor(first))
        assert not upserts(second)
        assert not tombstones(second)
        assert not any("BODY.PEEK[])" in command for command in either.proxy.commands[-6:])
        assert contents_of([*first, *second]) == contents_of(either.read())

    def test_and_the_uids_of_before_mean_nothing(self, either: Account) -> None:
        either.add(range(6))
        first = either.read()
        for number in (0, 1):
            either.delete(number)
        either.server.reset_validity(either.user)
        either.add([6])
        either.store(4, "+FLAGS", "(urgent)")
        second = either.read(last_cursor(first))
        assert set(state(second)) == {either.native_id(4), either.native_id(6)}
        assert sorted(tombstones(second)) == sorted([either.native_id(0), either.native_id(1)])
        assert contents_of([*first, *second]) == contents_of(either.read())
        assert not either.read(last_cursor(second))

    def test_while_a_reading_is_under_way(self, either: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "PAGE_ITEMS", 2)
        either.add(range(6))
        first = either.read()
        page = checkpoints(first)[2]
        stored = first[: first.index(page) + 1]
        either.delete(0)
        either.server.reset_validity(either.user)
        second = either.read(page.cursor)
        assert tombstones(second) == [either.native_id(0)]
        assert contents_of([*stored, *second]) == contents_of(either.read())
        again = checkpoints(second)[0]
        third = either.read(again.cursor)
        assert contents_of([*stored, *second[: second.index(again)], *third]) == contents_of(either.read())

    def test_is_killed_at_any_page_and_loses_nothing(self, either: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        either.add([0, 2, 3, 5])
        first = either.read()
        either.delete(3)
        with either.open() as connection:
            for number in (1, 4, 1):
                append(connection, mail(number), moment(number))
            connection.select("INBOX")
            # As a restore from a back-up does: what is new lies among what is known.
            for number in (1, 0, 2, 5, 4):
                connection.uid("COPY", either.uid(connection, number), "INBOX")
            connection.uid("STORE", "1:7", "+FLAGS", "(\\Deleted)")
            connection.expunge()
        either.server.reset_validity(either.user)
        monkeypatch.setattr(contents, "PAGE_BYTES", 1)
        second = either.read(last_cursor(first))
        whole = contents_of([*first, *second])
        assert set(whole) == {either.native_id(number) for number in (0, 1, 2, 4, 5)}
        for page in checkpoints(second):
            stored = [*first, *second[: second.index(page)]]
            assert contents_of([*stored, *either.read(page.cursor)]) == whole

    def test_in_the_middle_of_a_reading_begins_again(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "PAGE_ITEMS", 2)
        account.add(range(6))
        whole = contents_of(account.read())
        items = account.connector().read("messages", None)
        stored = list(islice(items, 4))
        account.server.reset_validity(account.user)
        account.proxy.fail("cut")
        with pytest.raises(RetriableError, match="anew"):
            list(items)
        cursor = last_cursor(stored)
        place = stored.index(Checkpoint(cursor))
        assert contents_of([*stored[:place], *account.read(cursor)]) == whole


class TestUids:
    def test_are_kept_and_not_sequence_numbers(self, either: Account) -> None:
        either.add(range(6))
        first = either.read()
        for number in (0, 1, 2):
            either.delete(number)
        either.add([6])
        second = either.read(last_cursor(first))
        assert set(state(second)) == {either.native_id(6)}
        assert sorted(tombstones(second)) == sorted(either.native_id(number) for number in (0, 1, 2))

    def test_of_the_newest_mail_is_no_news(self, either: Account) -> None:
        either.add(range(3))
        cursor = last_cursor(either.read())
        either.delete(0)
        before = len(either.proxy.commands)
        second = either.read(cursor)
        assert not upserts(second)
        assert not any("RFC822.SIZE" in command for command in either.proxy.commands[before:])
        assert any(command.startswith("UID SEARCH UID 4:*") for command in either.proxy.commands)

    def test_alone_are_asked_for(self, either: Account) -> None:
        either.add(range(3))
        cursor = last_cursor(either.read())
        either.edit(1)
        either.read(cursor)
        list(either.connector().census(Window()))
        list(either.connector().fetch([either.native_id(1)]))
        asked = [command.split()[0] for command in either.proxy.commands]
        assert not {"FETCH", "SEARCH", "STORE", "COPY"} & set(asked)


class TestTouchesNothing:
    def test_no_mail_is_marked_as_seen(self, either: Account) -> None:
        either.add(range(3))
        cursor = last_cursor(either.read())
        list(either.connector().fetch([either.native_id(1)]))
        list(either.connector().census(Window()))
        either.edit(2)
        either.read(cursor)
        with either.open() as connection:
            connection.select("INBOX")
            assert connection.uid("SEARCH", "UNSEEN")[1] == [b"1 2 3"]
        asked = {command.split()[0] for command in either.proxy.commands}
        assert "EXAMINE" in asked
        assert "SELECT" not in asked
        assert all("BODY[" not in command for command in either.proxy.commands)

    def test_an_unchanged_mailbox_is_opened_and_left(self, account: Account) -> None:
        account.add(range(3))
        cursor = last_cursor(account.read())
        before = len(account.proxy.commands)
        account.read(cursor)
        asked = [command.split("UID ")[-1] for command in account.proxy.commands[before:]]
        assert not any("FETCH" in command for command in asked)


class TestLabels:
    def labels(self, item_payload: bytes) -> tuple[str, ...]:
        return parse_payload(item_payload, "mime", "x", context=NormalizeContext()).labels  # type: ignore[arg-type]

    def test_are_read_with_the_mail(self, either: Account) -> None:
        either.deliver(mail(1), moment(1), flags="(urgent Refunds \\Flagged \\Seen $NotJunk)")
        (item,) = upserts(either.read())
        assert self.labels(item.payload) == ("Flagged", "Refunds", "urgent")

    def test_that_come_and_go_are_edits(self, either: Account) -> None:
        either.add(range(3))
        first = either.read()
        either.store(1, "+FLAGS", "(urgent)")
        second = either.read(last_cursor(first))
        either.store(1, "-FLAGS", "(urgent)")
        third = either.read(last_cursor(second))
        assert [self.labels(item.payload) for items in (second, third) for item in upserts(items)] == [("urgent",), ()]
        assert contents_of(third)[either.native_id(1)] == contents_of(first)[either.native_id(1)]

    def test_that_come_and_go_bring_no_version_back(self, account: Account) -> None:
        account.add([1])
        versions = []
        cursor = None
        for change in ("", "+FLAGS", "-FLAGS"):
            if change:
                account.store(1, change, "(urgent)")
            items = account.read(cursor)
            cursor = last_cursor(items)
            versions += [item.version for item in upserts(items)]
        assert len(set(versions)) == 3

    def test_that_say_only_that_it_was_read_are_none(self, either: Account) -> None:
        either.add(range(3))
        first = either.read()
        for flags in ("(\\Seen)", "(\\Answered)", "($Forwarded)", "(NonJunk)"):
            either.store(1, "+FLAGS", flags)
        assert not upserts(either.read(last_cursor(first)))

    def test_in_any_script_are_one_field_of_the_header(self) -> None:
        listed = mails.Mail(1, 1, 1, None, ("Größe", "日本" * 40, "line\\nbreak"))
        payload = mails.upsert("INBOX", listed, mail(1)).payload
        assert payload.startswith(b"Keywords: =?utf-8?")
        assert payload.endswith(mail(1))
        assert self.labels(payload)[0] == "Größe"


class TestIdentity:
    def test_of_two_copies_in_a_mailbox_is_one(self, either: Account) -> None:
        either.add([1, 2])
        either.add([1])
        first = either.read()
        assert len(upserts(first)) == 2
        with either.open() as connection:
            connection.select("INBOX")
            connection.uid("STORE", "1", "+FLAGS", "(\\Deleted)")
            connection.expunge()
        second = either.read(last_cursor(first))
        assert not tombstones(second)
        either.delete(1)
        third = either.read(last_cursor(second))
        assert tombstones(third) == [either.native_id(1)]

    def test_of_mails_without_message_id_differs(self, either: Account) -> None:
        for number in range(3):
            either.deliver(b"From: a@example.org\nSubject: Disk full\n\nHost %d\n" % number, moment(number))
        first = either.read()
        assert len(state(first)) == 3
        either.server.reset_validity(either.user)
        assert not upserts(either.read(last_cursor(first)))

    def test_of_mails_that_share_a_message_id_differs(self, either: Account) -> None:
        for number in range(3):
            message = mail(number).replace(b"<%d@example.org>" % number, b"<constant@example.org>")
            either.deliver(message, moment(number))
        assert len(state(either.read())) == 3

    def test_does_not_depend_on_folds_and_order(self) -> None:
        one = b"Message-ID: <1@x>\r\nSubject: a\r\n long one\r\nDate: now\r\n\r\n"
        other = b"DATE:  now\r\nSubject: a long one \r\nMessage-ID:\r\n <1@x>\r\n\r\n"
        assert mails._identity({mails._FIELDS: one}, 1, None) == mails._identity({mails._FIELDS: other}, 2, None)

    def test_is_the_servers_own_where_it_has_one(self) -> None:
        assert mails._identity({b"X-GM-MSGID": 0x17F3A, b"EMAILID": (b"M1",)}, 1, None) == 0x17F3A
        assert mails._identity({b"EMAILID": (b"M1",)}, 1, None) == mails._identity({b"EMAILID": b"M1"}, 2, None)
        assert mails.native_id("INBOX", 0x17F3A) == "INBOX/0000000000017f3a"
        assert mails.parts_of("a/b/0000000000017f3a") == ("a/b", 0x17F3A)
        assert mails.parts_of("0000000000017f3a") is None


class TestSizes:
    def test_of_a_page_are_bounded_in_bytes(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        account.add(range(10))
        size = len(mail(0)) + 20
        monkeypatch.setattr(contents, "PAGE_BYTES", 3 * size)
        assert max(Pages.of(account.read()).sizes) == 3

    def test_of_a_mail_above_the_limit_leave_its_text(self, account: Account) -> None:
        big = account.server.folder_of(account.user) / "new" / "1796027115.M1P1.host"
        account.add([1])
        head = mail(2, extra='MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n', body="")
        head += b"--b\nContent-Type: text/plain\n\nThe invoice is wrong.\n\n--b\nContent-Type: application/pdf\n"
        head += b'Content-Disposition: attachment; filename="scan.pdf"\nContent-Transfer-Encoding: base64\n\n'
        with big.open("wb") as file:
            file.write(head.replace(b"\n", b"\r\n"))
            line = (b"QUJD" * 19 + b"\r\n") * 13_000
            while file.tell() < 100_000_000:
                file.write(line)
        size = big.stat().st_size
        big.rename(big.with_name(f"{big.name},S={size},W={size}"))
        items = account.read()
        item = state(items)[account.native_id(2)]
        assert len(item.payload) == mails.BEGINNING
        message = parse_payload(item.payload, item.format, item.native_id, context=NormalizeContext())
        assert message.text == "The invoice is wrong."
        assert [attachment.filename for attachment in message.attachments] == ["scan.pdf"]
        (failure,) = failures(items)
        assert failure == Failure("size", account.native_id(2), failure.reason, retryable=False)
        assert f"{size:,}" in failure.reason
        assert set(state(items)) == {account.native_id(1), account.native_id(2)}


class TestPoison:
    def test_of_one_mail_stops_no_other(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "PAGE_ITEMS", 4)
        account.add(range(6))
        refused = b"{tag} NO [SERVERBUG] Internal error occurred\r\n"
        for uids in ("1:4", "1:2", "2"):
            account.proxy.replies.append((f"UID FETCH {uids} (UID BODY.PEEK[])", refused))
        items = account.read()
        assert set(state(items)) == {account.native_id(number) for number in (0, 2, 3, 4, 5)}
        (failure,) = failures(items)
        assert (failure.key, failure.retryable) == (account.native_id(1), True)
        account.proxy.replies.clear()
        assert set(state(account.connector().fetch([failure.key]))) == {failure.key}

    def test_that_the_server_does_not_list_is_said(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        account.add(range(3))
        refused = b"{tag} NO [SERVERBUG] Internal error occurred\r\n"
        for uids in ("1:3", "2:3", "2"):
            account.proxy.replies.append((f"UID FETCH {uids} (UID RFC822.SIZE", refused))
        items = account.read()
        assert set(state(items)) == {account.native_id(0), account.native_id(2)}
        assert [failure.key for failure in failures(items)] == [failures(items)[0].key]
        assert "UID 2" in failures(items)[0].key

    def test_of_one_mailbox_stops_no_other(self, account: Account) -> None:
        account.add([1], "Sent")
        account.add([2])
        account.proxy.replies.append(('EXAMINE "Sent"', b"{tag} NO [SERVERBUG] corrupted\r\n"))
        items = account.read()
        assert set(state(items)) == {account.native_id(2)}
        assert [(failure.kind, failure.key) for failure in failures(items)] == [("mailbox", "Sent")]
        account.proxy.replies.clear()
        assert {item.channel for item in upserts(account.read(last_cursor(items)))} == {"Sent"}

    def test_an_answer_that_leaves_mails_out_is_no_deletion(self, plain_account: Account) -> None:
        plain_account.add(range(3))
        cursor = last_cursor(plain_account.read())
        plain_account.proxy.replies.append(("UID SEARCH", b"* SEARCH\r\n{tag} OK done\r\n"))
        with pytest.raises(RetriableError, match="fewer"):
            plain_account.read(cursor)

    def test_of_bytes_that_are_no_mail_is_left_to_the_normaliser(self, account: Account) -> None:
        chance = random.Random("no mail")
        for number in range(4):
            account.deliver(chance.randbytes(300).replace(b"\0", b"x"), moment(number))
        items = account.read()
        assert len(upserts(items)) == 4
        assert not failures(items)


class TestVanished:
    def test_is_asked_for_where_the_server_tells(self, account: Account, plain_account: Account) -> None:
        for one in (account, plain_account):
            one.add(range(3))
            cursor = last_cursor(one.read())
            one.delete(1)
            assert tombstones(one.read(cursor)) == [one.native_id(1)]
        assert any("VANISHED" in command for command in account.proxy.commands)
        assert not any("VANISHED" in command for command in plain_account.proxy.commands)

    def test_in_runs_is_a_tombstone_each(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "PAGE_ITEMS", 3)
        account.add(range(9))
        cursor = last_cursor(account.read())
        with account.open() as connection:
            connection.select("INBOX")
            connection.uid("STORE", "1:4,6:8", "+FLAGS", "(\\Deleted)")
            connection.expunge()
        items = account.read(cursor)
        assert sorted(tombstones(items)) == sorted(account.native_id(number) for number in (0, 1, 2, 3, 5, 6, 7))
        assert max(Pages.of(items).sizes) <= 3


class TestDays:
    def test_of_the_server_hide_nothing(self, account: Account) -> None:
        """A day has another beginning where the mail was delivered: SINCE and BEFORE are asked a day wider."""
        midnight = datetime(2026, 3, 10, tzinfo=UTC)
        with account.open() as connection:
            for number, hours in enumerate((-12, -1, 1, 14)):
                zone = timezone(timedelta(hours=(-11, 14)[number % 2]))
                append(connection, mail(number), (midnight + timedelta(hours=hours)).astimezone(zone))
        day = Window(midnight, midnight + timedelta(days=1))
        counted = {native_id for native_id, _ in account.connector().census(day)}
        assert counted == {account.native_id(2), account.native_id(3)}
        assert any("SINCE 9-Mar-2026 BEFORE 13-Mar-2026" in command for command in account.proxy.commands)
