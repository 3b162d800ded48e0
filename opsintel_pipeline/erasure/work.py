"""An erasure under way: who is meant, how far it is, and its transactions.

Each page is a transaction that also says how far the erasure is, so one that was killed goes on with the next page. A
dry run does the very same and takes each transaction back, so its figures are those of the result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from opsintel.context import Context
from opsintel.people.redact import Quotations, Redactor, Terms

LEASE = timedelta(minutes=5)
"""How long a process has an erasure in hand without a sign of life; each page begins it anew."""


@dataclass(frozen=True)
class Person:
    """Who is erased, as far as the database knows them."""

    terms: Terms
    identities: tuple[tuple[str, str], ...] = ()
    """Kind and value of every address."""

    participants: tuple[UUID, ...] = ()
    user_id: UUID | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the person as the erasure's row keeps them while it runs."""
        return {
            "terms": self.terms.as_json(),
            "identities": [list(identity) for identity in self.identities],
            "participants": [str(one) for one in self.participants],
            "user_id": str(self.user_id) if self.user_id else None,
        }

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Person:
        """Return the person that `as_json` gave."""
        return cls(
            Terms.of(stored["terms"]),
            tuple((kind, value) for kind, value in stored["identities"]),
            tuple(UUID(one) for one in stored["participants"]),
            UUID(stored["user_id"]) if stored["user_id"] else None,
        )


@dataclass
class Progress:
    """How far an erasure is: the steps that are done, the place within the next, and what it touched."""

    done: list[str] = field(default_factory=list)
    after: str | None = None
    issues: set[str] = field(default_factory=set)
    pages: set[str] = field(default_factory=set)
    """Keys of objects that held payloads of the person."""

    def as_json(self) -> dict[str, Any]:
        """Return it as the erasure's row keeps it."""
        return {"done": self.done, "after": self.after, "issues": sorted(self.issues), "pages": sorted(self.pages)}

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Progress:
        """Return what `as_json` gave; nothing is done where it is empty."""
        return cls(
            list(stored.get("done", [])),
            stored.get("after"),
            set(stored.get("issues", [])),
            set(stored.get("pages", [])),
        )


@dataclass
class Work:
    """One run over an erasure."""

    context: Context
    tenant_id: UUID
    erasure_id: UUID
    person: Person
    dry_run: bool = False
    progress: Progress = field(default_factory=Progress)
    counts: Counter[str] = field(default_factory=Counter)
    quotations: Quotations = field(default_factory=Quotations)
    key: bytes = b""
    """The tenant's suppression key."""

    marked: set[UUID] = field(default_factory=set)
    """Payloads that this run has marked."""

    words: set[str] = field(default_factory=set)
    """Words of the person that a fitted embedder knows and nobody else was seen to use."""

    def __post_init__(self) -> None:
        self.redactor = Redactor(self.person.terms, self.quotations)

    @contextmanager
    def page(self) -> Iterator[psycopg.Connection]:
        """Yield a transaction of the tenant; with it goes how far the erasure is. A dry run takes it back."""
        with self.context.database.tenant_tx(self.tenant_id) as connection:
            yield connection
            if self.dry_run:
                connection.rollback()
                return
            connection.execute(
                "UPDATE erasure SET progress = %s, counts = %s, lease_until = now() + %s WHERE id = %s",
                (Jsonb(self.progress.as_json()), Jsonb(dict(self.counts)), LEASE, self.erasure_id),
            )

    def finish_step(self, name: str) -> None:
        """Note that a step is done."""
        self.progress.done.append(name)
        self.progress.after = None
        with self.page():
            pass
