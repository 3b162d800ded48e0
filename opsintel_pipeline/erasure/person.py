"""Erase a person: the steps in their order, each safe to run again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from uuid import UUID

from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.llm.answers import forget_answers
from opsintel.llm.batch.question import forget
from opsintel.people.requests import Erasure
from opsintel.people.suppression import Suppressed, ensure_suppression_key, suppression_key
from opsintel_pipeline.erasure.derived import blank_threads, export_again, forget_words, refresh_touched
from opsintel_pipeline.erasure.exports import remove_exports
from opsintel_pipeline.erasure.identity import remove_account, remove_person, suppress
from opsintel_pipeline.erasure.mentions import redact_mentions
from opsintel_pipeline.erasure.own import bury_own, take_in_words
from opsintel_pipeline.erasure.payloads import mark_naming, rewrite_pages
from opsintel_pipeline.erasure.receipt import finish
from opsintel_pipeline.erasure.resolve import person_of
from opsintel_pipeline.erasure.sweep import sweep
from opsintel_pipeline.erasure.work import Person, Progress, Work

Step = Callable[[Work], None]

ROUNDS = 3
"""How often it begins anew for messages that were under way when it began."""


def preview(context: Context, tenant_id: UUID, address: str | None, participant_id: UUID | None) -> Counter[str]:
    """Return what an erasure would remove, by table and store; changes nothing. Raises as `person_of` does."""
    return +tried(context, tenant_id, address, [participant_id] if participant_id else []).counts


def tried(context: Context, tenant_id: UUID, address: str | None, participants: Iterable[UUID]) -> Work:
    """Return an erasure as it would have ended; changes nothing. Raises as `person_of` does."""
    person = person_of(context, tenant_id, address=address, participants=participants)
    key = suppression_key(context, tenant_id) or bytes(32)
    work = Work(context, tenant_id, new_id(), person, dry_run=True, key=key)
    _run_steps(work)
    return work


def erase_person(context: Context, erasure: Erasure) -> dict[str, object]:
    """Erase the person of an erasure that was taken in hand, and return the receipt. Killed anywhere it goes on."""
    key = ensure_suppression_key(context, erasure.tenant_id)
    person = _resolved(context, erasure, key)
    work = Work(context, erasure.tenant_id, erasure.id, person, key=key)
    work.progress, work.counts = Progress.of(erasure.progress), Counter(erasure.counts)
    for _ in range(ROUNDS):
        _run_steps(work)
        late = _late(context, work)
        if late is None:
            break
        work = _again(work, late)
    return finish(work, erasure)


def _resolved(context: Context, erasure: Erasure, key: bytes) -> Person:
    """Return who is meant; what was found is kept with the erasure until it is done."""
    wanted = erasure.wanted or {}
    if "terms" in wanted:
        return Person.of(wanted)
    hashes = [bytes.fromhex(one) for one in wanted.get("hashes", [])]
    person = person_of(
        context,
        erasure.tenant_id,
        address=wanted.get("address"),
        participants=[UUID(one) for one in wanted.get("participants", [])],
        known=Suppressed(key, hashes) if hashes else None,
    )
    _keep(context, erasure.tenant_id, erasure.id, person)
    with context.database.tenant_tx(erasure.tenant_id) as connection:
        for one in hashes:
            connection.execute(
                "INSERT INTO erasure_suppression (tenant_id, hash, erasure_id) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (erasure.tenant_id, one, erasure.id),
            )
    return person


def _keep(context: Context, tenant_id: UUID, erasure_id: UUID, person: Person) -> None:
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute("UPDATE erasure SET wanted = %s WHERE id = %s", (Jsonb(person.as_json()), erasure_id))


def _run_steps(work: Work) -> None:
    threads: set[UUID] = set()
    if not {"mentions", "words"} <= set(work.progress.done):
        threads = take_in_words(work)
    steps: tuple[tuple[str, Step], ...] = (
        ("suppress", suppress),
        ("exports", remove_exports),
        ("threads", blank_threads),
        ("sweep", sweep),
        ("mentions", lambda work: redact_mentions(work, threads)),
        ("words", forget_words),
        ("answers", _forget_answers),
        ("own", bury_own),
        ("payloads", mark_naming),
        ("pages", rewrite_pages),
        ("issues", refresh_touched),
        ("sheets", export_again),
        ("account", remove_account),
        ("person", remove_person),
    )
    for name, step in steps:
        if name not in work.progress.done:
            step(work)
            work.finish_step(name)


def _forget_answers(work: Work) -> None:
    if not work.dry_run:
        forget_answers(work.context.settings, work.tenant_id)
        with work.context.database.tenant_tx(work.tenant_id) as connection:
            forget(connection)


def _late(context: Context, work: Work) -> Person | None:
    """Return the person again where a message that was under way has brought them back."""
    late = person_of(context, work.tenant_id, identities=work.person.identities)
    return late if late.participants else None


def _again(work: Work, late: Person) -> Work:
    _keep(work.context, work.tenant_id, work.erasure_id, late)
    again = Work(work.context, work.tenant_id, work.erasure_id, late, key=work.key)
    again.counts = work.counts
    return again
