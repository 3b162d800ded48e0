"""The way to Jira: the address of a site, how we say who we are, limits, and answers that are errors.

Cloud has REST API v3, at the site or behind the OAuth gateway; Data Center has v2.
An answer that is no error by its status may be one: a site that does not take a credential answers as to a stranger,
with 200 and nothing that is not public. Its headers tell.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from opsintel.clock import now
from opsintel.closing import Closing
from opsintel.connectors.connection import Budget, Connection, Credential
from opsintel.connectors.files.times import value_time
from opsintel.connectors.http import Answer, ProviderClient
from opsintel.connectors.jira.answers import error_of, pause, refuse_strangers, until_reset
from opsintel.connectors.jira.manifest import JiraConfig
from opsintel.connectors.jira.parse import Site
from opsintel.connectors.oauth import is_ending, refreshed
from opsintel.coordination.contract import Limit
from opsintel.errors import CredentialError, InputError, ItemError, UnavailableError, one_line

POINTS = Limit(per_second=17.5, burst=1_000)
"""An app has 65,000 points an hour; a request costs one, and one for each object it reads."""

REQUESTS = Limit(per_second=20, burst=40)
"""With a token: far below the burst limits of an endpoint, which are all that is published."""

_TITLE = "Jira"


class JiraApi(Closing):
    """One site of Jira, with the source's credential."""

    def __init__(self, config: JiraConfig, connection: Connection) -> None:
        self.config = config
        self.is_cloud = config.deployment == "cloud"
        self.credential = connection.credential()
        self.has_oauth = bool(self.credential.get("access_token") or self.credential.get("refresh_token"))
        self._connection = connection
        self.moment = now()
        """When the site last answered, by its own clock."""
        self._budget = (
            Budget("jira-points", POINTS, of=self.credential.get("client_id", ""))
            if self.has_oauth
            else Budget("jira", REQUESTS, of=config.base_url)
        )
        self._http = ProviderClient(
            connection,
            config.base_url,
            _authorization,
            title=_TITLE,
            exchange=self._exchanged if self.has_oauth else None,
            is_stale=is_ending,
            pause=pause,
        )
        self.api = "rest/api/3" if self.is_cloud else "rest/api/2"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @cached_property
    def resource(self) -> Mapping[str, Any]:
        """The site that OAuth lets us into: {id, url, scopes}. Raises `InputError` where it is not clear which."""
        sites = self.answered("GET", "/oauth/token/accessible-resources", of_site=False)
        found = [site for site in sites if isinstance(site, dict) and site.get("id")] if isinstance(sites, list) else []
        wanted = self.config.site.lower()
        # A site is listed once for each product: for Confluence too, where the app reads that.
        of_jira = [site for site in found if any("jira" in str(scope) for scope in site.get("scopes") or ())] or found
        fitting = [site for site in of_jira if not wanted or _host(site) == wanted]
        if len(fitting) == 1:
            return fitting[0]
        named = ", ".join(sorted(_host(site) for site in found))
        if not found:
            raise CredentialError("The account lets us into no site of Jira", remedy="Authorise the source again")
        raise InputError(f"The account has these sites: {named}", remedy="Name one of them as `site`")

    @cached_property
    def site(self) -> Site:
        """What names the site, and where people see it."""
        if self.has_oauth:
            return Site(str(self.resource["id"]), str(self.resource.get("url", "")).rstrip("/"))
        address = self.config.base_url.rstrip("/")
        return Site(address.partition("//")[2], address)

    def _exchanged(self, stale: Credential) -> Credential:
        return refreshed(self._connection, self.config.token_url, stale, title=_TITLE)

    def read(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the object that an answer holds; `options` are those of `answered`."""
        found = self.answered(method, f"/{path}", **options)
        if not isinstance(found, dict):
            raise UnavailableError("Jira answers with another form than it describes")
        return found

    def answered(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        units: int = 1,
        of_site: bool = True,
        or_none: bool = False,
    ) -> Any:
        """Return the JSON of an answer; `or_none`: None for what is not there, `ItemError` for what is forbidden."""
        prefix = f"/ex/jira/{self.resource['id']}" if of_site and self.has_oauth else ""
        cost = units if self.has_oauth else 1
        answer = self._http.request(method, prefix + path, budget=self._budget, units=cost, params=params, body=body)
        self._heed(answer)
        self.moment = value_time(answer.headers.get("date", "")) or now()
        refuse_strangers(answer)
        if answer.status in (200, 201):
            return answer.json()
        if answer.status in (202, 204):
            return {}
        if answer.status == 404 and or_none:
            return None
        if answer.status == 403 and or_none:
            raise ItemError(error_of(answer).message)
        raise error_of(answer)

    def _heed(self, answer: Answer) -> None:
        """Slow down before Jira says so: it tells when the rest of a limit is nearly or wholly used."""
        if answer.headers.get("x-ratelimit-remaining", "").strip() == "0":
            self._connection.hold_back(self._budget, until_reset(answer) or 1.0)
        elif answer.headers.get("x-ratelimit-nearlimit", "").strip().lower() == "true":
            self._connection.hold_back(self._budget, 1.0)


def _host(site: Mapping[str, Any]) -> str:
    return one_line(str(site.get("url", ""))).partition("//")[2].rstrip("/").lower()


def _authorization(credential: Credential) -> Mapping[str, str]:
    for name in ("access_token", "personal_access_token"):
        if credential.get(name):
            return {"Authorization": f"Bearer {credential[name]}"}
    pair = f"{credential.get('email', '')}:{credential.get('api_token', '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
