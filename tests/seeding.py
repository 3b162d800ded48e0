"""A small tenant, written straight into the tables: for tests of what reads them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from pgvector import Vector
from psycopg.types.json import Jsonb

from opsintel.access.passwords import hash_password
from opsintel.access.roles import ROLES, Role
from opsintel.clock import today
from opsintel.db.engine import Database
from opsintel.embeddings.lexical import LexicalEmbedder, rounded
from opsintel.ids import new_id
from opsintel.tenants import create_tenant

PASSWORD = "a long enough password"
TAX = "The invoice shows the wrong tax rate of {percent} percent, please correct it. Call me at +49 30 1234567."
LOGIN = "I cannot log in since the update, the page stays white for user {number}."


@dataclass
class Seeded:
    """Ids of what was written."""

    tenant_id: UUID
    slug: str
    users: dict[Role, UUID] = field(default_factory=dict)
    sources: dict[str, UUID] = field(default_factory=dict)
    participants: list[UUID] = field(default_factory=list)
    issues: dict[str, UUID] = field(default_factory=dict)
    messages: list[UUID] = field(default_factory=list)
    newsletter: UUID | None = None
    job: UUID = field(default_factory=new_id)
    erasure: UUID = field(default_factory=new_id)
    """A dry run that was done."""
    person_export: UUID = field(default_factory=new_id)
    correction: UUID = field(default_factory=new_id)
    review_item: UUID = field(default_factory=new_id)
    learned_rule: UUID = field(default_factory=new_id)
    shadow_run: UUID = field(default_factory=new_id)
    service_key: UUID = field(default_factory=new_id)
    invitation: UUID = field(default_factory=new_id)
    filter: UUID = field(default_factory=new_id)
    taxonomy: UUID = field(default_factory=new_id)
    model_key: UUID = field(default_factory=new_id)
    """To a server that takes none."""
    budget: UUID = field(default_factory=new_id)
    """Of the first source's month."""
    alert: UUID = field(default_factory=new_id)
    """About that."""
    leaver: UUID | None = None
    """A further member, whom nothing else needs."""
    last_day: date = field(default_factory=today)

    def email(self, role: Role) -> str:
        """Return the address of the user who has a role."""
        return f"{role}@{self.slug}.example"


def seed_tenant(database: Database, slug: str, *, canary: str = "", last_day: date | None = None) -> Seeded:
    """Write a tenant with a user for each role, two sources, three issues (one merged), 24 messages and their facts.

    `canary` stands in every text that a person could read; the latest messages are of `last_day` (default: today).
    """
    tenant = create_tenant(database, slug, f"{slug} {canary}".strip(), own_domains=(f"{slug}.example",))
    seeded = Seeded(tenant.id, slug, last_day=last_day or today())
    for role in ROLES:
        seeded.users[role] = seed_user(database, seeded.email(role), f"{role} {canary}", tenant.id, role)
    seeded.leaver = seed_user(database, f"leaver@{slug}.example", f"leaver {canary}", tenant.id, "viewer")
    with database.tenant_tx(tenant.id) as connection:
        _sources(connection, seeded, canary)
        _people(connection, seeded, canary)
        _issues(connection, seeded, canary)
        for number in range(24):
            _message(connection, seeded, number, canary)
        _newsletter(connection, seeded, canary)
        _embeddings(connection, seeded)
        _facts(connection, seeded)
        _job(connection, seeded)
        _erasure(connection, seeded)
        insert(
            connection, "person_export", tenant_id=seeded.tenant_id, id=seeded.person_export, actor_kind="person",
            actor_id=str(seeded.users["owner"]),
        )  # fmt: skip
        insert(
            connection, "correction", tenant_id=seeded.tenant_id, id=seeded.correction, message_id=seeded.messages[1],
            field="urgency", new_value=Jsonb("week"), reason=f"They said so {canary}", actor_kind="person",
            actor_id=str(seeded.users["analyst"]),
        )  # fmt: skip
        _review_item(connection, seeded)
        insert(
            connection, "shadow_run", tenant_id=seeded.tenant_id, id=seeded.shadow_run, state="measured", loss=0.3,
            figures=Jsonb({"kind": {"examples": 10, "present": 0.9, "tried": 0.6}}), reason=canary,
            profile_version="default-1", actor_kind="person", actor_id=str(seeded.users["analyst"]),
        )  # fmt: skip
        insert(
            connection, "learned_rule", tenant_id=seeded.tenant_id, id=seeded.learned_rule, scope="subject",
            key=f"again {canary}", field="category", value=Jsonb(f"Billing {canary}"), corrections=3,
            state="undone",
        )  # fmt: skip
        _service_key(connection, seeded, canary)
        _invitation(connection, seeded, canary)
        _filter(connection, seeded, canary)
        _taxonomy(connection, seeded, canary)
        _models(connection, seeded, canary)
    return seeded


