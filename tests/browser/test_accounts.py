"""People and programs: invited, joined, limited by a role, given a key, logged out everywhere."""

import re
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import PASSWORD, Served, log_in, wait_until_loaded

pytestmark = pytest.mark.browser
INVITED = "bo@partner.example"
MARKUP = (
    "<img src=x onerror=\"window.ran='onerror'\"><script>window.ran='script'</script>"
    "<svg onload=\"window.ran='onload'\"></svg><a href=\"javascript:window.ran='href'\">click</a>"
)


@pytest.fixture(scope="class")
def other_browser(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of somebody else: no cookie, no memory of the first."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    yield context
    context.close()


class TestInvitation:
    """In order, as it happens."""

    def test_is_sent_from_settings_and_stands_among_the_open_ones(self, page: Page, served: Served) -> None:
        page.get_by_role("link", name="Settings", exact=True).click()
        page.get_by_role("link", name="Members", exact=True).click()
        page.get_by_role("button", name="Invite", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Close")).to_be_visible()
        dialog.get_by_label("E-mail").fill(INVITED)
        dialog.get_by_role("button", name="Invite").click()
        expect(dialog.get_by_text("A mail with the link is on its way")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Invite", exact=True)).to_be_focused()
        expect(page.get_by_role("region", name="Invitations").get_by_text(INVITED)).to_be_visible()

    def test_makes_a_new_person_a_member_and_its_token_stays_out_of_the_address(
        self, other_browser: BrowserContext, served: Served
    ) -> None:
        recipients, mail = served.smtp.received()
        assert recipients == [INVITED]
        found = re.search(r"http\S+?(/invitation/#token=(\S+))", mail.get_content())
        assert found is not None
        page, asked = other_browser.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(served.address + found[1])
        expect(page.get_by_text(f"You are invited as viewer, as {INVITED}")).to_be_visible()
        page.get_by_label("Your name").fill("Bo")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert asked
        assert not [url for url in [*asked, page.url] if found[2] in url.partition("#")[0]]

    def test_shows_a_viewer_only_what_the_role_allows(self, other_browser: BrowserContext, served: Served) -> None:
        page = other_browser.pages[0]
        page.goto(f"{served.address}/settings/")
        expect(page.get_by_role("heading", name="Account")).to_be_visible()
        expect(page.get_by_role("navigation", name="Settings").get_by_role("link")).to_have_text(["Account"])
        for path in ("members", "service-keys", "audit", "personal-data"):
            page.goto(f"{served.address}/settings/{path}/")
            expect(page.get_by_text("Your role does not allow this")).to_be_visible()

    def test_is_followed_by_a_change_of_role_that_holds_at_once(
        self, page: Page, other_browser: BrowserContext, served: Served
    ) -> None:
        page.goto(f"{served.address}/settings/members/")
        page.get_by_role("button", name=f"Change the rights of {INVITED}").click()
        page.get_by_label("Role").select_option("admin")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("row", name=INVITED).get_by_role("cell", name="admin")).to_be_visible()
        other = other_browser.pages[0]
        other.goto(f"{served.address}/settings/members/")
        expect(other.get_by_role("button", name=f"Change the rights of {INVITED}")).to_be_visible()
        expect(other.get_by_role("button", name=f"Remove {served.email}")).to_have_count(0)


class TestServiceKey:
    def test_is_shown_once_works_and_ends(self, page: Page, served: Served) -> None:
        page.goto(f"{served.address}/settings/service-keys/")
        page.get_by_role("button", name="New key").click()
        page.get_by_label("Name").fill("Weekly report")
        page.get_by_role("button", name="Make the key").click()
        value = page.get_by_label("Value").input_value()
        page.get_by_role("button", name="I have kept it").click()
        expect(page.get_by_role("row", name="Weekly report")).to_contain_text("active")
        assert value not in page.content()
        assert self.status(served, value, "/v1/overview") == 200
        assert self.status(served, value, "/v1/members") == 403
        page.get_by_role("button", name="Revoke Weekly report").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("row", name="Weekly report")).to_contain_text("revoked")
        assert self.status(served, value, "/v1/overview") == 401

    def status(self, served: Served, value: str, path: str) -> int:
        return httpx.get(served.address + path, headers={"Authorization": f"Bearer {value}"}).status_code


class TestPersonalData:
    def test_is_masked_for_everyone_by_policy_and_revealed_for_a_reason(self, page: Page, served: Served) -> None:
        self.choose(page, served, "Revealed one by one")
        page.goto(f"{served.address}/explore/")
        page.get_by_role("button", name="Hub offline").first.click()
        sheet = page.get_by_role("dialog")
        expect(sheet.get_by_text("P•••")).to_be_visible()
        sheet.get_by_role("button", name="Reveal…").click()
        sheet.get_by_label("Reason").fill("Refund of ticket 4417")
        sheet.get_by_role("button", name="Reveal").click()
        expect(sheet.get_by_text(re.compile(r"Person \d+"))).to_be_visible()
        self.choose(page, served, "Masked")
        page.goto(f"{served.address}/settings/audit/?action=message")
        expect(page.get_by_role("row", name="message.revealed")).to_contain_text("Refund of ticket")
        expect(page.get_by_role("row", name="message.revealed").get_by_role("button", name="Ann")).to_be_visible()
        expect(page.get_by_role("row", name="policy")).to_have_count(0)

    def choose(self, page: Page, served: Served, policy: str) -> None:
        page.goto(f"{served.address}/settings/personal-data/")
        page.get_by_role("radio", name=re.compile(f"^{policy}")).check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="Save")).to_be_disabled()


