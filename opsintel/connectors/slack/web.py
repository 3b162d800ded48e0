"""slack-sdk's client over the guarded one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from opsintel.connectors.connection import Budget
from opsintel.connectors.http import Answer, ProviderClient
from opsintel.connectors.slack.faults import BUSY, reason_of
from opsintel.errors import UnavailableError

_SHORT = 10_000
"""Bytes of an answer that may be an error; longer ones are not looked at twice."""


class Web(WebClient):
    """All methods of slack-sdk meet in `api_call`, and here that goes through the guarded client."""

    def __init__(self, provider: ProviderClient, budget_of: Callable[[str], Budget]) -> None:
        super().__init__()
        self._provider, self._budget_of = provider, budget_of
        self.time: datetime | None = None

    def api_call(
        self,
        api_method: str,
        *,
        http_verb: str = "POST",
        files: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        auth: dict[str, Any] | None = None,
    ) -> SlackResponse:
        """Return the answer; `SlackApiError` for one that is not ok. Nothing that is called here sends files."""
        del files, json, auth
        given = {**(params or {}), **(data or {})}
        token = given.pop("token", None)
        sent = {name: _written(value) for name, value in given.items() if value is not None}
        is_form = http_verb == "POST"
        answer = self._provider.request(
            http_verb,
            f"/{api_method}",
            budget=self._budget_of(api_method),
            params=None if is_form else sent,
            content=urlencode(sent).encode() if is_form else None,
            headers={
                **(headers or {}),
                **({"Content-Type": "application/x-www-form-urlencoded"} if is_form else {}),
                **({"Authorization": f"Bearer {token}"} if token else {}),
            },
        )
        self.time = _time_of(answer) or self.time
        response = SlackResponse(
            client=self,
            http_verb=http_verb,
            api_url=api_method,
            req_args={},
            data=_object(answer),
            headers=dict(answer.headers),
            status_code=answer.status,
        )
        response.validate()  # type: ignore[no-untyped-call]
        return response


def is_busy(answer: Answer) -> bool:
    """Tell whether Slack asks to be left alone for a while, by status or in an answer with status 200."""
    if answer.status in (429, 503):
        return True
    return answer.status == 200 and len(answer.body) < _SHORT and reason_of(_object(answer)) in BUSY


def _object(answer: Answer) -> dict[str, Any]:
    """Return the answer's object; an empty one, which is not ok, for what is none."""
    try:
        value = answer.json()
    except UnavailableError:
        return {}
    return value if isinstance(value, dict) else {}


def _time_of(answer: Answer) -> datetime | None:
    try:
        moment = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
