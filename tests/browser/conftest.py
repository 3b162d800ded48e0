"""The real API with the built dashboard, on messages that went through the real pipeline; a real Chromium."""

from __future__ import annotations

import csv
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from opsintel.access.accounts import create_user
from opsintel.clock import now
from opsintel.context import Context
from opsintel.db.engine import Database
from opsintel.objects.store import open_objects
from opsintel.settings import Settings, load_settings
from opsintel.tenants import find_tenant
from opsintel_api.app import create_app
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.worker.inline import process_waiting
from tests.peers.catalogue import CHROMIUM
from tests.peers.oidc import OidcPeer
from tests.peers.smtp import SmtpPeer, running_smtp

PASSWORD = "correct horse battery staple"
PROBLEMS = {
    "Hub offline": "the hub is offline since I changed the router, wifi light stays red",
    "Charged twice": "I was charged twice for the subscription, please refund the second payment",
}


@dataclass(frozen=True)
class Served:
    address: str
    database: Database
    smtp: SmtpPeer
    context: Context
    email: str = "ann@acme.example"
    password: str = PASSWORD


def wait_until_loaded(page: Page) -> None:
    """Wait until nothing of a page is still to come. The network is never idle: the page follows a stream."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[data-slot=skeleton]")).to_have_count(0)


def write_tickets(path: Path, problems: Mapping[str, str] = PROBLEMS, prefix: str = "T") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "created_at", "subject", "text", "author_name", "author_email"])
        for number in range(24):
            subject = list(problems)[number % len(problems)]
            moment = now() - timedelta(days=number % 6, hours=1)
            text = f"{problems[subject]}. <script>document.title='hacked'</script> <img src=x onerror=alert({number})>"
            writer.writerow(
                [f"{prefix}-{number}", moment.isoformat(), subject, text, f"Person {number}", f"p{number}@c.example"]
            )


@pytest.fixture(scope="module")
def oidc() -> OidcPeer | None:
    """The provider of single sign-on; none, unless a module has one of its own."""
    return None


@pytest.fixture(scope="module")
def served(
    settings: Settings, database: Database, tmp_path_factory: pytest.TempPathFactory, oidc: OidcPeer | None
) -> Iterator[Served]:
    context = Context(database, open_objects(settings), settings)
    tickets = tmp_path_factory.mktemp("tickets") / "tickets.csv"
    write_tickets(tickets)
    import_file(context, tickets, "acme", own_domains=("acme.example",))
    process_waiting(context)
    create_user(database, "ann@acme.example", "Ann", PASSWORD, find_tenant(database, "acme").id, "owner")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert settings.db_url is not None
    with running_smtp() as smtp:
        environment = smtp.environment | {"OPSINTEL_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        if oidc is not None:
            environment |= oidc.environment | {"OPSINTEL_OIDC_EMAIL_DOMAINS": "acme.example"}
        chosen = load_settings(environment)
        complete = settings.model_copy(update={name: getattr(chosen, name) for name in chosen.model_fields_set})
        server = uvicorn.Server(
            uvicorn.Config(create_app(complete, settings.db_url), host="127.0.0.1", port=port, log_level="warning")
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started and thread.is_alive():
            pass
        yield Served(f"http://127.0.0.1:{port}", database, smtp, context)
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium for one module: Playwright keeps an event loop running, which other tests must not meet."""
    chromium = CHROMIUM.required_path()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """The owner's browser: a module's pages share its session, as tabs do."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    """A page that is logged in; the test fails on any error in its console and on requests to elsewhere."""
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith((served.address, "data:", "blob:")) else faults.append(request.url)
        ),
    )
    log_in(opened, served)
    yield opened
    opened.close()
    assert faults == []


def log_in(page: Page, served: Served) -> None:
    """Log the owner in, unless the browser's session goes on, and wait for the overview."""
    page.goto(served.address)
    overview, email = page.get_by_role("heading", name="Overview"), page.get_by_label("E-mail")
    overview.or_(email).wait_for()
    if email.is_visible():
        email.fill(served.email)
        page.get_by_label("Password").fill(served.password)
        page.get_by_role("button", name="Log in").click()
        overview.wait_for()