class TestLogOutEverywhere:
    def test_ends_the_session_of_another_browser(self, page: Page, browser: Browser, served: Served) -> None:
        elsewhere = browser.new_page()
        log_in(elsewhere, served)
        page.goto(f"{served.address}/settings/")
        page.get_by_role("button", name="Log out everywhere").click()
        page.get_by_role("button", name="End all sessions").click()
        expect(page.get_by_role("button", name="Log in")).to_be_visible()
        elsewhere.get_by_role("link", name="Sources", exact=True).click()
        expect(elsewhere.get_by_role("button", name="Log in")).to_be_visible()
        elsewhere.close()


class TestPagesOfSettings:
    PATHS = ("", "members/", "service-keys/", "audit/", "personal-data/", "people/", "retention/")

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_have_no_accessibility_fault_and_fit_a_phone(self, page: Page, served: Served, theme: str) -> None:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        for path in self.PATHS:
            page.set_viewport_size({"width": 1280, "height": 900})
            page.goto(f"{served.address}/settings/{path}")
            wait_until_loaded(page)
            found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
            assert found.violations_count == 0, found.generate_report()
            page.set_viewport_size({"width": 390, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


class TestMarkupInNames:
    """Last in this module, since it puts markup into everything that strangers and members name."""

    NAMED = (
        "issue SET title =", "message SET subject =", "participant SET display_name =", "source SET name =",
        "app_user SET name =", "tenant SET name =", "api_key SET name =",
    )  # fmt: skip
    PATHS = ("/", "/issues/", "/explore/", "/sources/", "/settings/", "/settings/members/", "/settings/service-keys/")

    @pytest.fixture(autouse=True)
    def markup(self, served: Served, admin_url: str) -> None:
        with psycopg.connect(admin_url) as connection:
            for named in self.NAMED:
                assert connection.execute(f"UPDATE {named} %s".encode(), (MARKUP,)).rowcount > 0, named

    def test_is_text_on_every_page(self, page: Page, served: Served) -> None:
        for path in self.PATHS:
            page.goto(served.address + path)
            wait_until_loaded(page)
            expect(page.get_by_text("onerror=").first).to_be_visible()
            self.nothing_ran(page)
        page.goto(f"{served.address}/issues/")
        page.get_by_role("link", name="onerror=").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(MARKUP)
        page.get_by_role("button", name="onerror=").first.click()
        expect(page.get_by_role("dialog")).to_contain_text(MARKUP)
        self.nothing_ran(page)

    def nothing_ran(self, page: Page) -> None:
        assert page.evaluate("window.ran") is None
        assert page.locator("img[src=x], a[href^=javascript]").count() == 0
