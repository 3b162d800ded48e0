"""What a person does: log in, look at the overview, an issue, a message, a source."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Served, wait_until_loaded

pytestmark = pytest.mark.browser
PAGES = ("/", "/issues/", "/explore/", "/sources/")


class TestLogIn:
    def test_a_wrong_password_is_said_and_nothing_is_shown(self, browser: Browser, served: Served) -> None:
        page = browser.new_page()
        page.goto(served.address)
        page.get_by_label("E-mail").fill(served.email)
        page.get_by_label("Password").fill("wrong password")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert").filter(has_text="password")).to_be_visible()
        page.close()

    def test_a_session_survives_a_reload_without_a_readable_token(self, page: Page) -> None:
        page.reload()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        assert page.evaluate("document.cookie") == ""
        assert "token" not in page.evaluate("JSON.stringify(localStorage)")

    def test_logging_out_ends_it(self, page: Page) -> None:
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("button", name="Log in")).to_be_visible()


class TestOverview:
    def test_shows_figures_and_draws_the_chart(self, page: Page) -> None:
        expect(page.locator("dd", has_text="24").first).to_be_visible()
        expect(page.locator(".recharts-bar-rectangle").first).to_be_visible()
        page.get_by_role("button", name="Show as table").first.click()
        expect(page.get_by_role("columnheader", name="Critical")).to_be_visible()

    def test_says_that_the_analysis_is_built_in(self, page: Page) -> None:
        expect(page.get_by_text("Built-in analysis")).to_be_visible()

    def test_the_period_is_in_the_address(self, page: Page) -> None:
        page.get_by_label("Period").select_option("7")
        expect(page).to_have_url(re.compile("days=7"))
        page.reload()
        expect(page.get_by_label("Period")).to_have_value("7")


class TestIssues:
    def test_lead_from_the_list_to_the_messages_with_their_reasons(self, page: Page) -> None:
        page.get_by_role("link", name="Issues", exact=True).first.click()
        page.get_by_role("link", name="hub offline").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Hub offline")
        expect(page.get_by_text("Why here:").first).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Hub offline")

    def test_a_filter_that_fits_none_says_so(self, page: Page, served: Served) -> None:
        page.goto(f"{served.address}/issues/?q=nothing-like-it")
        expect(page.get_by_text("No issue fits")).to_be_visible()
        page.get_by_role("button", name="Clear the filters").click()
        expect(page.get_by_role("link", name="hub offline").first).to_be_visible()


class TestExplore:
    def test_finds_messages_and_shows_markup_as_text(self, page: Page, served: Served) -> None:
        page.goto(f"{served.address}/explore/")
        page.get_by_label("Search messages").fill("router")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("button", name="Hub offline").first.click()
        expect(page.get_by_role("dialog")).to_contain_text("<script>document.title='hacked'</script>")
        assert "hacked" not in page.title()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


class TestSources:
    def test_show_completeness(self, page: Page, served: Served) -> None:
        page.goto(f"{served.address}/sources/")
        expect(page.get_by_text("tickets.csv")).to_be_visible()
        expect(page.get_by_text("counted").first).to_be_attached()


class TestEveryPage:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("path", PAGES)
    def test_has_no_accessibility_fault(self, page: Page, served: Served, path: str, theme: str) -> None:
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.goto(f"{served.address}{path}")
        wait_until_loaded(page)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
        assert found.violations_count == 0, found.generate_report()

    @pytest.mark.parametrize("path", PAGES)
    def test_fits_a_phone(self, page: Page, served: Served, path: str) -> None:
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(f"{served.address}{path}")
        wait_until_loaded(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    def test_the_palette_opens_by_keyboard(self, page: Page) -> None:
        wait_until_loaded(page)
        expect(page.get_by_text("sources healthy")).to_be_visible()  # what is drawn from data listens to keys
        page.locator("body").press("Control+k")
        expect(page.get_by_placeholder("Go to a page or issue")).to_be_visible()
