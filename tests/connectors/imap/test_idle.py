from __future__ import annotations

from collections.abc import Iterator

import pytest

from opsintel.connectors.contract import Live, news_of
from opsintel.connectors.imap import idle
from opsintel.errors import CredentialError, RetriableError
from tests.connectors.imap.account import Account

pytestmark = pytest.mark.dovecot

NEWS, PULSE = (news_of("messages"),), ()


class Listening:
    """A connector that listens; `over` ends it."""

    def __init__(self, account: Account) -> None:
        connector = account.connector()
        assert isinstance(connector, Live)
        self.over = False
        self.heard: Iterator[tuple[str, ...]] = connector.listen(lambda: self.over)
        self._account = account

    def next(self) -> tuple[str, ...]:
        return next(self.heard)

    def next_news(self) -> None:
        while self.next() == PULSE:
            pass


def idles(account: Account) -> int:
    return account.proxy.commands.count("IDLE")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "PULSE_SECONDS", 0.05)


class TestNews:
    def test_comes_at_the_start_and_with_each_mail(self, account: Account) -> None:
        listening = Listening(account)
        assert listening.next() == NEWS
        assert listening.next() == PULSE
        account.add([1])
        listening.next_news()
        listening.next()
        account.add([2])
        listening.next_news()

    @pytest.mark.parametrize("change", ["edit", "delete"])
    def test_comes_with_changes(self, account: Account, change: str) -> None:
        account.add([1])
        listening = Listening(account)
        assert (listening.next(), listening.next()) == (NEWS, PULSE)
        getattr(account, change)(1)
        listening.next_news()

    def test_between_two_idles_is_not_missed(self, account: Account) -> None:
        listening = Listening(account)
        assert (listening.next(), listening.next()) == (NEWS, PULSE)
        account.add([1])
        listening.next_news()  # the server is out of IDLE now
        account.add([2])
        listening.next_news()


class TestIdle:
    def test_is_renewed_before_the_server_ends_it(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        listening = Listening(account)
        assert [listening.next() for _ in range(4)] == [NEWS, PULSE, PULSE, PULSE]
        assert idles(account) == 1
        monkeypatch.setattr(idle, "RENEW_SECONDS", 0.0)
        assert [listening.next() for _ in range(3)] == [PULSE] * 3
        assert idles(account) >= 2

    def test_lasts_less_than_29_minutes(self) -> None:
        assert idle.RENEW_SECONDS + 60 < 29 * 60

    def test_ends_when_it_is_told_to(self, account: Account) -> None:
        listening = Listening(account)
        assert (listening.next(), listening.next()) == (NEWS, PULSE)
        listening.over = True
        assert list(listening.heard) == [PULSE]

    def test_ends_with_the_connection(self, account: Account) -> None:
        listening = Listening(account)
        assert (listening.next(), listening.next()) == (NEWS, PULSE)
        account.proxy.cut()
        with pytest.raises(RetriableError):
            list(listening.heard)

    def test_ends_when_the_server_says_goodbye(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        listening = Listening(account)
        assert (listening.next(), listening.next()) == (NEWS, PULSE)
        monkeypatch.setattr(idle, "RENEW_SECONDS", 0.0)
        account.proxy.fail("bye", times=None)
        with pytest.raises(RetriableError):
            list(listening.heard)

    def test_is_not_begun_where_the_server_has_none(self, plain_account: Account) -> None:
        assert list(Listening(plain_account).heard) == []

    def test_needs_a_credential(self, account: Account) -> None:
        account.revoke()
        with pytest.raises(CredentialError):
            Listening(account).next()
