"""Requests to a provider's HTTP interface: guarded, within its limits, tried again after passing faults.

What an answer means is the connector's to say. Here is only what all have in common: 401 once renews the credential;
429 and 503 hold back every process that shares the budget for as long as the provider asks (Retry-After, RFC 9110
section 10.2.3), or for a growing time with jitter; other 5xx and broken connections are tried again.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection, Credential
from opsintel.errors import AnswerError, BusyError, CredentialError, UnavailableError
from opsintel.net.client import is_same_server, open_client
from opsintel.net.policy import MEGABYTE, Policy
from opsintel.net.retrying import retry_after

TRIES = 6
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 64.0
"""Seconds before the second try, and at most before any; they double, and each is drawn from its upper half."""

LONGEST_ANSWER = 160 * MEGABYTE
_OUTAGE = 503
_BUSY, _UNAUTHORIZED, _FAULTS = (429, _OUTAGE), 401, range(500, 600)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered; names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body; `UnavailableError` for what is no JSON, as a proxy in between answers with."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise UnavailableError(f"The answer (status {self.status}) is no JSON") from None


class ProviderClient(Closing):
    """A provider's interface at one address, with the source's credential."""

    def __init__(
        self,
        connection: Connection,
        base_url: str,
        authorization: Callable[[Credential], Mapping[str, str]],
        *,
        title: str,
        exchange: Callable[[Credential], Credential] | None = None,
        is_stale: Callable[[Credential], bool] = lambda _: False,
        is_busy: Callable[[Answer], bool] = lambda answer: answer.status in _BUSY,
        pause: Callable[[Answer], float | None] = lambda answer: retry_after(answer.headers),
        policy: Policy | None = None,
    ) -> None:
        """`authorization` gives the headers of a request; `exchange` renews a credential, where it can be renewed.

        `is_stale` tells of a credential that it is to be renewed before it is used; `pause` reads how many seconds a
        busy provider asks to wait, None where it does not say. `policy` is the connection's unless another is given.
        """
        self.connection = connection
        self._base = base_url.rstrip("/")
        self._authorization, self._exchange = authorization, exchange
        self._is_stale, self._is_busy, self._pause = is_stale, is_busy, pause
        self._title = title
        usual = connection.policy
        longest = replace(usual, max_body_bytes=max(usual.max_body_bytes, LONGEST_ANSWER))
        self._client = open_client(policy or longest, connection.trust)
        self._credential: Credential | None = None

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        budget: Budget,
        units: int = 1,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to a request; `path` may be a whole address that the provider gave, of the same server.

        `body` is sent as JSON, `content` as it is. Raises `CredentialError` where the credential is refused and cannot
        be renewed, `BusyError` where limits refuse it again and again, `UnavailableError` where it comes to no answer.
        """
        url = self._address(path)
        is_renewed = False
        for tried in range(1, TRIES + 1):
            self.connection.spend(budget, units)
            credential = self._usable()
            try:
                answer = self._send(method, url, credential, params, body, content, headers)
            except UnavailableError:
                if tried == TRIES:
                    raise
                self.connection.wait(pause_after(tried))
                continue
            if answer.status == _UNAUTHORIZED and self._exchange is not None and not is_renewed:
                self._credential = self.connection.renewed(credential, self._exchange)
                is_renewed = True
            elif self._is_busy(answer):
                pause = self._pause(answer) or pause_after(tried)
                self.connection.hold_back(budget, pause)
                if tried == TRIES and answer.status != _OUTAGE:
                    raise BusyError(f"{self._title} takes no more requests", seconds=pause)
            elif answer.status in _FAULTS:
                self.connection.wait(retry_after(answer.headers) or pause_after(tried))
            else:
                return self._accepted(answer)
        raise UnavailableError(f"{self._title} answers with status {answer.status}", remedy="It is tried again later")

    def renew(self) -> None:
        """Renew the credential, which the provider refused in its own way, e.g. with status 200.

        Raises as `exchange` does. Nothing happens where there is none.
        """
        if self._exchange is not None:
            stale = self._credential or self.connection.credential()
            self._credential = self.connection.renewed(stale, self._exchange)

    def _usable(self) -> Credential:
        """Return the credential, renewed where it is known to be stale."""
        credential = self._credential or self.connection.credential()
        if self._exchange is not None and self._is_stale(credential):
            credential = self._credential = self.connection.renewed(credential, self._exchange)
        return credential

    def _accepted(self, answer: Answer) -> Answer:
        if answer.status == _UNAUTHORIZED:
            raise CredentialError(f"{self._title} refuses the credential", remedy="Authorise the source again")
        return answer

    def _address(self, path: str) -> str:
        """Return a whole address; one that leads to another server is refused, as it would get the credential."""
        if not path.startswith(("http://", "https://")):
            return self._base + path
        if not is_same_server(path, self._base):
            raise AnswerError(f"{self._title} names a page on another server")
        return path

    def _send(
        self,
        method: str,
        url: str,
        credential: Credential,
        params: Mapping[str, str | int] | None,
        body: Any,
        content: bytes | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        sent = {"Accept": "application/json", **self._authorization(credential), **(headers or {})}
        answer = self._client.request(method, url, params=params, json=body, content=content, headers=sent)
        return Answer(answer.status_code, dict(answer.headers), answer.content)


def pause_after(tried: int) -> float:
    """Return the seconds to wait after so many tries."""
    longest = min(FIRST_PAUSE * 2.0 ** (tried - 1), LONGEST_PAUSE)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 — it keeps processes apart and guards nothing