def seed_user(database: Database, email: str, name: str, tenant_id: UUID, role: Role) -> UUID:
    """Return the id of a new account with `PASSWORD` and a role of the tenant."""
    user_id = new_id()
    with database.system_tx() as connection:
        insert(connection, "app_user", id=user_id, email=email, name=name, password_hash=_hash(PASSWORD))
        insert(connection, "membership", tenant_id=tenant_id, user_id=user_id, role=role)
    return user_id


@cache
def _hash(password: str) -> str:
    """Return a hash that all accounts may have here: each takes 30 ms, and most tests ask for no password at all."""
    return hash_password(password)


def insert(connection: psycopg.Connection, table: str, **values: Any) -> None:
    """Write one row."""
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", values)


def _sources(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    for kind in ("mbox", "slack_export"):
        seeded.sources[kind] = new_id()
        insert(
            connection, "source", tenant_id=seeded.tenant_id, id=seeded.sources[kind], kind=kind,
            name=f"{kind} {canary}", config=Jsonb({}), config_key=kind, last_sync_at=_at(seeded.last_day, 20),
        )  # fmt: skip
    for number in range(3):
        insert(
            connection, "ingest_failure", tenant_id=seeded.tenant_id, id=new_id(), source_id=seeded.sources["mbox"],
            stage="normalize", kind="message", key=f"item {number}", reason=f"truncated {canary}", retryable=False,
            last_at=_at(seeded.last_day, number),
        )  # fmt: skip


def _filter(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    tree = {"version": 1, "tree": {"op": "words", "field": "from", "text": f"@buyer.example {canary}".strip()}}
    owner = seeded.users["owner"]
    insert(
        connection, "filter", tenant_id=seeded.tenant_id, id=seeded.filter, name=f"Customers {canary}".strip(),
        version=1, created_by=owner,
    )  # fmt: skip
    insert(
        connection, "filter_version", tenant_id=seeded.tenant_id, filter_id=seeded.filter, version=1, tree=Jsonb(tree),
        text=f"from:@buyer.example {canary}", created_by=owner,
    )  # fmt: skip


def _taxonomy(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    said = [{"path": ["Billing", "Invoices"], "description": f"A wrong invoice {canary}", "examples": ["wrong tax"]}]
    insert(
        connection, "taxonomy", tenant_id=seeded.tenant_id, id=seeded.taxonomy, version=1, name=f"Ours {canary}",
        categories=Jsonb(said), actor_kind="person", actor_id=str(seeded.users["owner"]),
    )  # fmt: skip


def _models(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    tenant_id, source_id = seeded.tenant_id, seeded.sources["mbox"]
    insert(
        connection, "model_key", tenant_id=tenant_id, id=seeded.model_key, name=f"Models {canary}".strip(),
        provider="vllm", base_url="https://models.shop.example/v1",
    )  # fmt: skip
    insert(
        connection, "model_chain", tenant_id=tenant_id, purpose="analyse", place=0, key_id=seeded.model_key, model="m"
    )
    insert(
        connection, "budget", tenant_id=tenant_id, id=seeded.budget, scope="source", subject_id=source_id,
        limit_usd=10, degrade="park",
    )  # fmt: skip
    insert(
        connection, "alert", tenant_id=tenant_id, id=seeded.alert, kind="budget.warning", subject_kind="budget",
        subject_id=seeded.budget, source_id=source_id, line=f"Most is spent {canary}".strip(),
    )  # fmt: skip
    for number, source in enumerate((source_id, None)):
        insert(
            connection, "fact_model_usage_day", tenant_id=tenant_id, id=new_id(), day=seeded.last_day,
            source_id=source, purpose="analyse", provider="vllm", model=f"m {canary}".strip(), calls=4 + number,
            messages=31, tokens_in=9000, tokens_out=4000, cost_usd="0.02",
        )  # fmt: skip


def _people(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    for number in range(6):
        person = new_id()
        seeded.participants.append(person)
        insert(
            connection, "participant", tenant_id=seeded.tenant_id, id=person,
            display_name="" if number == 5 else f"Customer {number} {canary}",
        )  # fmt: skip
        insert(
            connection, "participant_identity", tenant_id=seeded.tenant_id, kind="email",
            value=f"customer{number}@buyer.example", participant_id=person,
        )  # fmt: skip


def _issues(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    for number, (name, title, state) in enumerate(
        (("tax", "Wrong tax rate", "ongoing"), ("login", "White page", "resolved"), ("merged", "Old tax", "ongoing")), 1
    ):
        seeded.issues[name] = new_id()
        insert(
            connection, "issue", tenant_id=seeded.tenant_id, id=seeded.issues[name], number=number,
            title=f"{title} {canary}".strip(), title_method="phrase", summary=f"About {title} {canary}",
            category="Billing / Invoices", severity=number, state=state, messages=12 if number < 3 else 0,
            customers=6 - number, first_seen=_at(seeded.last_day - timedelta(days=11), 9),
            last_seen=_at(seeded.last_day - timedelta(days=number - 1), 12),
            merged_into=seeded.issues["tax"] if name == "merged" else None,
            resolved_at=_at(seeded.last_day, 1) if state == "resolved" else None,
        )  # fmt: skip
        insert(
            connection, "issue_event", tenant_id=seeded.tenant_id, id=new_id(), issue_id=seeded.issues[name],
            kind="created", detail=Jsonb({"messages": 3, "note": canary}),
        )  # fmt: skip


def _message(connection: psycopg.Connection, seeded: Seeded, number: int, canary: str) -> None:
    name = "tax" if number % 2 == 0 else "login"
    text = (TAX.format(percent=number) if name == "tax" else LOGIN.format(number=number)) + f" {canary}"
    moment = _at(seeded.last_day - timedelta(days=number // 2), 8 + number % 2)
    message_id = _insert_message(connection, seeded, number, f"{name} {number} {canary}", text, moment)
    seeded.messages.append(message_id)
    _analysis(connection, seeded, message_id, moment, text, kind="billing" if name == "tax" else "bug_report",
              severity=1 + number % 5, actionable=True)  # fmt: skip
    insert(
        connection, "issue_member", tenant_id=seeded.tenant_id, id=new_id(), issue_id=seeded.issues[name],
        message_id=message_id, method="centroid", distance=0.25, model_version="seeded",
        runner_up_issue_id=seeded.issues["login" if name == "tax" else "tax"], runner_up_distance=0.75,
    )  # fmt: skip


def _newsletter(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    moment = _at(seeded.last_day, 7)
    text = f"Our product news of the month {canary}"
    seeded.newsletter = _insert_message(connection, seeded, 99, f"News {canary}", text, moment)
    connection.execute("UPDATE message SET automatic = 'newsletter' WHERE id = %s", (seeded.newsletter,))
    _analysis(connection, seeded, seeded.newsletter, moment, text, kind="other", severity=5, actionable=False)


def _insert_message(
    connection: psycopg.Connection, seeded: Seeded, number: int, subject: str, text: str, moment: datetime
) -> UUID:
    message_id, thread_id = new_id(), new_id()
    insert(
        connection, "thread", tenant_id=seeded.tenant_id, id=thread_id, key=f"thread {number}", kind="email",
        subject=subject,
    )  # fmt: skip
    insert(
        connection, "message", tenant_id=seeded.tenant_id, id=message_id, kind="email", partition_day=moment.date(),
        occurred_at=moment, content_hash=hashlib.sha256(text.encode()).digest(), thread_id=thread_id,
        author_id=seeded.participants[number % 6], direction="inbound", visibility="public", subject=subject, text=text,
        quoted_text="> earlier", signature_text="-- \nA person", language="en", defects=["missing_date"],
        recipients=Jsonb([{"kind": "email", "value": "help@shop.example", "name": "Help"}]),
    )  # fmt: skip
    source = seeded.sources["mbox" if number % 3 else "slack_export"]
    insert(
        connection, "message_occurrence", tenant_id=seeded.tenant_id, source_id=source, native_id=f"native {number}",
        message_id=message_id, version="1", channel="inbox",
    )  # fmt: skip
    insert(connection, "message_label", tenant_id=seeded.tenant_id, message_id=message_id, label="urgent")
    insert(
        connection, "message_link", tenant_id=seeded.tenant_id, message_id=message_id, position=0,
        url="https://shop.example/invoice", text="invoice",
    )  # fmt: skip
    insert(
        connection, "attachment", tenant_id=seeded.tenant_id, message_id=message_id, position=0, filename="a.pdf",
        content_type="application/pdf", size=12,
    )  # fmt: skip
    return message_id


def _analysis(
    connection: psycopg.Connection,
    seeded: Seeded,
    message_id: UUID,
    moment: datetime,
    text: str,
    *,
    kind: str,
    severity: int,
    actionable: bool,
) -> None:
    quote = text.split(",")[0]
    output = {
        "category_path": ["Billing", "Invoices"],
        "workaround": False,
        "evidence": [{"field": "kind", "quote": quote, "start": 0, "end": len(quote)}],
        "entities": [{"type": "amount", "value": "19 percent"}],
        "action_items": [{"text": "Correct it", "owner_hint": "", "due": "", "quote": quote}],
        "asks": [{"type": "callback", "quote": quote}],
        "pii": [{"type": "phone", "count": 1}],
        "injection_quote": "",
        "confidence": {"kind": 0.8, "severity": 0.6},
    }
    insert(
        connection, "analysis", tenant_id=seeded.tenant_id, id=new_id(), message_id=message_id,
        partition_day=moment.date(), profile_version="default-1", input_hash=b"\0" * 32, status="done",
        is_actionable=actionable, not_actionable_reason=None if actionable else "newsletter", kind=kind,
        category="Billing / Invoices", severity=severity, impact="individual", urgency="week", sentiment=-1,
        title="Wrong tax", summary="The tax rate is wrong", language="en", output=Jsonb(output), provider="built-in",
        model="rules-1", built_in=True,
    )  # fmt: skip


def _review_item(connection: psycopg.Connection, seeded: Seeded) -> None:
    connection.execute(
        "INSERT INTO review_item (tenant_id, id, message_id, analysis_id, partition_day, reason, fields, rank)"
        " SELECT tenant_id, %s, message_id, id, partition_day, 'low_confidence', '{severity}', 2.3 FROM analysis"
        " WHERE message_id = %s",
        (seeded.review_item, seeded.messages[2]),
    )


def _embeddings(connection: psycopg.Connection, seeded: Seeded) -> None:
    rows = connection.execute("SELECT id, text FROM message ORDER BY sorted_at, id").fetchall()
    embedder = _fitted(tuple(row[1] for row in rows))
    insert(
        connection, "embedding_model", tenant_id=seeded.tenant_id, name=embedder.name, version=embedder.version,
        dimensions=embedder.dimensions, built_in=True, reason="no weights at hand", state=embedder.to_bytes(),
    )  # fmt: skip
    for (message_id, _), vector in zip(rows, embedder.embed([row[1] for row in rows]), strict=True):
        insert(
            connection, "embedding", tenant_id=seeded.tenant_id, message_id=message_id,
            model_version=embedder.version, vector=Vector(vector),
        )  # fmt: skip
    connection.execute("UPDATE issue SET model_version = %s", (embedder.version,))


@cache
def _fitted(texts: tuple[str, ...]) -> LexicalEmbedder:
    return rounded(LexicalEmbedder.fit(texts))


def _facts(connection: psycopg.Connection, seeded: Seeded) -> None:
    day = "(message.sorted_at AT TIME ZONE 'UTC')::date"
    joined = (
        "message JOIN message_occurrence AS place ON place.message_id = message.id"
        " JOIN analysis ON analysis.message_id = message.id AND analysis.current"
        " LEFT JOIN issue_member ON issue_member.message_id = message.id"
    )
    connection.execute(
        f"INSERT INTO fact_message_day SELECT message.tenant_id, {day}, place.source_id, analysis.kind, severity,"
        f" is_actionable, count(*), sum(sentiment) FROM {joined} GROUP BY 1, 2, 3, 4, 5, 6"
    )
    connection.execute(
        f"INSERT INTO fact_participant_day SELECT message.tenant_id, {day}, author_id, count(*) FROM {joined}"
        " WHERE is_actionable GROUP BY 1, 2, 3"
    )
    connection.execute(
        f"INSERT INTO fact_issue_day SELECT message.tenant_id, {day}, issue_id, count(*), count(DISTINCT author_id), 0,"
        " count(*) FILTER (WHERE severity = 1), count(*) FILTER (WHERE severity = 2),"
        " count(*) FILTER (WHERE severity = 3), count(*) FILTER (WHERE severity = 4),"
        f" count(*) FILTER (WHERE severity = 5), sum(sentiment) FROM {joined} WHERE issue_id IS NOT NULL"
        " GROUP BY 1, 2, 3"
    )
    connection.execute(
        f"INSERT INTO fact_source_day (tenant_id, day, source_id, census, stored, normalized, analysed)"
        f" SELECT message.tenant_id, {day}, place.source_id, count(*), count(*), count(*), count(*) FROM {joined}"
        " GROUP BY 1, 2, 3"
    )
    connection.execute(
        "UPDATE issue SET sources = seen.kinds FROM (SELECT issue_id, array_agg(DISTINCT source.kind) AS kinds"
        f" FROM {joined} JOIN source ON source.id = place.source_id GROUP BY issue_id) AS seen WHERE id = issue_id"
    )
    insert(connection, "data_version", tenant_id=seeded.tenant_id, version=1)


def _job(connection: psycopg.Connection, seeded: Seeded) -> None:
    day = seeded.last_day.isoformat()
    insert(
        connection, "job", tenant_id=seeded.tenant_id, id=seeded.job, kind="backfill", state="running", total=1,
        parameters=Jsonb({"from": day, "to": day, "first_stage": "marts", "sources": []}),
        created_by=seeded.users["owner"],
    )  # fmt: skip


def _erasure(connection: psycopg.Connection, seeded: Seeded) -> None:
    insert(
        connection, "erasure", tenant_id=seeded.tenant_id, id=seeded.erasure, kind="person", state="done",
        dry_run=True, actor_kind="person", actor_id=str(seeded.users["owner"]),
        receipt=Jsonb({"stores": {"events": 3}}),
    )  # fmt: skip


def _service_key(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    insert(
        connection, "api_key", tenant_id=seeded.tenant_id, id=seeded.service_key, name=f"Report {canary}",
        prefix="ops_00000000", hash=hashlib.sha256(seeded.service_key.bytes).digest(), scopes=["insights.read"],
        created_by=seeded.users["owner"], expires_at=_at(seeded.last_day + timedelta(days=90), 0),
    )  # fmt: skip


def _invitation(connection: psycopg.Connection, seeded: Seeded, canary: str) -> None:
    insert(
        connection, "invitation", tenant_id=seeded.tenant_id, id=seeded.invitation,
        email=f"guest{canary}@guest.example", role="viewer", invited_by=seeded.users["owner"],
        expires_at=_at(seeded.last_day + timedelta(days=90), 0),
    )  # fmt: skip


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)
