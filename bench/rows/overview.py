"""Overview and series: the API's statements over the roll-ups, against the same statements over raw rows.

The peer is the very same SQL, with a roll-up computed from messages in place of each table of roll-ups (over the days
that the statement needs), so that both must give the same answer, or the row fails.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from bench.history import History, history
from bench.measure import in_turns
from bench.reader import open_reader
from bench.report import Bound, Report, compared, grown
from bench.workplace import Workplace
from opsintel.clock import today
from opsintel_api.reading import statement

SIZES = (10_000, 100_000, 1_000_000)
SPAN = 90
ROUNDS = 5
OURS, RAW = "roll-ups", "raw rows"
QUESTIONS: dict[str, tuple[str, ...]] = {
    "overview": (),
    "timeseries_severity": ("messages",),
    "timeseries_source": ("actionable",),
    "timeseries_customers": ("customers",),
    "timeseries_issue": ("messages",),
}
_DAY = "(message.sorted_at AT TIME ZONE 'UTC')::date"
_SPAN = "message.deleted_at IS NULL AND message.sorted_at >= '{first}' AND message.sorted_at < '{end}'"
_ANALYSED = "LEFT JOIN analysis ON analysis.message_id = message.id AND analysis.current"
_BY_SOURCE = (
    f"SELECT {_DAY} AS day, place.source_id, coalesce(severity, 0) AS severity,"
    " coalesce(is_actionable, false) AS is_actionable, count(*)::int AS messages"
    f" FROM message JOIN message_occurrence AS place ON place.message_id = message.id {_ANALYSED}"
    f" WHERE {_SPAN} GROUP BY 1, 2, 3, 4"
)
_BY_SEVERITY = (
    f"SELECT {_DAY} AS day, coalesce(severity, 0) AS severity, coalesce(is_actionable, false) AS is_actionable,"
    f" count(*)::int AS messages FROM message {_ANALYSED} WHERE {_SPAN} GROUP BY 1, 2, 3"
)
_PARTICIPANTS = (
    f"SELECT DISTINCT {_DAY} AS day, participant.id AS participant_id FROM message {_ANALYSED}"
    " JOIN participant ON participant.id = message.author_id AND NOT participant.is_own"
    f" WHERE {_SPAN} AND is_actionable"
)
_ISSUES = (
    f"SELECT {_DAY} AS day, issue_id, count(*)::int AS messages,"
    " count(DISTINCT message.author_id)::int AS unique_participants FROM issue_member"
    f" JOIN message ON message.id = issue_member.message_id WHERE {_SPAN} AND removed_at IS NULL GROUP BY 1, 2"
)
RAW_ROWS = {
    "overview": {
        "fact_message_day": _BY_SOURCE, "fact_participant_day": _PARTICIPANTS, "fact_issue_day": _ISSUES
    },
    "timeseries_severity": {"fact_message_day": _BY_SEVERITY},
    "timeseries_source": {"fact_message_day": _BY_SOURCE},
    "timeseries_customers": {"fact_participant_day": _PARTICIPANTS},
    "timeseries_issue": {"fact_issue_day": _ISSUES},
}  # fmt: skip
"""What stands in place of the roll-ups of a question: each reads no table that the answer does not need."""


def run(workplace: Workplace) -> Report:
    """Measure every question at three sizes of history."""
    values: dict[int, dict[str, dict[str, list[float]]]] = {}
    for size in SIZES:
        with history(workplace, size) as past:
            values[size] = _measure(past)
    largest = SIZES[-1]
    return Report(
        [
            compared(
                f"{question}, {SPAN} days, {largest:,} messages", "ms", values[largest][question], ours=OURS, peer=RAW,
                bound=Bound(50, 100), inverted=True,
            )
            for question in QUESTIONS
        ],
        [
            grown(f"{question} by messages stored", "ms", {size: values[size][question][OURS] for size in SIZES})
            for question in QUESTIONS
        ],
    )  # fmt: skip


def _measure(past: History) -> dict[str, dict[str, list[float]]]:
    """Return the milliseconds of each question by both ways, round by round."""
    last = today()
    first = last - timedelta(days=SPAN - 1)
    found = {}
    with open_reader(past) as reader:
        for question, values in QUESTIONS.items():
            needed = first - timedelta(days=SPAN) if question == "overview" else first
            ours, raw = statement(question), over_raw_rows(question, needed, last)
            if reader.rows(ours, first, last, *values) != reader.rows(raw, first, last, *values):
                raise AssertionError(f"{question} differs between roll-ups and raw rows")
            found[question] = in_turns(
                {
                    OURS: partial(reader.milliseconds, ours, first, last, *values),
                    RAW: partial(reader.milliseconds, raw, first, last, *values),
                },
                ROUNDS,
            )
    return found


def over_raw_rows(question: str, first: date, last: date) -> str:
    """Return the statement of a question with expressions of the roll-ups' names before it, made of raw rows."""
    days = {"first": first.isoformat(), "end": (last + timedelta(days=1)).isoformat()}
    raw = ", ".join(f"{table} AS ({query.format(**days)})" for table, query in RAW_ROWS[question].items())
    return statement(question).replace("WITH ", f"WITH {raw}, ", 1)
