"""A person's data is given to them, kept for less long, and erased: by the pages of Settings, with a worker behind."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from opsintel.context import Context
from opsintel.objects.store import open_objects
from opsintel.people.requests import waiting_erasures
from opsintel.settings import Settings
from opsintel_pipeline.erasure.run import ERASURES
from opsintel_pipeline.person_export.run import EXPORTS
from tests.browser.conftest import Served

pytestmark = pytest.mark.browser
EMAIL = "p3@c.example"


@pytest.fixture
def worker(settings: Settings, served: Served) -> Context:
    return Context(served.database, open_objects(settings), settings)


def erase_what_waits(worker: Context) -> None:
    for tenant_id, erasure_id in waiting_erasures(worker.database):
        ERASURES.attempt(worker, tenant_id, erasure_id)


class TestPeoplesData:
    """In order, as it happens."""

    def test_is_put_into_a_file_and_downloaded(
        self, page: Page, served: Served, worker: Context, tmp_path: Path
    ) -> None:
        page.get_by_role("link", name="Settings", exact=True).click()
        page.get_by_role("link", name="People's data", exact=True).click()
        expect(page.get_by_text("No file was asked for")).to_be_visible()
        page.get_by_label("E-mail of the person who asks").fill(EMAIL)
        page.keyboard.press("Enter")
        files = page.get_by_role("region", name="Files")
        expect(files.get_by_text("Being made…")).to_be_visible()
        EXPORTS.work(worker)
        with page.expect_download() as saved:
            files.get_by_role("button", name="Download").click()
        assert saved.value.suggested_filename.startswith("person-export-")
        saved.value.save_as(tmp_path / "person.zip")
        with zipfile.ZipFile(tmp_path / "person.zip") as file:
            assert EMAIL in file.read("records/participant_identity.jsonl").decode()
            assert "<script" not in file.read("index.html").decode()

    def test_is_kept_for_less_long_only_after_it_was_said_what_goes(self, page: Page, served: Served) -> None:
        page.goto(f"{served.address}/settings/retention/")
        page.get_by_label("Messages").fill("7")
        page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("0 messages")).to_be_visible()
        dialog.get_by_role("button", name="Keep less").click()
        expect(dialog).to_be_hidden()
        page.reload()
        expect(page.get_by_label("Messages")).to_have_value("7")

    def test_is_erased_after_a_dry_run_and_leaves_a_receipt(self, page: Page, served: Served, worker: Context) -> None:
        page.goto(f"{served.address}/settings/people/")
        expect(page.get_by_text("Nobody was erased")).to_be_visible()
        page.get_by_label("E-mail of the person to erase").fill(EMAIL)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Looking through every store…")).to_be_visible()
        erase_what_waits(worker)
        page.get_by_role("button", name="Erase…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="Erase")).to_be_disabled()
        dialog.get_by_label("to confirm").fill(EMAIL)
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        erase_what_waits(worker)
        page.get_by_role("button", name="Receipt").click()
        expect(page.get_by_role("dialog").get_by_text("SHA-256")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Receipt")).to_be_focused()
        with served.database.system_tx() as connection:
            row = connection.execute("SELECT id FROM tenant WHERE slug = 'acme'").fetchone()
        assert row is not None
        with served.database.tenant_tx(row[0]) as connection:
            left = connection.execute("SELECT count(*) FROM participant_identity WHERE value = %s", (EMAIL,)).fetchone()
        assert left == (0,)
