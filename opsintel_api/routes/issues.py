"""Issues and their members."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from opsintel.clock import today
from opsintel_api.models.common import PageParameters
from opsintel_api.models.issues import Issue, IssueListParameters, IssuePage, MemberPage
from opsintel_api.problems import responses
from opsintel_api.reading import Reader
from opsintel_api.routes import WITHOUT_PARAMETERS, protected_router

routes = protected_router("issues")


@routes.get("/issues", response_model=IssuePage)
async def list_issues(reader: Reader, parameters: Annotated[IssueListParameters, Query()]) -> Response:
    """Return issues; those that were merged into another are left out."""
    body = await reader.page(
        "issues", parameters, today(), parameters.state, parameters.severity, parameters.q, parameters.source,
        parameters.sort,
    )  # fmt: skip
    return reader.answer(body)


@routes.get("/issues/{issue_id}", response_model=Issue, responses=responses(404), dependencies=[WITHOUT_PARAMETERS])
async def get_issue(reader: Reader, issue_id: UUID) -> Response:
    """Return an issue; one that was merged names its successor in `merged_into`."""
    return reader.answer(await reader.one("issue", today(), issue_id))


@routes.get("/issues/{issue_id}/members", response_model=MemberPage, responses=responses(404))
async def list_members(reader: Reader, issue_id: UUID, parameters: Annotated[PageParameters, Query()]) -> Response:
    """Return the messages of an issue, latest first, each with the reason why it is there."""
    await reader.one("issue_exists", issue_id)
    return reader.answer(await reader.page("members", parameters, issue_id))
