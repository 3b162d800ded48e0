"""The weekly evaluation: how right the present analyses are on what people have said."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.learning import confidence
from opsintel.learning.corrections import FIELDS
from opsintel.learning.gold import freeze, judged
from opsintel.learning.metrics import Score, scores_of
from opsintel.learning.sampled import sampled
from opsintel.tenants import all_tenants

_ANALYSED = "SELECT count(*) FROM analysis WHERE current AND created_at >= %s AND created_at < %s"
_CORRECTED = (
    "SELECT field, count(DISTINCT message_id) FROM correction WHERE undone_at IS NULL AND created_at >= %s"
    " AND created_at < %s GROUP BY field"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """The scores of the analyses of a version, of a week."""

    gold_version: int
    profile_version: str
    model: str
    score: Score
    corrections_per_1000: float | None


def week_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def evaluate(connection: psycopg.Connection, tenant_id: UUID, week: date) -> list[Measured]:
    """Freeze what people have said, measure the present analyses on it and keep the figures, in the caller's
    transaction; the last measurement of a week holds. Nothing where people have said nothing.

    Confidences are measured on the honest sample that they are calibrated by, before they are: what an analysis was
    stored with was learnt before anybody judged it.
    """
    version = freeze(connection, tenant_id)
    if version is None:
        return []
    rates, reviewed = _rates(connection, week), _reviewed(connection)
    found = [
        Measured(version, profile, model, _with_errors(score, reviewed.get((profile, model))), rates[score.field])
        for (profile, model), messages in sorted(judged(connection, version).items())
        for score in scores_of(messages.values())
    ]
    confidence.learn(connection, tenant_id)
    connection.execute("DELETE FROM evaluation WHERE week = %s", (week,))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO evaluation (tenant_id, week, gold_version, profile_version, model, field, examples, accuracy,"
            " macro_f1, kappa, calibration_error, calibration_error_given, corrections_per_1000)"
            " VALUES (%(tenant)s, %(week)s, %(gold)s, %(profile)s, %(model)s, %(field)s, %(examples)s, %(accuracy)s,"
            " %(macro_f1)s, %(kappa)s, %(calibration_error)s, %(calibration_error_given)s, %(rate)s)",
            [
                {
                    "tenant": tenant_id, "week": week, "gold": one.gold_version, "profile": one.profile_version,
                    "model": one.model, "rate": one.corrections_per_1000, **asdict(one.score),
                }
                for one in found
            ],
        )  # fmt: skip
    return found


def _rates(connection: psycopg.Connection, week: date) -> dict[str, float | None]:
    """Return how many messages had a field corrected in a week, of 1,000 that were analysed; None where none was."""
    first = datetime.combine(week, time(), UTC)
    span = (first, first + timedelta(days=7))
    row = connection.execute(_ANALYSED, span).fetchone()
    analysed = row[0] if row else 0
    corrected: dict[str, int] = dict(connection.execute(_CORRECTED, span).fetchall())
    return {field: round(1000 * corrected.get(field, 0) / analysed, 2) if analysed else None for field in FIELDS}


def _reviewed(connection: psycopg.Connection) -> dict[tuple[str, str], list[Score]]:
    """Return the scores of the honest sample, by profile version and model."""
    return {(profile, model): scores_of(items.values()) for (_, model, profile), items in sampled(connection).items()}


def _with_errors(score: Score, reviewed: list[Score] | None) -> Score:
    """Return a score with the calibration errors of the honest sample; None where nothing was reviewed."""
    one = next((each for each in reviewed or () if each.field == score.field), None)
    return (
        score
        if one is None
        else replace(
            score, calibration_error=one.calibration_error, calibration_error_given=one.calibration_error_given
        )
    )


def run(context: Context, week: date) -> dict[str, int]:
    """Measure every tenant; returns how many tenants had something to measure, and how many figures there are."""
    figures = {"tenants": 0, "figures": 0}
    for tenant in all_tenants(context.database):
        with context.database.tenant_tx(tenant.id) as connection:
            found = evaluate(connection, tenant.id, week)
        figures["tenants"] += bool(found)
        figures["figures"] += len(found)
    return figures
