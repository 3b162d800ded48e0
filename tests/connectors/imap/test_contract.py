from __future__ import annotations

import pytest

from opsintel.connectors.imap import reading
from tests.connectors.imap.account import Account
from tests.connectors.remote import RemoteContract

pytestmark = pytest.mark.dovecot


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PAGE_ITEMS", 4)


class TestContract(RemoteContract):
    kind = "imap"

    @pytest.fixture
    def peer(self, account: Account) -> Account:
        return account


class TestContractOfAPlainServer(RemoteContract):
    """The same without CONDSTORE, QRESYNC and IDLE: changes are found by comparing."""

    kind = "imap"

    @pytest.fixture
    def peer(self, plain_account: Account) -> Account:
        return plain_account

    test_check_passes_for_a_good_source = None  # it says that the server has no IDLE
    # The same code as above, and a second each.
    test_a_fault_at_any_request_loses_nothing = None
    test_an_outage_is_no_empty_answer_and_passes = None
    test_census_that_fails_is_not_a_short_one = None
    test_a_time_out_is_unknown_and_no_fault_of_the_credential = None
