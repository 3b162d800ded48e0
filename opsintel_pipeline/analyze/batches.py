"""What of a day waits in batches: which messages may, which share what is asked already, and what came back."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import psycopg

from opsintel.clock import today
from opsintel.context import Context
from opsintel.errors import MaskingError
from opsintel.llm.ask import Asked, InvalidAnswer
from opsintel.llm.batch.question import Waiting, ask, asked_of_templates, failed, follow
from opsintel.llm.call import Answer, Way
from opsintel.llm.chain import Link
from opsintel.llm.question import Question
from opsintel.partitions import Partition
from opsintel_pipeline.analyze.answer import Item, items_of
from opsintel_pipeline.analyze.built_in import BuiltIn
from opsintel_pipeline.analyze.message import COLUMNS, MessageView, input_hash
from opsintel_pipeline.analyze.sharing import Open, place

BATCH = "batch"
"""Why an analysis is parked."""

PAGE = 200
"""Answers that are read at once."""

_GONE = MessageView("", "", "", None, is_bot=False, direction="", kind="")
"""Stands for a message that is no more as it was."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A question in a batch that was answered, with those of its messages that are as they were, by their numbers."""

    question_id: UUID
    group: dict[int, Open]
    count: int
    """Messages that it was about."""

    shown: list[str]
    link: Link
    way: Way
    call_id: UUID
    answer: Answer
    cost_usd: Decimal | None
    is_present: bool
    """Whether what it was told is what is told now."""

    def asked(self, names: Collection[str], language: str) -> Asked[dict[int, Item]] | None:
        """Return what the model said as an ordinary call would have it; None where that is not valid."""
        answer = self.answer
        if answer.is_refused or answer.is_cut or not self.is_present:
            return None
        try:
            views = [self.group[n].sent.view if n in self.group else _GONE for n in range(1, self.count + 1)]
            value = items_of(answer.content, views, names, language)
        except (InvalidAnswer, MaskingError):
            return None
        return Asked(
            value, self.link, self.way, False, 1, self.call_id, answer.tokens_in, answer.tokens_out,
            answer.tokens_cached, 0, self.cost_usd,
        )  # fmt: skip


class Batches:
    """The questions of one partition that wait in batches."""

    def __init__(self, context: Context, partition: Partition, version: str, chain: Sequence[Link]) -> None:
        self._context = context
        self._partition = partition
        self._version = version
        self._models = [link.model for link in chain]

    def joined(self, connection: psycopg.Connection, asked: dict[bytes, Open]) -> list[Open]:
        """Say of each message whether it may wait in a batch; take those out whose template waits there already, note
        that they wait for it, and return them."""
        self._say_what_may_wait(connection, list(asked.values()))
        keys = [key for key, one in asked.items() if one.may_wait]
        found = asked_of_templates(connection, keys, self._version, self._models)
        for key, question_id in found.items():
            follow(connection, self._partition.tenant_id, question_id, _everyone(asked[key], None))
        return [asked.pop(key) for key in found]

    def ask(
        self, connection: psycopg.Connection, link: Link, question: Question, shown: Sequence[str], group: list[Open]
    ) -> None:
        """Have a question about messages wait, at the price of a batch; raises `CeilingError`."""
        way = self._context.asker.way_of(link)
        waiting = [each for number, one in enumerate(group, start=1) for each in _everyone(one, number)]
        with connection.transaction():
            ask(connection, self._partition.tenant_id, link, question, way, self._version, shown, waiting)

    def answered(self, built_in: BuiltIn) -> Iterator[Answered]:
        """Yield what came back for this day, a page at a time, each read in a transaction of its own."""
        last = UUID(int=0)
        while page := self._answered_after(last, built_in):
            yield from page
            last = page[-1].question_id

    def _answered_after(self, last: UUID, built_in: BuiltIn) -> list[Answered]:
        with self._context.database.tenant_tx(self._partition.tenant_id) as connection:
            rows = connection.execute(
                "SELECT question.id, question.key_id, question.provider, question.model, way, shown, call_id, answer,"
                " cost_usd, profile_version,"
                " (SELECT max(number) FROM model_batch_message WHERE question_id = question.id)"
                " FROM model_batch_question AS question JOIN model_call AS paid ON paid.id = question.call_id"
                " WHERE question.state = 'answered' AND question.partition_day = %s AND question.id > %s"
                " ORDER BY question.id LIMIT %s",
                (self._partition.day, last, PAGE),
            ).fetchall()
            groups = self._groups(connection, built_in, [row[0] for row in rows])
        return [
            Answered(
                question_id, groups.get(question_id, {}), count or 0, shown,
                Link(key_id, provider, "", None, None, "valid", None, model, None), Way(way), call_id,
                Answer.of(answer), cost, is_present=version == self._version,
            )
            for question_id, key_id, provider, model, way, shown, call_id, answer, cost, version, count in rows
        ]  # fmt: skip

    def _groups(
        self, connection: psycopg.Connection, built_in: BuiltIn, question_ids: list[UUID]
    ) -> dict[UUID, dict[int, Open]]:
        """Return by question the messages that still wait for it and say what they said, by their numbers."""
        rows = connection.execute(
            f"SELECT place.question_id, number, place.template_key, place.input_hash, message.id, {COLUMNS}"
            " FROM model_batch_message AS place JOIN message ON message.id = place.message_id"
            " JOIN analysis ON analysis.message_id = message.id AND analysis.current"
            " WHERE place.question_id = ANY(%s) AND number IS NOT NULL AND message.deleted_at IS NULL AND selected"
            " AND (status = 'parked' OR stale) ORDER BY place.question_id, number",
            (question_ids,),
        ).fetchall()
        places = {row[4]: row[:4] for row in rows if input_hash(MessageView(*row[5:])) == row[3]}
        made = built_in.made([(row[4], MessageView(*row[5:])) for row in rows if row[4] in places])
        groups: dict[UUID, dict[int, Open]] = {}
        opened = [Open(one.message_id, one.view, one.found, places[one.message_id][2]) for one in made]
        place(connection, self._partition.day, opened)
        for one in opened:
            question_id, number, *_ = places[one.message_id]
            groups.setdefault(question_id, {})[number] = one
        return groups

    def _say_what_may_wait(self, connection: psycopg.Connection, messages: Sequence[Open]) -> None:
        """A message may wait that a backfill with batches is about, of a day that is over, and that did not wait in
        vain before."""
        if self._partition.day >= today():
            return
        jobs = {each.job_id for one in messages for each in one.everyone() if each.job_id is not None}
        rows = connection.execute(
            "SELECT id FROM job WHERE id = ANY(%s) AND kind = 'backfill' AND (parameters->>'batch')::boolean",
            (list(jobs),),
        )
        waiting = {row[0] for row in rows}
        in_vain = failed(connection, [each.message_id for one in messages for each in one.everyone()])
        for one in messages:
            one.may_wait = all(each.job_id in waiting and each.message_id not in in_vain for each in one.everyone())


def _everyone(one: Open, number: int | None) -> list[Waiting]:
    """Return all that wait for what is said of a message: it alone has its number."""
    return [
        Waiting(message_id, number if message_id == one.message_id else None, input_hash(each.view), one.template_key)
        for each in one.everyone()
        for message_id in each.ids()
    ]
