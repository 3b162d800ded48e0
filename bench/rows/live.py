"""Live: seconds from a message that is accepted to the dashboard that counts it, on the whole stack as it ships.

`opsintel up` runs with its worker, Dagster's sensor and runs, and the API. A mail comes into a folder and its page is
committed as a push or a poll commits it; from then on the overview is asked until its roll-ups hold it, so every stage
is behind it. Mails come at moments that a seed chooses against the sensor's beat.
"""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.mails import mails
from bench.measure import Spread
from bench.report import Bound, Line, Report
from bench.stack import LONGEST_SECONDS, PROGRAM, environment_of, page_answers, process, seconds_until
from bench.workplace import Workplace
from opsintel.access.accounts import create_user
from opsintel.context import Context, open_context
from opsintel.errors import FatalError
from opsintel.settings import load_settings
from opsintel.tenants import Tenant, find_tenant
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.ingest.files import Imported, import_file

EARLIER = 300
COUNT = 30
LOOK_SECONDS = 0.2
LONGEST_PAUSE = 6.0
"""Mails come up to so many seconds after the one before was seen: a little more than the sensor's interval."""
EMAIL, PASSWORD = "owner@acme.example", "a long password for the bench"
TENANT = "acme"


def run(workplace: Workplace) -> Report:
    """Measure each mail's seconds, and report their median and 95th percentile."""
    folder, environment = workplace.scratch("mailbox"), environment_of(workplace.scratch("live"))
    arriving = list(mails(EARLIER + COUNT, days=1))
    for number, mail in enumerate(arriving[:EARLIER]):
        (folder / f"{number:06d}.eml").write_bytes(mail)
    settings = load_settings(environment)
    began = time.perf_counter()
    with process([str(PROGRAM), "up"], environment) as started:
        seconds_until(lambda: page_answers(settings.api_port), started, began)
        seconds_until(lambda: page_answers(settings.dagster_port), started, began)
        with open_context(settings) as context:
            imported = import_file(context, folder, TENANT, kind="eml_folder", own_domains=("acme.example",))
            tenant = find_tenant(context.database, TENANT)
            create_user(context.database, EMAIL, EMAIL, PASSWORD, tenant.id, "owner")
            with _dashboard(settings.api_port) as dashboard:
                dashboard.wait_for(EARLIER)
                found = sorted(_each(context, tenant, imported, folder, arriving[EARLIER:], dashboard))
    return Report(
        [
            Line("median", "s", Spread.of(found)),
            Line("95th percentile", "s", Spread.of([found[int(len(found) * 0.95)]]), bound=Bound(15, 5, at_most=True)),
            Line("longest", "s", Spread.of([found[-1]])),
        ],
        notes=[f"{COUNT} mails one after the other, behind {EARLIER} others; mean {statistics.mean(found):.1f} s"],
    )


def _each(
    context: Context, tenant: Tenant, imported: Imported, folder: Path, arriving: list[bytes], dashboard: Dashboard
) -> Iterator[float]:
    """Let each mail arrive and yield the seconds from its commit until it is counted."""
    chance = random.Random("live")
    for number, mail in enumerate(arriving, start=1):
        time.sleep(chance.uniform(0, LONGEST_PAUSE))
        (folder / f"{EARLIER + number:06d}.eml").write_bytes(mail)
        run_feed(context, tenant, imported.source)
        accepted = time.perf_counter()
        dashboard.wait_for(EARLIER + number)
        yield time.perf_counter() - accepted


class Dashboard:
    """The overview as a browser asks for it."""

    def __init__(self, connection: http.client.HTTPConnection, token: str) -> None:
        self._connection = connection
        self._headers = {"Authorization": f"Bearer {token}"}

    def wait_for(self, messages: int) -> None:
        """Return once the overview counts so many messages; `FatalError` when that takes too long."""
        self._connection.close()  # kept ones are closed by the server between two mails
        deadline = time.perf_counter() + LONGEST_SECONDS
        while self._counted() < messages:
            if time.perf_counter() > deadline:
                raise FatalError(f"The overview does not count {messages} messages within {LONGEST_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)

    def _counted(self) -> int:
        self._connection.request("GET", "/v1/overview", headers=self._headers)
        return int(_answer(self._connection)["kpis"]["messages"]["value"])


@contextmanager
def _dashboard(port: int) -> Iterator[Dashboard]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        body = json.dumps({"email": EMAIL, "password": PASSWORD})
        connection.request("POST", "/v1/auth/login", body, {"Content-Type": "application/json"})
        yield Dashboard(connection, _answer(connection)["access_token"])
    finally:
        connection.close()


def _answer(connection: http.client.HTTPConnection) -> Any:
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise FatalError(f"The API answers {response.status}: {body[:200]!r}")
    return json.loads(body)
