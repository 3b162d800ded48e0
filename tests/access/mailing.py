"""The API with a mail server, and links as they stand in mails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from opsintel.db.engine import Database
from opsintel.settings import Settings
from opsintel_api.app import create_app
from opsintel_api.services import Services
from tests.peers.smtp import SmtpPeer

_LINK = re.compile(r"^http\S+/(\w+)/#token=(\S+)", re.MULTILINE)


class Mailing:
    """A browser, the application behind it, and the mail server that it uses."""

    def __init__(self, client: httpx.AsyncClient, services: Services, smtp: SmtpPeer) -> None:
        self.client = client
        self.services = services
        self.smtp = smtp

    async def post(self, path: str, **body: Any) -> httpx.Response:
        """Send a request without a token, and wait until what it set off is done."""
        answer = await self.client.post(path, json=body)
        await self.services.postbox.drain()
        return answer

    def link(self, to: str, page: str) -> str:
        """Return the token in the next mail, which goes to one address and leads to a page."""
        recipients, message = self.smtp.received()
        assert recipients == [to]
        found = _LINK.search(message.get_content())
        assert found is not None, message.get_content()
        assert found[1] == page
        return found[2]


@asynccontextmanager
async def served(settings: Settings, database: Database, smtp: SmtpPeer, **more: Any) -> AsyncIterator[Mailing]:
    """Yield the running application, whose limits nobody has used up."""
    with database.system_tx() as connection:
        connection.execute("DELETE FROM rate_limit")
    from opsintel.settings import load_settings

    mail = load_settings(smtp.environment)
    with_mail = settings.model_copy(update={"smtp_url": mail.smtp_url, "mail_from": mail.mail_from, **more})
    assert settings.db_url is not None
    app = create_app(with_mail, settings.db_url)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield Mailing(client, app.state.services, smtp)
