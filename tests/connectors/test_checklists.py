"""Every item of a provider's checklist names tests, and they are there."""

import pytest

from tests.connectors.checklists import Item, items, missing, providers

LEAST = 0.95


@pytest.mark.parametrize("provider", providers())
def test_items_are_numbered_once_and_held_by_tests_that_are_there(provider: str) -> None:
    listed = items(provider)
    assert len({item.number for item in listed}) == len(listed)
    named = {item.number: found for item in listed if (found := missing(provider, item))}
    assert [found for found in named.values() if found != ["no test"]] == []
    assert len(listed) - len(named) >= LEAST * len(listed)


@pytest.mark.parametrize(
    ("tests", "found"),
    [
        ("contract", []),
        ("reading `TestHistory`", []),
        ("`…page_token_has_ended`, `TestHistory::test_goes_on…`", []),
        ("`test_that_is_not_there`", ["test_that_is_not_there"]),
        ("tests/connectors/test_oauth.py `TestRefresh`", []),
        ("tests/nowhere.py", ["tests/nowhere.py"]),
        ("by construction", ["no test"]),
    ],
)
def test_a_test_that_is_not_there_is_seen(tests: str, found: list[str]) -> None:
    assert missing("gmail", Item("G1", tests)) == found
