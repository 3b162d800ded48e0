"""What a soak found: what is lost and doubled, and how long the first new message took after each kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString

import psycopg

from opsintel.db import witness

LONGEST_RECOVERY = 15.0
LEAST_FAULTS_A_MINUTE = 30.0


@dataclass(frozen=True)
class Report:
    """The figures of a soak."""

    minutes: float
    messages: int
    announcements: int
    lost: int
    double: int
    stuck: list[str]
    faults: Counter[str]
    recoveries: dict[str, list[float]]

    def failures(self) -> list[str]:
        """Return why the soak is not passed."""
        found = list(self.stuck)
        if self.lost or self.double:
            found.append("messages are lost or doubled")
        for kind, seconds in self.recoveries.items():
            if percentile(seconds, 0.99) > LONGEST_RECOVERY:
                found.append(f"{kind}: recovered after more than {LONGEST_RECOVERY:.0f} s")
        if sum(self.faults.values()) / self.minutes < LEAST_FAULTS_A_MINUTE:
            found.append(f"less than {LEAST_FAULTS_A_MINUTE:.0f} faults a minute")
        return found

    def lines(self) -> list[str]:
        """Return the figures for people."""
        total = sum(self.faults.values())
        every = [seconds for of_kind in self.recoveries.values() for seconds in of_kind]
        lines = [f"messages: {self.messages:,} ({self.announcements:,} announcements) in {self.minutes:.1f} minutes"]
        lines.append(f"faults: {total} ({total / self.minutes:.1f} a minute)")
        lines += [f"  {count:5} {kind}" for kind, count in self.faults.most_common()]
        lines += [f"lost: {self.lost}", f"double: {self.double}", _recovery("time to recover", every)]
        lines += [_recovery(f"  {kind}", seconds) for kind, seconds in sorted(self.recoveries.items())]
        return lines + [f"FAILED: {failure}" for failure in self.failures()]


def judge(
    owner: psycopg.Connection,
    messages: int,
    minutes: float,
    faults: Counter[str],
    kills: Sequence[tuple[str, datetime]],
) -> Report:
    """Return the report of a stack that has come to rest, of a mailbox with so many messages."""
    counted = witness.counts(owner)
    sums = {kind: sum(n for words, n in counted if words.startswith(kind)) for kind in ("lost", "double")}
    stored, analysed = (
        _number(owner, "SELECT count(*) FROM message"),
        _number(owner, "SELECT count(DISTINCT message_id) FROM analysis WHERE current"),
    )
    stuck = [words.format(n) for words, n in counted if n and not words.startswith(("lost", "double"))]
    failed = _number(owner, "SELECT count(*) FROM work WHERE state = 'failed'")
    aside = _number(owner, "SELECT count(*) FROM quarantine")
    stuck += [f"given up: {failed} entries of the ledger"] if failed else []
    stuck += [f"set aside: {aside} announcements"] if aside else []
    recoveries: dict[str, list[float]] = {}
    for kind, moment in kills:
        recoveries.setdefault(kind, []).append(_recovered(owner, moment))
    return Report(
        minutes=minutes,
        messages=messages,
        announcements=_number(owner, "SELECT count(*) FROM witness.accepted"),
        lost=sums["lost"] + max(messages - stored, 0) + max(messages - analysed, 0),
        double=sums["double"] + max(stored - messages, 0) + max(analysed - messages, 0),
        stuck=stuck,
        faults=faults,
        recoveries=recoveries,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of all does not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def _recovered(owner: psycopg.Connection, moment: datetime) -> float:
    """Return the seconds from a kill until a message that was accepted after it had been through all stages."""
    row = owner.execute(
        "SELECT min(effect.at) FROM raw_payload"
        " JOIN message_occurrence AS place USING (tenant_id, source_id, native_id, version)"
        " JOIN witness.effect AS effect ON effect.tenant_id = raw_payload.tenant_id"
        " AND effect.kind = 'analysed' AND effect.native_id = place.message_id::text"
        " WHERE fetched_at BETWEEN %s AND %s",
        (moment, moment + timedelta(minutes=2)),
    ).fetchone()
    return (row[0] - moment).total_seconds() if row and row[0] else float("inf")


def _number(owner: psycopg.Connection, statement: LiteralString) -> int:
    row = owner.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


def _recovery(name: str, seconds: Sequence[float]) -> str:
    p50, p99 = percentile(seconds, 0.5), percentile(seconds, 0.99)
    return f"{name}: p50 {p50:.1f} s, p99 {p99:.1f} s of {len(seconds)} kills"
