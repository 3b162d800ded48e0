"""Ask the models of a chain until one gives an answer that is valid, within the ceilings; every call is in the ledger.

Of each model: the ways of asking from the most reliable on, as it takes them; a fault that passes is tried again after
a pause; an answer that is not valid is given back once, with what is wrong with it, and a question that nobody divides
is asked once more in the next way. No transaction is open meanwhile.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar
from uuid import UUID

from opsintel.closing import Closing
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.errors import NotFoundError, OpsintelError
from opsintel.llm.alerts import note_reached
from opsintel.llm.budget import (
    CeilingError,
    Reserved,
    found_after_all,
    next_month,
    paid_before,
    release,
    reserve,
    settle,
)
from opsintel.llm.call import ANSWERS, Answer, Call, Fault, ModelError, Way
from opsintel.llm.caller import Caller
from opsintel.llm.chain import Link
from opsintel.llm.charge import Spent, call_key, cost_of, most_of
from opsintel.llm.keys import HEALTH_OF, found_ill, found_well
from opsintel.llm.platform import NO_PLATFORM, Platform, hold
from opsintel.llm.question import Question
from opsintel.llm.sending import Servers, permitted, sending_of

T = TypeVar("T")

TRIES = 4
"""Calls of one model for one question, while faults pass."""

CALL_SECONDS = 60.0
LONGEST_PAUSE = 20.0
LOCAL_ONLY_PAUSE = timedelta(minutes=1)
NOT_OFFERED_PAUSE = timedelta(hours=1)

_REPAIR, _ANEW = 1, 2
"""Attempts at a question that come after the first."""

_PASSES = frozenset({Fault.LIMITED, Fault.UNREACHABLE})


class InvalidAnswer(ValueError):
    """An answer that does not fit; `str()` says what is wrong, in words for the model, without the tenant's text."""


class NoAnswer(OpsintelError):
    """No model of the chain gave a valid answer. `until`: when it is worth asking again; None: a person has to look."""

    code = "no_answer"

    def __init__(self, reason: str, message: str, *, until: datetime | None) -> None:
        super().__init__(message)
        self.reason = reason
        self.until = until


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """A valid answer and how it came about. `cost_usd` None: the price is unknown."""

    value: T
    link: Link
    way: Way
    was_repaired: bool
    attempts: int
    call_id: UUID
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    latency_ms: int
    cost_usd: Decimal | None


