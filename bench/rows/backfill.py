"""Backfills: how much of what each provider permits is used, by its own count, and that it is never passed.

All five that limit requests are read at once by one process, as the worker does, from peers on this machine, through
the real limits in the database. A peer counts what its provider counts: Gmail units, Graph requests, Slack pages, Jira
points, Zendesk exports. The share is that of the last minute, when what a quiet hour had saved up is spent; passed
would be more than is granted in any window.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bench.measure import Spread, peak_memory
from bench.report import Bound, Line, Report
from bench.workplace import Workplace
from opsintel.access.audit import SYSTEM
from opsintel.errors import RetriableError
from opsintel.sources.connect import connect_source
from opsintel.tenants import create_tenant
from opsintel_pipeline.ingest.feed import run_feed
from tests.connectors.jira.site import running_site
from tests.peers.provider import Asked, ProviderPeer, Told
from tests.providers.account import Account, gmail, graph, slack, zendesk

SECONDS = 150.0
MINUTE = 60.0
MOST_MIB = 300
_GMAIL_UNITS = {"messages.get": 5, "messages.list": 5, "history.list": 2}


@dataclass
class Counted:
    """A provider's count: when how many units were used, of `granted` in a window of so many seconds."""

    title: str
    granted: int
    window: float
    account: Account
    peer: ProviderPeer
    units: Callable[[Asked, Told], int]
    used: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        answer = self.peer.answer

        def counting(asked: Asked) -> Told:
            told = answer(asked)
            self.used.append((time.monotonic(), self.units(asked, told)))
            return told

        self.peer.answer = counting  # type: ignore[method-assign]

    @property
    def share(self) -> float:
        """Return what was used in the last minute, of what a minute is granted."""
        last = self.used[-1][0]
        used = sum(units for at, units in self.used if at > last - MINUTE)
        return used / (self.granted * MINUTE / self.window)

    @property
    def most(self) -> float:
        """Return the most that was used in any window, of what is granted."""
        most = total = start = 0
        for end, (at, units) in enumerate(self.used):
            total += units
            while self.used[start][0] <= at - self.window:
                total -= self.used[start][1]
                start += 1
            most = max(most, total if end >= start else 0)
        return most / self.granted


def run(workplace: Workplace) -> Report:
    """Read for some minutes and report shares, the most in any window, and our peak memory."""
    with workplace.installation() as installed, ExitStack() as stack:
        counted = [stack.enter_context(provider()) for provider in (_gmail, _graph, _slack, _jira, _zendesk)]
        servers = tuple(server for one in counted for server in one.account.local_servers)
        settings = installed.context.settings.model_copy(update={"local_servers": servers})
        context = replace(installed.context, settings=settings)
        tenant = create_tenant(context.database, "acme", "Acme")
        stop = threading.Event()

        def read(account: Account) -> None:
            source = connect_source(context, tenant.id, account.wanted(), SYSTEM).source
            try:
                run_feed(context, tenant, source, None, stop)
            except RetriableError:
                return  # it was told to stop

        threads = [threading.Thread(target=read, args=(one.account,)) for one in counted]
        with peak_memory() as peak:
            for thread in threads:
                thread.start()
            stop.wait(SECONDS)
            still = [thread.is_alive() for thread in threads]
            stop.set()
            for thread in threads:
                thread.join()
            memory = peak()
        assert all(still), "a peer has too few items for so long"
    lines = []
    for one in counted:
        lines.append(Line(f"{one.title}, share used", "%", _percent(one.share), bound=Bound(90)))
        lines.append(Line(f"{one.title}, most in a window", "%", _percent(one.most), bound=Bound(100, at_most=True)))
    memory_line = Line("peak memory, five backfills and peers", "MiB", Spread.of([memory]),
                       bound=Bound(MOST_MIB, at_most=True))  # fmt: skip
    return Report([*lines, memory_line])


def _percent(share: float) -> Spread:
    return Spread.of([100 * share])


@contextmanager
def _gmail() -> Iterator[Counted]:
    with gmail() as account:
        peer: Any = account.remote.peer  # type: ignore[attr-defined]
        peer.page = 500
        account.remote.add(range(9_000))
        seen = 0

        def units(_: Asked, __: Told) -> int:
            nonlocal seen
            called, seen = peer.called[seen:], len(peer.called)
            return sum(next((cost for name, cost in _GMAIL_UNITS.items() if one.method.endswith(name)), 1)
                       for one in called)  # fmt: skip

        yield Counted("Gmail: 15,000 units a minute", 15_000, MINUTE, account, peer, units)


@contextmanager
def _graph() -> Iterator[Counted]:
    with graph() as account:
        peer: Any = account.remote.peer  # type: ignore[attr-defined]
        peer.page = 200
        account.remote.add(range(4_000))

        def units(asked: Asked, _: Told) -> int:
            return len(asked.json()["requests"]) if asked.path.endswith("$batch") else 1

        yield Counted("Graph: 10,000 requests in ten minutes", 10_000, 10 * MINUTE, account, peer, units)


@contextmanager
def _slack() -> Iterator[Counted]:
    with slack() as account:
        peer: Any = account.remote.slack  # type: ignore[attr-defined]
        peer.page_cap, peer.request_seconds = 40, 0.0
        account.remote.add(range(10_000))

        def units(asked: Asked, _: Told) -> int:
            return int(asked.path.endswith("conversations.history"))

        yield Counted("Slack: 50 pages of history a minute", 50, MINUTE, account, peer, units)


@contextmanager
def _jira() -> Iterator[Counted]:
    with running_site("oauth", page=100) as site:
        account = Account("jira", site, str, changes_text=True)
        account.remote.add(range(4_000))

        def units(_: Asked, told: Told) -> int:
            content = told.content if isinstance(told.content, dict) else {}
            lists = [content.get(name) for name in ("issues", "comments", "issueChangeLogs")]
            return 1 + sum(len(found) for found in lists if isinstance(found, list))

        yield Counted("Jira: 65,000 points an hour", 65_000, 60 * MINUTE, account, site.peer, units)


@contextmanager
def _zendesk() -> Iterator[Counted]:
    with zendesk() as account:
        peer: Any = account.remote.peer  # type: ignore[attr-defined]
        peer.page = 50
        account.remote.add(range(3_000))

        def units(asked: Asked, _: Told) -> int:
            return int("/incremental/" in asked.path)

        yield Counted("Zendesk: 10 exports a minute", 10, MINUTE, account, peer, units)
