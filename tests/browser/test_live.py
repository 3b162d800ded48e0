"""What arrives while somebody looks shows without a reload: the event stream in a real browser."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.worker.inline import process_waiting
from tests.browser.conftest import Served, write_tickets

pytestmark = pytest.mark.browser

LATE = {"Parcel late": "my parcel never arrived, the courier says it was delivered to somebody else"}
SOON = 20_000
"""Milliseconds; an open stream has the dashboard ask by itself after five minutes only."""


class TestIssues:
    def test_show_once_they_are_there(self, page: Page, served: Served, tmp_path: Path) -> None:
        with page.expect_response("**/v1/events") as opened:
            page.reload()
        assert opened.value.headers["content-type"].startswith("text/event-stream")
        page.get_by_role("link", name="Issues", exact=True).first.click()
        expect(page.get_by_role("link", name="hub offline").first).to_be_visible()
        page.evaluate("window.sameDocument = true")
        write_tickets(tmp_path / "late.csv", LATE, "L")
        import_file(served.context, tmp_path / "late.csv", "acme", own_domains=("acme.example",))
        process_waiting(served.context)
        expect(page.get_by_role("link", name="parcel").first).to_be_visible(timeout=SOON)
        assert page.evaluate("window.sameDocument")