class Asker(Closing):
    """Asks for one process: it remembers which way of asking a model takes."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        caller: Caller,
        local_servers: Servers = frozenset(),
        sleep: Callable[[float], None] = time.sleep,
        platform: Platform = NO_PLATFORM,
    ) -> None:
        self._database = database
        self._local_servers = local_servers
        self._keyring = keyring
        self.caller = caller
        self._sleep = sleep
        self._platform = platform
        self._ways: dict[tuple[UUID, str], Way] = {}

    def close(self) -> None:
        """Let the process that makes the calls end."""
        self.caller.close()

    def way_of(self, link: Link) -> Way:
        """Return the way of asking that a model takes, as far as that is known."""
        return self._ways.get((link.key_id, link.model), Way.SCHEMA)

    def ask(self, tenant_id: UUID, chain: Sequence[Link], question: Question, read: Callable[[str], T]) -> Asked[T]:
        """Return the first valid answer; `read` makes it of the text, or raises `InvalidAnswer`. Raises `NoAnswer`."""
        reasons: list[NoAnswer] = []
        for link in chain:
            try:
                return self._of_model(tenant_id, link, question, read)
            except NoAnswer as error:
                reasons.append(error)
        later = [error for error in reasons if error.until is not None]
        if later:
            raise min(later, key=lambda error: error.until or datetime.max.replace(tzinfo=UTC))
        raise reasons[-1] if reasons else NoAnswer("no_model", "There is no model for this", until=None)

    def _of_model(self, tenant_id: UUID, link: Link, question: Question, read: Callable[[str], T]) -> Asked[T]:
        spent = Spent()
        first = question.messages()
        messages, ways = first, list(ANSWERS[ANSWERS.index(self.way_of(link)) :])
        wrong = ""
        for attempt in range(3 if question.insists else 2):
            if attempt == _ANEW:
                messages, ways = first, ways[1:]
                if not ways:
                    break
            answer, ways, reserved = self.answered(tenant_id, link, question, messages, ways, spent)
            try:
                if answer.is_refused:
                    raise InvalidAnswer("it declines, though nothing is asked but to describe what others wrote")
                if answer.is_cut:
                    raise InvalidAnswer("it ends before it is complete; be shorter")
                value = read(answer.content)
            except InvalidAnswer as error:
                wrong = str(error)
                messages = [
                    *messages,
                    {"role": "assistant", "content": answer.content or "(nothing)"},
                    {"role": "user", "content": f"That answer cannot be used: {wrong}. Answer again, in full."},
                ]
                continue
            return Asked(
                value, link, ways[0], attempt == _REPAIR, spent.attempts, reserved.id, spent.tokens_in,
                spent.tokens_out, spent.tokens_cached, spent.latency_ms, spent.cost_usd,
            )  # fmt: skip
        reason = "refused" if answer.is_refused else "invalid"
        raise NoAnswer(reason, f"{link.model} gave no valid answer: {wrong}", until=None)

    def _hold(self, tenant_id: UUID, link: Link) -> None:
        """Hold calls by the installation's key under the operator's ceiling; `NoAnswer` where it is not offered."""
        if not self._platform.offers(link):
            again = datetime.now(UTC) + NOT_OFFERED_PAUSE
            raise NoAnswer("not_offered", f"The installation offers no {link.model} of {link.provider}", until=again)
        with self._database.tenant_tx(tenant_id) as connection:
            hold(connection, tenant_id, self._platform.ceiling_usd)

    def answered(
        self,
        tenant_id: UUID,
        link: Link,
        question: Question,
        messages: list[dict[str, str]],
        given: list[Way],
        spent: Spent,
    ) -> tuple[Answer, list[Way], Reserved]:
        """Return what the model says, by the first way it takes, after as many tries as faults pass; and ways left.

        Raises `NoAnswer`.
        """
        if link.of_platform:
            self._hold(tenant_id, link)
        if (until := link.rests_until) is not None:
            raise NoAnswer(link.health, f"The key of {link.provider} rests ({link.health})", until=until)
        ways = given
        secrets: list[UUID | None] = [link.secret_id]
        if link.previous_secret_id is not None:
            secrets.append(link.previous_secret_id)
        tries = 0
        while True:
            call = self._call(tenant_id, link, question, messages, ways[0], secrets[0])
            tries += 1
            try:
                answer, reserved = self._made(tenant_id, link, question, call, spent)
            except ModelError as error:
                if error.fault is Fault.WAY and len(ways) > 1:
                    ways, tries = ways[1:], 0
                elif error.fault is Fault.CREDENTIAL and len(secrets) > 1:
                    secrets, tries = secrets[1:], 0
                elif error.fault in _PASSES and tries < TRIES:
                    self._sleep(_pause(tries, error.seconds))
                else:
                    raise self._given_up(tenant_id, link, error) from None
                continue
            if ways is not given:
                self._ways[(link.key_id, link.model)] = ways[0]
            return answer, ways, reserved

    def _made(
        self, tenant_id: UUID, link: Link, question: Question, call: Call, spent: Spent
    ) -> tuple[Answer, Reserved]:
        """Make a call between two short transactions: money set aside before it, settled after it."""
        estimate = most_of(link, call)
        key = bytes.fromhex(call.key)
        try:
            with self._database.tenant_tx(tenant_id) as connection:
                if not permitted([link], sending_of(connection), self._local_servers):
                    # Set while work is under way: the next run asks those that it may.
                    again = datetime.now(UTC) + LOCAL_ONLY_PAUSE
                    raise NoAnswer("local_only", "The tenant is local only, and this server is not local", until=again)
                reserved = reserve(connection, tenant_id, link, question.work, key, estimate)
        except CeilingError as error:
            with self._database.tenant_tx(tenant_id) as connection:
                note_reached(connection, tenant_id, error)
            raise NoAnswer("ceiling", error.message, until=next_month()) from None
        spent.attempts += 1
        try:
            answer = self.caller.call(call)
        except ModelError as error:
            with self._database.tenant_tx(tenant_id) as connection:
                release(connection, reserved, error.fault.value, may_be_paid=error.may_be_paid)
            raise
        with self._database.tenant_tx(tenant_id) as connection:
            cost = cost_of(link, call, answer)
            if reserved.adopted and not answer.was_kept:
                release(connection, reserved, "lost", may_be_paid=True)
                reserved = reserve(connection, tenant_id, link, question.work, key, None)
            paid = paid_before(connection, reserved, key) if answer.was_kept else None
            if paid is not None:
                reserved, cost = replace(reserved, id=paid[0]), paid[1]
            elif answer.was_kept and not reserved.adopted:
                found_after_all(connection, key)
            settle(connection, reserved, answer, cost)
            found_well(connection, link.key_id)
        spent.add(answer, cost)
        return answer, reserved

    def _call(
        self,
        tenant_id: UUID,
        link: Link,
        question: Question,
        messages: list[dict[str, str]],
        way: Way,
        secret_id: UUID | None,
    ) -> Call:
        return Call(
            tenant_id=tenant_id,
            key=call_key(link, question.schema, question.max_tokens, messages, way),
            provider=link.provider,
            base_url=link.base_url,
            model=link.model,
            messages=tuple(messages),
            max_tokens=question.max_tokens,
            seconds=CALL_SECONDS,
            schema=question.schema,
            way=way,
            api_key=self._platform.keys[link.provider] if link.of_platform else self._secret(tenant_id, secret_id),
        )

    def _secret(self, tenant_id: UUID, secret_id: UUID | None) -> Secret | None:
        if secret_id is None:
            return None
        try:
            return self._keyring.open(tenant_id, secret_id)
        except NotFoundError:
            raise NoAnswer("revoked", "The key was removed", until=None) from None

    def _given_up(self, tenant_id: UUID, link: Link, error: ModelError) -> NoAnswer:
        """Note what is wrong with the key, where it is the key, and return why this model gave no answer."""
        health = HEALTH_OF.get(error.fault)
        if health is None:
            return NoAnswer(error.fault.value, error.line(), until=None)
        wait = None if error.seconds is None else timedelta(seconds=error.seconds)
        with self._database.tenant_tx(tenant_id) as connection:
            found_ill(connection, link.key_id, health, error.line(), wait)
            row = connection.execute("SELECT retry_at FROM model_key WHERE id = %s", (link.key_id,)).fetchone()
        return NoAnswer(health, error.line(), until=row[0] if row else datetime.now(UTC))


def _pause(tries: int, asked: float | None) -> float:
    """Return how long to wait after so many tries: what the provider asks for, else longer each time, with jitter."""
    return min(LONGEST_PAUSE, asked if asked is not None else random.uniform(0.5, 1.0) * 2**tries)  # noqa: S311
