"""Small changes to the product's own functions, each a classical mistake; applied in place and taken back."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from opsintel.queue import consume, ledger, outbox
from opsintel.queue.postgres import PostgresQueue
from opsintel_pipeline.act.sheets import plan
from opsintel_pipeline.analyze import models
from opsintel_pipeline.ingest import pages


@dataclass(frozen=True)
class Mutant:
    """A mistake: in the source of this function (or text), `old` is replaced by `new`."""

    name: str
    place: Any
    member: str
    old: str
    new: str

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the product make the mistake meanwhile, wherever the function was imported."""
        member = getattr(self.place, self.member)
        if isinstance(member, str):
            setattr(self.place, self.member, self._changed(member))
            try:
                yield
            finally:
                setattr(self.place, self.member, member)
            return
        sound = member.__code__
        member.__code__ = self._compiled(member).__code__
        try:
            yield
        finally:
            member.__code__ = sound

    def _compiled(self, function: FunctionType) -> Callable[..., Any]:
        made: dict[str, Any] = {}
        source = self._changed(textwrap.dedent(inspect.getsource(function)))
        exec(compile("from __future__ import annotations\n" + source, "<mutant>", "exec"), function.__globals__, made)
        found: Callable[..., Any] = made[function.__name__]
        return found

    def _changed(self, source: str) -> str:
        assert source.count(self.old) == 1, f"{self.name}: {self.member} reads otherwise now"
        return source.replace(self.old, self.new)


MUTANTS = (
    Mutant(
        "acknowledge first", consume, "consume_once",
        "    if deliveries:\n",
        "    if deliveries:\n        queue.acknowledge(deliveries)\n",
    ),
    Mutant(
        "no confirm", outbox, "relay_once",
        '            _set_due(database, announcements, "due_at = now()", ())\n            raise\n',
        "            pass\n",
    ),
    Mutant(
        "no dedupe", consume, "_insert",
        '"id": str(a.id)',
        '"id": str(__import__("uuid").uuid4())',
    ),
    Mutant(
        "cursor before commit", pages, "_store",
        "    with context.database.tenant_tx(tenant.id) as connection:\n",
        "    if cursor is not None:\n"
        "        with context.database.tenant_tx(tenant.id) as connection:\n"
        "            _move_cursor(connection, source, stream, cursor)\n"
        "    with context.database.tenant_tx(tenant.id) as connection:\n",
    ),
    Mutant(
        "no outbox", pages, "_store",
        '        announce_days(connection, tenant.id, days, "import")',
        "    with context.database.tenant_tx(tenant.id) as connection:\n"
        '        announce_days(connection, tenant.id, days, "import")',
    ),
    Mutant(
        "append to Sheets", plan, "plan_sheet",
        "place = place_of.get(row.key)",
        "place = None",
    ),
    Mutant(
        "dedupe without tenant", consume, "_insert",
        "ON CONFLICT DO NOTHING",
        "WHERE NOT EXISTS (SELECT FROM work WHERE work.partition_day = entered.day AND state = 'pending')",
    ),
    Mutant(
        "re-queue for ever", PostgresQueue, "reject",
        "UPDATE queue_message SET available_at = now()",
        "UPDATE queue_message SET attempts = 0, available_at = now()",
    ),
    Mutant(
        "clock-based cursor", ledger, "_WAITING",
        "WHERE state = 'pending'\n",
        "WHERE state = 'pending' AND created_at >= (SELECT coalesce(max(created_at), '-infinity') FROM batch)\n",
    ),
    Mutant(
        "cross-batch id", outbox, "announce_days",
        "(tenant_id, new_id(), PARTITION_DIRTY,",
        "(tenant_id, UUID(int=day.day), PARTITION_DIRTY,",
    ),
    Mutant(
        "lost re-batch", ledger, "expire",
        "WHERE state = 'batched')",
        "WHERE state = 'batched' AND false)",
    ),
    Mutant(
        "outbox row removed once confirmed", outbox, "relay_once",
        '_set_due(database, announcements, "published_at = now(), due_at = now() + %s", (CONFIRMED,))',
        "with database.system_tx() as connection:\n"
        "            remove(connection, [Origin(a.tenant_id, a.id) for a in announcements])",
    ),
)  # fmt: skip
"""All of spec section 4 but the model call, and one of our own at the end."""

MODEL_CALL = Mutant(
    "at-most-once model call", models.ByModels, "_group",
    "asked, shown = self._ask(group)",
    "with self._transaction() as opened:\n"
    "            store(opened, self._partition, by_rules(group, self._built_in.origin()))\n"
    "        asked, shown = self._ask(group)",
)  # fmt: skip
"""No process of the simulation makes calls: tests/analyze/test_kills.py catches it, with real kills."""
