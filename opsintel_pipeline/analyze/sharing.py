"""Which messages of a partition need a model, which of them share one analysis, and which budgets they count for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from uuid import UUID

import psycopg

from opsintel.llm.budget import Work, common
from opsintel.llm.sending import sending_of
from opsintel_pipeline.analyze.alike import of_template
from opsintel_pipeline.analyze.message import COLUMNS, MessageView, input_hash
from opsintel_pipeline.analyze.near import near_key
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.rows import Made, Origin
from opsintel_pipeline.analyze.rules import reason_of_sender
from opsintel_pipeline.analyze.sent import Sent, sent_of
from opsintel_pipeline.analyze.templates.memory import keys_of

NEAR = "greeting, closing, courtesy, marks, personal data, numbers of orders and the like"
"""What may differ where messages say the same in nearly the same words (near.py)."""


@dataclass
class Open:
    """A message that needs a model, with what the rules found, and those that get the same answer."""

    message_id: UUID
    view: MessageView
    found: Analysis
    template_key: bytes = b""
    same: list[UUID] = field(default_factory=list)
    """Messages of the very content."""

    alike: list[Open] = field(default_factory=list)
    """Messages of the template, each with its own content."""

    is_near: bool = False
    """Whether its template is what it says, for messages of people in nearly the same words."""

    source_id: UUID | None = None
    job_id: UUID | None = None
    may_wait: bool = False
    """Whether it is part of a backfill that uses batches."""

    @cached_property
    def sent(self) -> Sent:
        """What goes to a model; raises `MaskingError`."""
        return sent_of(self.view)

    def everyone(self) -> Iterator[Open]:
        """Yield it and all that are like it, one of each content."""
        yield self
        yield from self.alike

    def ids(self) -> Iterator[UUID]:
        """Yield the messages of its content."""
        yield self.message_id
        yield from self.same

    def messages(self) -> int:
        """Return how many messages its answer is about."""
        return sum(1 + len(one.same) for one in self.everyone())

    def made(self, found: Analysis, origin: Origin) -> list[Made]:
        """Return the same analysis for each message of its content."""
        return [Made(message_id, self.view, found, origin) for message_id in self.ids()]


@dataclass(frozen=True, slots=True)
class Known:
    """An analysis that a model made before, and the message it is of."""

    id: UUID
    view: MessageView
    found: Analysis
    provider: str
    model: str


def needs_model(view: MessageView, *, sends_notes: bool = False) -> bool:
    """Tell whether a model is asked about a message; internal notes only where the tenant sends them.

    Headers and senders settle that nobody has to act; words never do.
    """
    is_withheld = view.visibility == "internal" and not sends_notes
    return bool(view.text.strip()) and not is_withheld and reason_of_sender(view) is None


def by_content(messages: Sequence[Made]) -> dict[bytes, Open]:
    """Return messages by their content, each content once."""
    opened: dict[bytes, Open] = {}
    for made in messages:
        first = opened.setdefault(input_hash(made.view), Open(made.message_id, made.view, made.found))
        if first.message_id != made.message_id:
            first.same.append(made.message_id)
    return opened


def by_template(connection: psycopg.Connection, tenant_id: UUID, messages: Sequence[Open]) -> dict[bytes, Open]:
    """Return messages by their template, the first of each with those that are like it.

    Where the tenant chose so, what people say in nearly the same words is of one template.
    """
    opened: dict[bytes, Open] = {}
    keys = keys_of(connection, tenant_id, [one.view for one in messages])
    shares_near = sending_of(connection).shares_near_duplicates
    for template, one in zip(keys, messages, strict=True):
        near = near_key(one.view) if shares_near else None
        one.is_near, key = near is not None, near or template
        one.template_key = key
        first = opened.setdefault(key, one)
        if first is not one:
            first.alike.append(one)
    return opened


def known_contents(
    connection: psycopg.Connection, needed: Mapping[bytes, Open], version: str, models: Sequence[str]
) -> list[Made]:
    """Return analyses of messages whose very content a model of the chain has analysed before."""
    rows = connection.execute(
        "SELECT DISTINCT ON (input_hash) input_hash, id, output, provider, model, provenance FROM analysis"
        " WHERE input_hash = ANY(%s) AND profile_version = %s AND status = 'done' AND NOT built_in"
        " AND model = ANY(%s) ORDER BY input_hash, created_at DESC",
        (list(needed), version, list(models)),
    )
    made = []
    for content, analysis_id, output, provider, model, before in rows:
        one = needed[content]
        origin = Origin(provider, model, version, reused_from=analysis_id, provenance=before, job_id=one.job_id)
        made += one.made(Analysis.model_validate(output), origin)
    return made


def known_templates(
    connection: psycopg.Connection, keys: Sequence[bytes], version: str, models: Sequence[str]
) -> dict[bytes, Known]:
    """Return by template what a model of the chain found in a message of it, which still says what it said then."""
    rows = connection.execute(
        f"SELECT DISTINCT ON (template_key) template_key, analysis.id, output, provider, model, input_hash, {COLUMNS}"
        " FROM analysis JOIN message ON message.id = analysis.message_id AND message.deleted_at IS NULL"
        " WHERE template_key = ANY(%s) AND reused_from IS NULL AND profile_version = %s AND status = 'done'"
        " AND model = ANY(%s) ORDER BY template_key, analysis.created_at DESC",
        (list(keys), version, list(models)),
    )
    known = {}
    for key, analysis_id, output, provider, model, content, *columns in rows:
        view = MessageView(*columns)
        if input_hash(view) == content:
            known[key] = Known(analysis_id, view, Analysis.model_validate(output), provider, model)
    return known


def reused(one: Open, known: Known, version: str, provenance: dict[str, object]) -> list[Made]:
    """Return the analyses of a message and of those with its content, made of that of another of its template."""
    why = {"reused": "near_duplicate", "equal_but_for": NEAR} if one.is_near else {"reused": "template"}
    origin = Origin(
        known.provider, known.model, version, reused_from=known.id, provenance={**provenance, **why},
        template_key=one.template_key, job_id=one.job_id,
    )  # fmt: skip
    return one.made(of_template(one.view, one.found, known.view, known.found), origin)


def place(connection: psycopg.Connection, day: date, messages: Sequence[Open]) -> None:
    """Note with each message the source that it came from, and the backfill that it is analysed for."""
    ids = [one.message_id for one in messages]
    sources: dict[UUID, UUID] = dict(
        connection.execute(
            "SELECT DISTINCT ON (message_id) message_id, source_id FROM message_occurrence"
            " WHERE message_id = ANY(%s) AND deleted_at IS NULL ORDER BY message_id, source_id",
            (ids,),
        ).fetchall()
    )
    jobs: dict[UUID, UUID] = dict(
        connection.execute(
            "SELECT message_id, job_id FROM analysis WHERE message_id = ANY(%s) AND current AND job_id IS NOT NULL"
            " AND (stale OR status = 'parked')",
            (ids,),
        ).fetchall()
    )
    running = connection.execute(
        "SELECT job_id FROM work WHERE partition_day = %s AND job_id IS NOT NULL AND state IN ('pending', 'batched')"
        " ORDER BY id DESC LIMIT 1",
        (day,),
    ).fetchone()
    for one in messages:
        one.source_id = sources.get(one.message_id)
        one.job_id = jobs.get(one.message_id, running[0] if running else None)


def by_budget(connection: psycopg.Connection, messages: Sequence[Open]) -> list[list[Open]]:
    """Return messages apart by the ceilings of sources and backfills that they count for, and by whether they may wait
    in a batch; the others stay together."""
    held = {row[0] for row in connection.execute("SELECT subject_id FROM budget WHERE scope <> 'month'")}
    parts: dict[tuple[UUID | None, UUID | None, bool], list[Open]] = defaultdict(list)
    for one in messages:
        source, job = one.source_id, one.job_id
        parts[source if source in held else None, job if job in held else None, one.may_wait].append(one)
    return list(parts.values())


def work_of(messages: Sequence[Open], day: date | None = None) -> Work:
    """Return what a call about messages is for."""
    return Work(
        "analyse",
        sum(one.messages() for one in messages),
        common(one.source_id for one in messages),
        common(one.job_id for one in messages),
        day,
    )


def by_rules(group: Sequence[Open], origin: Origin) -> list[Made]:
    """Return the analyses that the rules make of messages and of all that are like them."""
    return [
        made
        for one in group
        for each in one.everyone()
        for made in each.made(each.found, replace(origin, job_id=each.job_id))
    ]
