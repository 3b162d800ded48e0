"""News by a pull subscription of Pub/Sub, for an installation without a public address.

Source: the discovery document pubsub v1, as the package google-api-python-client carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection
from opsintel.connectors.gmail.access import is_pubsub_ending, pubsub_token
from opsintel.connectors.gmail.faults import is_busy
from opsintel.connectors.gmail.manifest import GmailConfig
from opsintel.connectors.gmail.push import mailbox_of
from opsintel.connectors.http import Answer, ProviderClient
from opsintel.coordination.contract import Limit
from opsintel.errors import CredentialError, InputError

REQUESTS = Limit(per_second=10, burst=20)
MOST = 100
"""Messages a pull."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """Messages of a subscription: what acknowledges each, and the mailbox it tells of; None: it is not Gmail's."""

    ack_id: str
    mailbox: str | None


class Subscription(Closing):
    """A pull subscription."""

    def __init__(self, connection: Connection, config: GmailConfig) -> None:
        self._client = ProviderClient(
            connection,
            config.pubsub_url,
            lambda credential: {"Authorization": f"Bearer {credential.get('pubsub_token', '')}"},
            title="Pub/Sub",
            exchange=pubsub_token(connection, config),
            is_stale=is_pubsub_ending,
            is_busy=is_busy,
        )
        self._path = f"/v1/{config.subscription}"
        self._budget = Budget("pubsub", REQUESTS, config.subscription)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def pull(self) -> list[Pulled]:
        """Return messages that wait there, at once; each comes again unless it is acknowledged."""
        # An answer that waits for news would outlast the time limit of a request, and with it whatever it brought.
        answer = self._post(":pull", {"maxMessages": MOST, "returnImmediately": True}).json()
        found = answer.get("receivedMessages", []) if isinstance(answer, dict) else []
        return [Pulled(str(entry["ackId"]), mailbox_of(entry.get("message", {}))) for entry in found]

    def acknowledge(self, pulled: Sequence[Pulled]) -> None:
        """Have some messages not come again."""
        if pulled:
            self._post(":acknowledge", {"ackIds": [message.ack_id for message in pulled]})

    def _post(self, action: str, body: dict[str, Any]) -> Answer:
        answer = self._client.request("POST", self._path + action, budget=self._budget, body=body)
        if answer.status == 403:
            raise CredentialError(
                "The service account may not pull from the subscription",
                remedy="Give it the role Pub/Sub Subscriber on the subscription",
            )
        if answer.status >= 400:
            raise InputError(
                f"Pub/Sub refuses the subscription (status {answer.status})",
                remedy="Check its name: projects/…/subscriptions/…",
            )
        return answer
