"""Single sign-on in a real browser: from the button through the provider to the overview, and back with an error."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, log_in
from tests.peers.oidc import LABEL, OidcPeer, running_oidc

pytestmark = pytest.mark.browser
BUTTON = f"Log in with {LABEL}"


@pytest.fixture(scope="module")
def oidc() -> Iterator[OidcPeer]:
    with running_oidc() as peer:
        yield peer


@pytest.fixture
def visitor(browser: Browser, served: Served) -> Iterator[Page]:
    """The log-in page of somebody whom nobody knows."""
    context = browser.new_context(viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(f"{served.address}/login/")
    yield page
    context.close()


class TestSignOn:
    def test_leads_through_the_provider_to_the_overview_and_leaves_nothing_in_the_address(
        self, visitor: Page, served: Served, oidc: OidcPeer
    ) -> None:
        oidc.sign_on_as(served.email)
        visitor.get_by_role("link", name=BUTTON).click()
        visitor.get_by_role("heading", name="Overview").wait_for()
        assert visitor.url == f"{served.address}/"
        visitor.reload()
        visitor.get_by_role("heading", name="Overview").wait_for()
        assert visitor.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})") in ("{}",)

    def test_of_a_stranger_ends_on_the_log_in_page_with_what_to_do(
        self, visitor: Page, served: Served, oidc: OidcPeer
    ) -> None:
        oidc.sign_on_as("stranger@acme.example")
        visitor.get_by_role("link", name=BUTTON).click()
        expect(visitor.get_by_role("alert").filter(has_text="Open the link of your invitation")).to_be_visible()
        assert visitor.url == f"{served.address}/login/"

    def test_makes_an_invited_person_a_member(self, page: Page, visitor: Page, served: Served, oidc: OidcPeer) -> None:
        page.goto(f"{served.address}/settings/members/")
        page.get_by_role("button", name="Invite", exact=True).click()
        page.get_by_role("dialog").get_by_label("E-mail").fill("bo@acme.example")
        page.get_by_role("dialog").get_by_role("button", name="Invite").click()
        expect(page.get_by_role("dialog").get_by_text("A mail with the link is on its way")).to_be_visible()
        while "bo@acme.example" not in (received := served.smtp.received())[0]:
            pass
        found = re.search(r"http\S+?(/invitation/#token=\S+)", received[1].get_content())
        assert found is not None
        oidc.sign_on_as("bo@acme.example", name="Bo")
        visitor.goto(served.address + found[1])
        visitor.get_by_role("button", name=f"Join with {LABEL}").click()
        visitor.get_by_role("heading", name="Overview").wait_for()
        visitor.goto(f"{served.address}/settings/")
        visitor.get_by_role("definition").filter(has_text="bo@acme.example").wait_for()

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_has_no_accessibility_fault_and_fits_a_phone(self, visitor: Page, served: Served, theme: str) -> None:
        visitor.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        visitor.goto(f"{served.address}/login/?error=request_ended")
        visitor.get_by_role("link", name=BUTTON).wait_for()
        found = Axe().run(visitor, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()
        assert visitor.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    def test_leaves_the_password_as_it_was(self, visitor: Page, served: Served) -> None:
        log_in(visitor, served)
