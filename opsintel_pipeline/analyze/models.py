"""Analyses by the tenant's models: what rules settle and what is known already costs nothing, the rest shares calls.

A group of messages is one call. What it gives is stored in a transaction of its own; an item that is not valid is asked
for again alone. A message that no model answered for has the analysis of the rules, and waits, or is left to a person.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import MaskingError
from opsintel.llm.ask import Asked, NoAnswer, Question
from opsintel.llm.budget import Work, next_month, standing_of
from opsintel.llm.chain import Link
from opsintel.partitions import Partition
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.answer import Item, items_of, joined
from opsintel_pipeline.analyze.built_in import BuiltIn
from opsintel_pipeline.analyze.examples import Example, examples_for
from opsintel_pipeline.analyze.groups import grouped
from opsintel_pipeline.analyze.message import MessageView, input_hash
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.rows import Made, Origin, put_off, store
from opsintel_pipeline.analyze.sharing import (
    Known,
    Open,
    by_budget,
    by_content,
    by_template,
    common,
    known_templates,
    needs_model,
    place,
    reused,
)

AT_ONCE = 4
"""Calls under way for one partition."""

RUN_SECONDS = 45.0
"""How long a run begins new calls."""

SOON = timedelta(seconds=5)
"""When the next run goes on with what is left."""

TOKENS_AN_ITEM = 900
"""Most that the analysis of one message takes; what is set aside depends on it."""


@dataclass(slots=True)
class Figures:
    """What a partition took."""

    calls: int = 0
    reused: int = 0
    parked: int = 0
    failed: int = 0
    cost_usd: float = 0.0

    def add(self, asked: Asked[Any]) -> None:
        """Count a question that was answered."""
        self.calls += asked.attempts
        self.cost_usd += float(asked.cost_usd or 0)


def _is_in_sample(content: bytes, share: float) -> bool:
    """Tell whether a message is of the share that is analysed, by its content: the same in every run."""
    return int.from_bytes(content[:4]) < share * 2**32


def _work(messages: Sequence[Open], day: date | None = None) -> Work:
    """Return what a call about messages is for."""
    return Work(
        "analyse",
        sum(one.messages() for one in messages),
        common(one.source_id for one in messages),
        common(one.job_id for one in messages),
        day,
    )


def _by_rules(group: Sequence[Open], origin: Origin) -> list[Made]:
    return [
        made
        for one in group
        for each in one.everyone()
        for made in each.made(each.found, replace(origin, job_id=each.job_id))
    ]


class ByModels:
    """Makes the analyses of one partition."""

    def __init__(
        self,
        context: Context,
        partition: Partition,
        chain: Sequence[Link],
        language: str,
        built_in: BuiltIn,
        *,
        sends_notes: bool = False,
    ) -> None:
        self._context = context
        self._partition = partition
        self._chain = list(chain)
        self._language = language
        self._built_in = built_in
        self._sends_notes = sends_notes
        self._taxonomy = built_in.taxonomy
        self._end = time.monotonic() + RUN_SECONDS
        self.figures = Figures()

    def make(self, waiting: Sequence[tuple[UUID, MessageView]]) -> None:
        """Make and store an analysis of each message; one that no model gave is that of the rules."""
        made = self._built_in.made(waiting)
        free = [one for one in made if not self._needs_model(one.view, one.found)]
        needed = by_content([one for one in made if self._needs_model(one.view, one.found)])
        tenant_id = self._partition.tenant_id
        with self._transaction() as connection:
            store(connection, self._partition, free)
            place(connection, self._partition.day, list(needed.values()))
            known = self._known(connection, needed)
            reused = {one.message_id for one in known}
            left = [one for one in needed.values() if one.message_id not in reused]
            asked = by_template(connection, tenant_id, left)
            alike = self._alike(connection, asked)
            store(connection, self._partition, [*known, *alike])
            self.figures.reused += len(known) + len(alike)
            parts = by_budget(connection, list(asked.values()))
            groups = [group for part in parts for group in self._groups(connection, part)]
        with ThreadPoolExecutor(AT_ONCE, "asking") as threads:
            for _ in threads.map(self._group, groups):
                pass

    def _groups(self, connection: psycopg.Connection, part: list[Open]) -> list[list[Open]]:
        """Return the messages of some budgets as those share calls; of a sample, the others are put off."""
        standing = standing_of(connection, _work(part))
        if standing.degrade == "sample":
            left = [one for one in part if not _is_in_sample(input_hash(one.view), standing.share)]
            self._put_off(left, "sample", next_month(), connection)
            part = [one for one in part if _is_in_sample(input_hash(one.view), standing.share)]
        return list(grouped([(one, len(one.view.text)) for one in part]))

    def tried(self, messages: Sequence[tuple[UUID, MessageView]]) -> dict[UUID, Analysis]:
        """Return what models make of messages, and store nothing; raises `NoAnswer` where they give none."""
        opened = [Open(made.message_id, made.view, made.found) for made in self._built_in.made(messages)]
        fresh = {one.message_id: one.found for one in opened if not self._needs_model(one.view, one.found)}
        asked = [one for one in opened if one.message_id not in fresh]
        for group in grouped([(one, len(one.view.text)) for one in asked]):
            answered = self._ask(group)[0].value
            fresh |= {
                one.message_id: joined(one.view, one.found, one.sent.restored(answered[number]))
                for number, one in enumerate(group, start=1)
                if number in answered
            }
        return fresh

    def _needs_model(self, view: MessageView, by_rules: Analysis) -> bool:
        return needs_model(view, by_rules, sends_notes=self._sends_notes)

    def _known(self, connection: psycopg.Connection, needed: dict[bytes, Open]) -> list[Made]:
        """Return analyses of messages whose very content a model of this chain has analysed before."""
        version = prompt.version(self._taxonomy)
        rows = connection.execute(
            "SELECT DISTINCT ON (input_hash) input_hash, id, output, provider, model, provenance FROM analysis"
            " WHERE input_hash = ANY(%s) AND profile_version = %s AND status = 'done' AND NOT built_in"
            " AND model = ANY(%s) ORDER BY input_hash, created_at DESC",
            (list(needed), version, [link.model for link in self._chain]),
        ).fetchall()
        made = []
        for content, analysis_id, output, provider, model, provenance in rows:
            one = needed[content]
            origin = Origin(provider, model, version, reused_from=analysis_id, provenance=provenance, job_id=one.job_id)
            made += one.made(Analysis.model_validate(output), origin)
        return made

    def _alike(self, connection: psycopg.Connection, asked: dict[bytes, Open]) -> list[Made]:
        """Take the messages whose template a model knows out of those that are asked about; return their analyses."""
        version = prompt.version(self._taxonomy)
        known = known_templates(connection, list(asked), version, [link.model for link in self._chain])
        return [
            made
            for key, found in known.items()
            for one in asked.pop(key).everyone()
            for made in reused(one, found, version, self._provenance(one))
        ]

    def _group(self, group: list[Open]) -> None:
        if time.monotonic() > self._end:
            self._put_off(group, "time", datetime.now(UTC) + SOON)
            return
        try:
            asked, examples = self._ask(group)
        except MaskingError:
            self._divide(group, "masking")
            return
        except NoAnswer as error:
            if error.until is None:
                self._divide(group, error.reason)
            else:
                self._put_off(group, error.reason, error.until)
            return
        answered = {number: group[number - 1] for number in asked.value}
        made = [
            each
            for number, one in answered.items()
            for each in self._made(one, asked.value[number], asked, examples, len(answered))
        ]
        with self._transaction() as connection:
            store(connection, self._partition, made)
        for number, one in enumerate(group, start=1):
            if number not in answered:
                self._group([one])

    def _divide(self, group: list[Open], reason: str) -> None:
        """Ask for each message alone; what cannot be asked for alone is left to a person."""
        if len(group) == 1:
            self._leave_to_a_person(group[0], reason)
            return
        for one in group:
            self._group([one])

    def _ask(self, group: list[Open]) -> tuple[Asked[dict[int, Item]], list[Example]]:
        """Return what a model says of messages, and the examples that it was shown."""
        work = _work(group, self._partition.day)
        with self._transaction() as connection:
            standing = standing_of(connection, work)
            asked_about = [(one.message_id, one.view) for one in group]
            examples = examples_for(connection, self._built_in.in_force, asked_about, self._taxonomy.names)
        chain = self._chain
        if standing.degrade == "cheaper":
            chain = sorted(chain, key=lambda link: link.price.input + link.price.output if link.price else 0)
        question = Question(
            work,
            prompt.system_text(self._taxonomy),
            prompt.text_of([one.sent.view for one in group], self._language, [each.document() for each in examples]),
            prompt.schema(self._taxonomy),
            max_tokens=TOKENS_AN_ITEM * len(group),
            insists=len(group) == 1,
        )
        names = self._taxonomy.names
        asked = self._context.asker.ask(
            self._partition.tenant_id,
            chain,
            question,
            lambda content: items_of(content, [one.sent.view for one in group], names, self._language),
        )
        self.figures.add(asked)
        return asked, examples

    def _made(self, one: Open, item: Item, asked: Asked[Any], examples: Sequence[Example], share: int) -> list[Made]:
        """Return the analysis of a message and of those with the same content, each with its share of the cost."""
        found = joined(one.view, one.found, one.sent.restored(item))
        origin = Origin(
            asked.link.provider,
            asked.link.model,
            prompt.version(self._taxonomy),
            call_id=asked.call_id,
            tokens=(asked.tokens_in // share, asked.tokens_out // share, asked.tokens_cached // share),
            cost_usd=None if asked.cost_usd is None else asked.cost_usd / share,
            latency_ms=asked.latency_ms,
            attempts=asked.attempts,
            provenance={**self._provenance(one, examples), "way": asked.way.value, "repaired": asked.was_repaired},
            template_key=one.template_key,
            job_id=one.job_id,
        )
        again = replace(origin, tokens=(0, 0, 0), cost_usd=0, attempts=0, latency_ms=0)
        first = Made(one.message_id, one.view, found, origin)
        known = Known(first.id, one.view, found, origin.provider, origin.model)
        return [
            first,
            *(Made(message_id, one.view, found, again) for message_id in one.same),
            *(
                made
                for other in one.alike
                for made in reused(other, known, origin.profile_version, self._provenance(other, examples))
            ),
        ]

    def _put_off(
        self, group: list[Open], reason: str, until: datetime, connection: psycopg.Connection | None = None
    ) -> None:
        """Have messages wait: with the analysis of a model that was to be made anew, else with that of the rules."""
        if connection is None:
            with self._transaction() as opened:
                self._put_off(group, reason, until, opened)
            return
        ids = [message_id for one in group for each in one.everyone() for message_id in each.ids()]
        kept = put_off(connection, ids, until)
        origin = replace(self._built_in.origin(), status="parked", reason=reason, parked_until=until)
        store(connection, self._partition, [one for one in _by_rules(group, origin) if one.message_id not in kept])
        self.figures.parked += len(ids)

    def _leave_to_a_person(self, one: Open, reason: str) -> None:
        origin = replace(self._built_in.origin(), status="failed", reason=reason)
        with self._transaction() as connection:
            store(connection, self._partition, _by_rules([one], origin))
        self.figures.failed += one.messages()

    def _provenance(self, one: Open, examples: Sequence[Example] = ()) -> dict[str, Any]:
        by_rules = {"is_actionable": one.found.is_actionable, "severity": one.found.severity}
        shown = [str(correction_id) for example in examples for correction_id in example.corrections]
        return {"prompt": prompt.prompt_hash(self._taxonomy), "examples": shown, "rules": by_rules}

    def _transaction(self) -> Any:
        return self._context.database.tenant_tx(self._partition.tenant_id)
