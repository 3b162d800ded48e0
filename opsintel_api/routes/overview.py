"""Overview and time series: from the roll-ups by day only."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response

from opsintel.clock import today
from opsintel_api.models.common import PeriodParameters
from opsintel_api.models.overview import Overview, Timeseries, TimeseriesParameters
from opsintel_api.problems import not_found, responses, unprocessable
from opsintel_api.reading import Reader, Reading, period_of, statement
from opsintel_api.routes import protected_router

routes = protected_router("overview")

STATEMENTS = {
    ("messages", "none"): "timeseries_messages",
    ("actionable", "none"): "timeseries_messages",
    ("customers", "none"): "timeseries_customers",
    ("messages", "severity"): "timeseries_severity",
    ("actionable", "severity"): "timeseries_severity",
    ("messages", "source"): "timeseries_source",
    ("actionable", "source"): "timeseries_source",
    ("messages", "kind"): "timeseries_kind",
    ("actionable", "kind"): "timeseries_kind",
    ("messages", "issue"): "timeseries_issue",
    ("actionable", "issue"): "timeseries_issue",
    ("customers", "issue"): "timeseries_issue",
}
"""What the roll-ups can answer. Members of issues are actionable by definition."""

ISSUE_STATEMENTS = {
    ("messages", "none"): "timeseries_one_issue",
    ("actionable", "none"): "timeseries_one_issue",
    ("customers", "none"): "timeseries_one_issue",
    ("messages", "severity"): "timeseries_one_issue_severity",
    ("actionable", "severity"): "timeseries_one_issue_severity",
}


@routes.get("/overview", response_model=Overview)
async def get_overview(reader: Reader, parameters: Annotated[PeriodParameters, Query()]) -> Response:
    """Return the figures of a span: volumes, severities, surges, the largest issues, how fresh it all is."""
    return await _by_revision(reader, parameters, "overview")


@routes.get("/timeseries", response_model=Timeseries, responses=responses(404))
async def get_timeseries(reader: Reader, parameters: Annotated[TimeseriesParameters, Query()]) -> Response:
    """Return a metric by day, as one series or one for each severity, source, kind or issue."""
    known = STATEMENTS if parameters.issue_id is None else ISSUE_STATEMENTS
    name = known.get((parameters.metric, parameters.group_by))
    if name is None:
        raise unprocessable("group_by", f"{parameters.metric} cannot be split by {parameters.group_by} here")
    values = (parameters.metric,) if parameters.issue_id is None else (parameters.metric, parameters.issue_id)
    return await _by_revision(reader, parameters, name, *values)


async def _by_revision(reader: Reading, parameters: PeriodParameters, name: str, *values: object) -> Response:
    tag = f"{await reader.revision()} {today()} {parameters.model_dump_json()}"
    if unchanged := reader.unchanged(tag):
        return unchanged
    async with reader.transaction() as connection:
        first, last = await period_of(connection, parameters)
        body = await connection.fetchval(statement(name), first, last, *values)
    if body is None:
        raise not_found()
    return reader.answer(body, tag)
