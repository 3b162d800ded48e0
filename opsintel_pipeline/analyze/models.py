"""Analyses by the tenant's models: what rules settle and what is known already costs nothing, the rest shares calls.

A group of messages is one call. What it gives is stored in a transaction of its own; an item that is not valid is asked
for again alone. A message that no model answered for has the analysis of the rules, and waits, or is left to a person.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from opsintel.context import Context
from opsintel.errors import MaskingError
from opsintel.llm.alerts import note_reached
from opsintel.llm.ask import Asked, NoAnswer
from opsintel.llm.batch.question import LONGEST, clear, for_batch, held, reject
from opsintel.llm.budget import CeilingError, next_month, standing_of
from opsintel.llm.chain import Link
from opsintel.llm.question import Question
from opsintel.partitions import Partition
from opsintel_pipeline.analyze import prompt
from opsintel_pipeline.analyze.answer import Item, items_of, joined
from opsintel_pipeline.analyze.batches import BATCH, Batches
from opsintel_pipeline.analyze.built_in import BuiltIn
from opsintel_pipeline.analyze.examples import examples_for
from opsintel_pipeline.analyze.figures import Figures
from opsintel_pipeline.analyze.given import made_of, provenance
from opsintel_pipeline.analyze.groups import grouped, is_in_sample
from opsintel_pipeline.analyze.message import MessageView, input_hash
from opsintel_pipeline.analyze.profile import Analysis
from opsintel_pipeline.analyze.rows import Made, put_off, store
from opsintel_pipeline.analyze.sharing import (
    Open,
    by_budget,
    by_content,
    by_rules,
    by_template,
    known_contents,
    known_templates,
    needs_model,
    place,
    reused,
    work_of,
)

AT_ONCE = 4
"""Calls under way for one partition."""

RUN_SECONDS = 45.0
"""How long a run begins new calls."""

SOON = timedelta(seconds=5)
"""When the next run goes on with what is left."""

TOKENS_AN_ITEM = 900
"""Most that the analysis of one message takes; what is set aside depends on it."""


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
        self._batches = Batches(context, partition, prompt.version(built_in.taxonomy), chain)
        self._end = time.monotonic() + RUN_SECONDS
        self.figures = Figures()

    def make(self, waiting: Sequence[tuple[UUID, MessageView]]) -> None:
        """Make and store an analysis of each message; one that no model gave is that of the rules."""
        made = self._but_held(self._built_in.made(waiting))
        free = [one for one in made if not self._needs_model(one.view)]
        needed = by_content([one for one in made if self._needs_model(one.view)])
        tenant_id = self._partition.tenant_id
        with self._transaction() as connection:
            store(connection, self._partition, free)
            place(connection, self._partition.day, list(needed.values()))
            known = known_contents(connection, needed, prompt.version(self._taxonomy), self._models())
            reused = {one.message_id for one in known}
            left = [one for one in needed.values() if one.message_id not in reused]
            asked = by_template(connection, tenant_id, left)
            alike = self._alike(connection, asked)
            store(connection, self._partition, [*known, *alike])
            self.figures.reused += len(known) + len(alike)
            self._put_off(self._batches.joined(connection, asked), BATCH, datetime.now(UTC) + LONGEST, connection)
            parts = by_budget(connection, list(asked.values()))
            groups = [group for part in parts for group in self._groups(connection, part)]
            groups = [group for group in groups if not self._in_batch(connection, group)]
        with ThreadPoolExecutor(AT_ONCE, "asking") as threads:
            for _ in threads.map(self._group, groups):
                pass

    def collect(self) -> None:
        """Store what came back of batches for this day; what is not valid of it is asked for at once."""
        for one in self._batches.answered(self._built_in):
            self._take(one.group, one.asked(self._taxonomy.names, self._language), one.shown, one.question_id)

    def _but_held(self, made: list[Made]) -> list[Made]:
        """Return messages without those that wait in a batch for an answer about their very content."""
        with self._transaction() as connection:
            waiting = held(connection, [(one.message_id, input_hash(one.view)) for one in made])
            opened = [Open(one.message_id, one.view, one.found) for one in made if one.message_id in waiting]
            place(connection, self._partition.day, opened)
            self._put_off(opened, BATCH, datetime.now(UTC) + LONGEST, connection)
        return [one for one in made if one.message_id not in waiting]

    def _in_batch(self, connection: psycopg.Connection, group: list[Open]) -> bool:
        """Have a group wait in a batch where it may, and tell whether it does."""
        if not all(one.may_wait for one in group):
            return False
        try:
            chain, question, shown = self._question(connection, group)
        except MaskingError:
            return False  # each of them is tried alone
        if (link := for_batch(chain[0])) is None:
            return False
        try:
            self._batches.ask(connection, link, question, shown, group)
        except CeilingError as error:
            note_reached(connection, self._partition.tenant_id, error)
            self._put_off(group, "ceiling", next_month(), connection)
        else:
            self._put_off(group, BATCH, datetime.now(UTC) + LONGEST, connection)
        return True

    def _groups(self, connection: psycopg.Connection, part: list[Open]) -> list[list[Open]]:
        """Return the messages of some budgets as those share calls; of a sample, the others are put off."""
        standing = standing_of(connection, work_of(part))
        if standing.degrade == "sample":
            left = [one for one in part if not is_in_sample(input_hash(one.view), standing.share)]
            self._put_off(left, "sample", next_month(), connection)
            part = [one for one in part if is_in_sample(input_hash(one.view), standing.share)]
        return list(grouped([(one, len(one.view.text)) for one in part]))

    def tried(self, messages: Sequence[tuple[UUID, MessageView]]) -> dict[UUID, Analysis]:
        """Return what models make of messages, and store nothing; raises `NoAnswer` where they give none.

        What a group's answer leaves out is asked for alone, as in a run; what has no answer then is what the rules say.
        """
        opened = [Open(made.message_id, made.view, made.found) for made in self._built_in.made(messages)]
        fresh = {one.message_id: one.found for one in opened if not self._needs_model(one.view)}
        asked = [one for one in opened if one.message_id not in fresh]
        for group in grouped([(one, len(one.view.text)) for one in asked]):
            answered = self._ask(group)[0].value
            for number, one in enumerate(group, start=1):
                item = answered.get(number) or self._item_of(one)
                by_model = item and joined(one.view, one.found, one.sent.restored(item))
                fresh[one.message_id] = by_model or one.found
        return fresh

    def _item_of(self, one: Open) -> Item | None:
        """Return what a model says of one message alone; None where that stays invalid."""
        try:
            return self._ask([one])[0].value.get(1)
        except NoAnswer as error:
            if error.until is not None:
                raise
            return None

    def _models(self) -> list[str]:
        return [link.model for link in self._chain]

    def _needs_model(self, view: MessageView) -> bool:
        return needs_model(view, sends_notes=self._sends_notes)

    def _alike(self, connection: psycopg.Connection, asked: dict[bytes, Open]) -> list[Made]:
        """Take the messages whose template a model knows out of those that are asked about; return their analyses."""
        version = prompt.version(self._taxonomy)
        known = known_templates(connection, list(asked), version, self._models())
        return [
            made
            for key, found in known.items()
            for one in asked.pop(key).everyone()
            for made in reused(one, found, version, provenance(one, self._taxonomy))
        ]

    def _group(self, group: list[Open]) -> None:
        if time.monotonic() > self._end:
            self._put_off(group, "time", datetime.now(UTC) + SOON)
            return
        try:
            asked, shown = self._ask(group)
        except MaskingError:
            self._divide(group, "masking")
            return
        except NoAnswer as error:
            if error.until is None:
                self._divide(group, error.reason)
            else:
                self._put_off(group, error.reason, error.until)
            return
        self._take(dict(enumerate(group, start=1)), asked, shown)

    def _take(
        self,
        group: Mapping[int, Open],
        asked: Asked[dict[int, Item]] | None,
        shown: Sequence[str],
        question_id: UUID | None = None,
    ) -> None:
        """Store what a model said of messages by their numbers; what it did not say is asked for alone.

        None: all of it is asked for anew. `question_id`: the question in a batch that this was the answer to.
        """
        if asked is None:
            if question_id is not None:
                with self._transaction() as connection:
                    reject(connection, question_id)
            if group:
                self._group(list(group.values()))
            return
        answered = {number: group[number] for number in asked.value if number in group}
        made = [
            each
            for number, one in answered.items()
            for each in made_of(one, asked.value[number], asked, self._taxonomy, shown, len(answered))
        ]
        with self._transaction() as connection:
            store(connection, self._partition, made)
            clear(connection, [question_id] if question_id else [])
        for number, one in group.items():
            if number not in answered:
                self._group([one])

    def _divide(self, group: list[Open], reason: str) -> None:
        """Ask for each message alone; what cannot be asked for alone is left to a person."""
        if len(group) == 1:
            self._leave_to_a_person(group[0], reason)
            return
        for one in group:
            self._group([one])

    def _question(self, connection: psycopg.Connection, group: list[Open]) -> tuple[list[Link], Question, list[str]]:
        """Return whom to ask what about messages, and the corrections that it shows. Raises `MaskingError`."""
        work = work_of(group, self._partition.day)
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
        return chain, question, [str(correction) for each in examples for correction in each.corrections]

    def _ask(self, group: list[Open]) -> tuple[Asked[dict[int, Item]], list[str]]:
        """Return what a model says of messages, and the corrections that it was shown."""
        with self._transaction() as connection:
            chain, question, shown = self._question(connection, group)
        names = self._taxonomy.names
        asked = self._context.asker.ask(
            self._partition.tenant_id,
            chain,
            question,
            lambda content: items_of(content, [one.sent.view for one in group], names, self._language),
        )
        self.figures.add(asked)
        return asked, shown

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
        store(connection, self._partition, [one for one in by_rules(group, origin) if one.message_id not in kept])
        self.figures.parked += len(ids)

    def _leave_to_a_person(self, one: Open, reason: str) -> None:
        origin = replace(self._built_in.origin(), status="failed", reason=reason)
        with self._transaction() as connection:
            store(connection, self._partition, by_rules([one], origin))
        self.figures.failed += one.messages()

    def _transaction(self) -> Any:
        return self._context.database.tenant_tx(self._partition.tenant_id)
