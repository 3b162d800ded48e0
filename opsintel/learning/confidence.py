"""What confidences are worth, by who gave them: learnt of an honest sample each week, and applied to what is stored.

A calibration is of a provider's model and a field, over all versions of the profile: labels are few, and what is of
another version counts as much as what was said a month ago. A version holds all of them; analyses name it, and keep
what was given beside what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg

from opsintel.learning.calibration import Calibration
from opsintel.learning.sampled import sampled

_NAMES = {"is_actionable": "not_actionable_reason"}
"""What a confidence is called in an analysis, where the field that is corrected has another name."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The calibrations that hold: by provider, model and field. Version 0: nothing is learnt yet."""

    version: int
    calibrations: Mapping[tuple[str, str, str], Calibration]

    def named(self) -> dict[str, int]:
        """Return what an analysis says of them."""
        return {"calibration": self.version} if self.version else {}

    def calibrated(self, provider: str, model: str, confidence: Mapping[str, float]) -> dict[str, float]:
        """Return the confidences of an analysis that something is learnt of, as they have turned out to be worth."""
        found = {name: self.calibrations.get((provider, model, _NAMES.get(name, name))) for name in confidence}
        return {name: by(confidence[name]) for name, by in found.items() if by is not None}


def in_force(connection: psycopg.Connection) -> InForce:
    """Return the calibrations that hold for the transaction's tenant."""
    rows = connection.execute(
        "SELECT version, provider, model, field, slope, intercept FROM calibration WHERE current"
    ).fetchall()
    held = {(provider, model, field): Calibration(*line) for _, provider, model, field, *line in rows}
    return InForce(rows[0][0] if rows else 0, held)


def learn(connection: psycopg.Connection, tenant_id: UUID) -> int:
    """Learn calibrations of what people have said by now, in the caller's transaction; return the version that holds.

    It is the one before where nothing is different, and 0 where there is too little to learn of.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('calibration ' || %s, 0))", (str(tenant_id),))
    labels: dict[tuple[str, str, str], list[tuple[float, bool]]] = {}
    for (provider, model, _), judged in sampled(connection).items():
        for one in judged.values():
            for field, right in one.labels.items():
                labels.setdefault((provider, model, field), []).append((one.left[field], one.found.get(field) == right))
    learnt: dict[tuple[str, str, str], tuple[Calibration, int]] = {}
    for key, pairs in sorted(labels.items()):
        calibration = Calibration.of(*zip(*sorted(pairs), strict=True))
        if calibration is not None:
            learnt[key] = calibration, len(pairs)
    held = in_force(connection)
    if {key: one for key, (one, _) in learnt.items()} == held.calibrations:
        return held.version
    row = connection.execute("SELECT coalesce(max(version), 0) + 1 FROM calibration").fetchone()
    version: int = row[0] if row else 1
    connection.execute("UPDATE calibration SET current = false WHERE current")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO calibration (tenant_id, version, provider, model, field, labels, slope, intercept)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [(tenant_id, version, *key, count, one.slope, one.intercept) for key, (one, count) in learnt.items()],
        )
    return version if learnt else 0
