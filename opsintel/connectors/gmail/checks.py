"""Checks of a Gmail source, each with what a person can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opsintel.connectors.connection import Connection
from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.gmail.client import GmailClient
from opsintel.connectors.gmail.manifest import SCOPE, GmailConfig
from opsintel.connectors.gmail.news import Subscription
from opsintel.errors import CredentialError, FatalError, InputError, NotFoundError, RetriableError

_PUBLISHER = "gmail-api-push@system.gserviceaccount.com"
_LATER = "It is tried again later; check the way to Google if that stays"


def checks_of(client: GmailClient, connection: Connection, config: GmailConfig) -> Sequence[Check]:
    """Return the checks in order; after one that fails or gets no answer the rest says nothing, and is left out."""
    asked: list[tuple[str, bool, Callable[[], str]]] = [
        ("mailbox", True, lambda: _mailbox(client)),
        ("scope", True, lambda: _scope(client, connection)),
    ]
    if config.topic:
        asked.append(("topic", False, lambda: _topic(client, config.topic)))
    if config.subscription:
        asked.append(("subscription", False, lambda: _subscription(connection, config)))
    found = []
    for name, required, ask in asked:
        check = _checked(name, required, ask)
        found.append(check)
        if check.verdict is Verdict.UNKNOWN or (required and check.verdict is Verdict.FAILED):
            break
    return found


def _checked(name: str, required: bool, ask: Callable[[], str]) -> Check:
    try:
        return Check(name, Verdict.PASSED, required, ask())
    except RetriableError as error:
        return Check(name, Verdict.UNKNOWN, required, error.message, error.remedy or _LATER)
    except (FatalError, NotFoundError) as error:
        return Check(name, Verdict.FAILED, required, error.message, error.remedy or "Check the settings of the source")


def _mailbox(client: GmailClient) -> str:
    profile = client.profile()
    return f"{profile.address} can be read, with {profile.messages:,} messages"


def _scope(client: GmailClient, connection: Connection) -> str:
    """Ask for a search, which the scope of mere metadata does not cover."""
    granted = connection.credential().get("scope", "").split()
    if granted and not {SCOPE, "https://mail.google.com/", SCOPE.replace("readonly", "modify")} & set(granted):
        raise CredentialError(f"The scope {SCOPE} is missing", remedy="Authorise the source again and allow it")
    client.messages({"q": "in:inbox"}, size=1)
    return f"{SCOPE} is granted"


def _topic(client: GmailClient, topic: str) -> str:
    try:
        ends = client.watch(topic)
    except (InputError, CredentialError, NotFoundError) as error:
        raise InputError(
            f"Gmail cannot tell {topic} of changes: {error.message}",
            remedy=f"Check the name of the topic, and give {_PUBLISHER} the role Pub/Sub Publisher on it",
        ) from None
    return f"Gmail tells {topic} of changes until {ends:%d %B %Y}"


def _subscription(connection: Connection, config: GmailConfig) -> str:
    with Subscription(connection, config) as subscription:
        subscription.pull()
    return f"{config.subscription} can be pulled from"
