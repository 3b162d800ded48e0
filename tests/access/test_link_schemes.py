"""Check 49: an address of a message is a link only where a browser would open a page, a mail or a call."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from opsintel.connectors.contract import PayloadFormat
from opsintel.db.engine import Database
from opsintel.errors import SettingError
from opsintel.events.message import CanonicalMessage, is_link
from opsintel.settings import load_settings
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.access.attack import Api
from tests.access.hostile_texts import LINKS
from tests.normalize.mails import mail, read
from tests.seeding import Seeded, insert

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAFE = re.compile(r"(?:https?|ftp)://[^\s\x00-\x1f]+|(?:mailto|tel):[^\s\x00-\x1f]*", re.IGNORECASE)
GOOD = ["http://x.example/a?b=1#c", "https://x.example", "HTTPS://X.example/", "mailto:a@b.example", "tel:+49301234567"]
FRONTEND = Path(__file__).parents[2] / "frontend"


def parsed(payload: object, kind: PayloadFormat) -> CanonicalMessage:
    return parse_payload(json.dumps(payload).encode(), kind, "native-1", context=NormalizeContext())


def in_html(link: str) -> CanonicalMessage:
    page = f'<p>Please <a href="{link}">look</a> <a href="{html.escape(link)}">here</a></p>'
    return read(mail(page.encode("utf-8", "replace"), b"text/html; charset=utf-8"))


def in_text(link: str) -> CanonicalMessage:
    return read(mail(f"Please look: {link} or <{link}>".encode("utf-8", "replace")))


def in_slack(link: str) -> CanonicalMessage:
    block = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
        {"type": "link", "url": link, "text": "look"}]}]}  # fmt: skip
    attachment = {"title": "look", "title_link": link, "from_url": link, "text": f"<{link}|look>"}
    message = {"type": "message", "ts": "1700000000.000100", "user": "U1", "text": f"look <{link}|here>",
               "blocks": [block], "attachments": [attachment], "files": [{"name": "a", "permalink": link}]}  # fmt: skip
    return parsed(message, PayloadFormat.SLACK)


def in_record(link: str) -> CanonicalMessage:
    return parsed({"html": f'<a href="{link}">look</a>', "subject": link}, PayloadFormat.RECORD)


class TestMessages:
    @pytest.mark.parametrize("place", [in_html, in_text, in_slack, in_record], ids=lambda place: place.__name__)
    async def test_check_49_no_message_has_a_link_that_runs(self, place):
        for link in LINKS:
            shown = [found.url for found in place(link).links]
            assert not [url for url in shown if not SAFE.fullmatch(url)], link

    @pytest.mark.parametrize("place", [in_html, in_record], ids=lambda place: place.__name__)
    @pytest.mark.parametrize("link", GOOD)
    async def test_check_49_other_links_are_kept(self, place, link: str):
        assert link in [found.url for found in place(link).links]

    async def test_check_49_the_one_rule(self):
        assert not [link for link in LINKS if is_link(link)]
        assert all(is_link(link) for link in GOOD)


class TestAnswers:
    async def test_check_49_the_api_shows_no_link_that_runs_whoever_stored_it(
        self, api: Api, acme: Seeded, database: Database
    ):
        message = acme.messages[0]
        stored = [link for link in LINKS if link.isprintable()] + GOOD
        with database.tenant_tx(acme.tenant_id) as connection:
            connection.execute("DELETE FROM message_link WHERE message_id = %s", (message,))
            for position, url in enumerate(stored):
                insert(connection, "message_link", tenant_id=acme.tenant_id, message_id=message, position=position,
                       url=url, text="look")  # fmt: skip
        response = await api.owner("GET", f"/v1/messages/{message}")
        assert [link["url"] for link in response.json()["links"]] == GOOD

    async def test_check_49_our_own_address_is_one_of_a_page(self):
        for link in LINKS:
            with pytest.raises(SettingError):
                load_settings({"OPSINTEL_PUBLIC_URL": link})


class TestDashboard:
    async def test_check_49_addresses_on_pages_are_our_own(self):
        """Every `href` begins with a slash or #, or comes from a table of such in the same file."""
        found = 0
        for path in sorted((FRONTEND / "components").rglob("*.tsx")) + sorted((FRONTEND / "app").rglob("*.tsx")):
            source = path.read_text()
            for given in re.findall(r"\b(?:href|src|formAction|srcDoc|xlinkHref)=(\{[^}]*\}?|\"[^\"]*\")", source):
                found += 1
                if given == "{href}":
                    assert not re.findall(r"href: (?!\"[/#]|string\b)", source), path
                else:
                    assert re.match(r"\"[/#]|\{`/[a-z]|\{signOnAddress\(", given), (path, given)
        assert "=> `${apiBase}/v1/auth/sso/start?" in (FRONTEND / "lib" / "sign-on.ts").read_text()
        assert found > 10

    async def test_check_49_no_page_writes_html_or_opens_windows(self):
        sources = [path for kind in ("ts", "tsx") for folder in ("app", "components", "lib", "hooks")
                   for path in (FRONTEND / folder).rglob(f"*.{kind}")]  # fmt: skip
        assert sources
        (leaving,) = [path for path in sources if path.name == "leave.ts"]
        assert re.search(r'protocol !== "https:" && protocol !== "http:"\) throw', leaving.read_text())
        for path in set(sources) - {leaving}:
            assert not re.search(
                r"dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
                r"|window\.open|location\.(?:href|assign|replace)\s*[=(]",
                path.read_text(),
            ), path
