"""Stands between the product and a server of models: every request is held against what its provider publishes."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from tests.peers.chaos import Chaos, Mishap, instead, spoilt
from tests.peers.provider import Asked, ProviderPeer, Told, running
from tests.peers.published import breaches
from tests.peers.published_batches import breaches_of_batch, is_of_batches

_OF_THE_CONNECTION = frozenset({"host", "connection", "content-length", "transfer-encoding", "date", "keep-alive"})


@dataclass(frozen=True)
class Exchange:
    """A request that went through, what went wrong with it, and the status of its answer (None: there was none)."""

    asked: Asked
    mishap: Mishap | None
    status: int | None

    @property
    def is_answered(self) -> bool:
        """Whether the product got an answer that it could read."""
        return self.status == 200 and (self.mishap is None or self.mishap.is_answered)

    @property
    def is_unclear(self) -> bool:
        """Whether nobody but the provider knows that there was an answer."""
        return not self.is_answered and (self.status is None or self.status == 200)


class Recorder(ProviderPeer):
    """Passes requests on to `target`; `exchanges` are those that went through, `chaos` is what goes wrong, if any.

    `slow_seconds`: how late an answer is that comes too late.
    """

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = urlsplit(target).netloc
        self.slow_seconds = 0.0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget everything, and pass all on as it is."""
        self.chaos: Chaos | None = None
        self.exchanges: list[Exchange] = []
        self.asked.clear()
        self.wrong.clear()

    def moment(self) -> datetime:
        return datetime.now(UTC)

    def told(self, asked: Asked) -> Told | None:
        found = _breaches(asked)
        with self.lock:
            self.asked.append(asked)
            self.wrong += found
            mishap = self.chaos.next(asked.body) if self.chaos else None
        told = self._through(asked, mishap)
        with self.lock:
            self.exchanges.append(Exchange(asked, mishap, told.status if told else None))
        if mishap is Mishap.SLOW:
            self._ended.wait(self.slow_seconds)
        return told

    def answer(self, asked: Asked) -> Told:
        raise NotImplementedError("a recorder passes on")

    def _through(self, asked: Asked, mishap: Mishap | None) -> Told | None:
        if mishap is not None and not mishap.reaches_the_model:
            return instead(mishap)
        told = self._passed_on(asked)
        if told is None or told.status != 200 or mishap is None:
            return told
        return spoilt(mishap, asked.path, told)

    def _passed_on(self, asked: Asked) -> Told | None:
        connection = http.client.HTTPConnection(self._target, timeout=60)
        headers = {name: value for name, value in asked.headers.items() if name not in _OF_THE_CONNECTION}
        try:
            query = f"?{urlencode(asked.query)}" if asked.query else ""
            connection.request(asked.method, asked.path + query, asked.body, headers)
            response = connection.getresponse()
            kept = {name: value for name, value in response.getheaders() if name.lower() not in _OF_THE_CONNECTION}
            return Told(response.status, response.read(), kept)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


def _breaches(asked: Asked) -> list[str]:
    try:
        return breaches_of_batch(asked) if is_of_batches(asked) else breaches(asked)
    except Exception as error:  # noqa: BLE001  a check that breaks must fail the test, not the connection
        return [f"{asked.path}: {error!r}"]


@contextmanager
def recorded(target: ProviderPeer) -> Iterator[Recorder]:
    """Stand before a server of models until the end of the block; whoever asks for its address asks the recorder."""
    recorder = Recorder(target.address)
    with running(recorder):
        target.address = recorder.address
        yield recorder
