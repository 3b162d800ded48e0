"""An installation with all its servers, in which one person is in every store that can hold something of a person."""

from __future__ import annotations

import base64
import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dagster import DagsterInstance

from opsintel.access.accounts import create_user
from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.backup.repository import Repository
from opsintel.backup.take import take_backup
from opsintel.clock import now, today
from opsintel.context import Context
from opsintel.dagster_home import ensure_dagster_database, write_dagster_home
from opsintel.db import embedded
from opsintel.db.connect import database_urls
from opsintel.db.embedded import Access
from opsintel.db.engine import Database
from opsintel.db.migrate import sqlalchemy_url
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.partitions import Partition
from opsintel.queue import ledger
from opsintel.queue.choose import open_queue
from opsintel.queue.outbox import announce_days, relay_once
from opsintel.settings import Settings, load_settings
from opsintel.sources.source import ensure_source
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.act.sheets import run as sheets
from opsintel_pipeline.act.targets import ensure_sheet
from opsintel_pipeline.definitions import definitions
from opsintel_pipeline.defs import resources
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.worker.inline import move_announcements, process_waiting
from tests.peers.sheets import Spreadsheet

NAME = "Zoë Quagga"
ADDRESS = "zoe.quagga@victim.example"
PHONE = "170 7654321"
SLACK_ID = "U0QUAGGA77"
CANARY = "zebracanary thermostat flutters like a startled moth before midnight"
IDENTIFIERS = (NAME, ADDRESS, PHONE, "+49 (170) 765-4321", SLACK_ID, CANARY, "zebracanary")
"""What must be nowhere afterwards; the ids of her participant and account are added to them."""

OWN = f"Our {CANARY}, and the app forgets the schedule. Please help us before the weekend."
SIGNATURE = f"-- \n{NAME}\nPhone: +49 {PHONE}\n{ADDRESS}"
OTHERS = (
    ("The hub is offline", "Since I changed my router the hub stays offline and the light blinks red."),
    ("Hub lost its wifi", "After the router was replaced our hub does not find the wifi any more."),
    ("Charged twice", "My card was charged twice this month for the subscription. Please refund it."),
    ("Double payment", "I see two payments for one subscription on my card statement, kindly refund one."),
)


def _mail(number: int, sender: str, to: str, subject: str, text: str, answers: str = "") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    made["Date"] = format_datetime(datetime.combine(today() - timedelta(days=1 + number % 2), time(9, number), UTC))
    made["Message-ID"] = f"<m{number}@mail.example>"
    if answers:
        made["References"] = made["In-Reply-To"] = answers
    made.set_content(text)
    return made


def mails() -> list[EmailMessage]:
    """Return a mailbox: her own mails, an answer, a colleague's mention, and what others wrote of other things."""
    her, support = f"{NAME} <{ADDRESS}>", "Support <support@acme.example>"
    bob, carol = "Bob Stone <bob@acme.example>", "Carol Reed <carol@client.example>"
    quoted = "\n".join("> " + line for line in (OWN[:60], OWN[60:]))
    found = [
        _mail(1, her, support, "Thermostat flutters at night", f"{OWN}\n\n{SIGNATURE}"),
        _mail(2, her, support, "Re: Thermostat flutters at night", f"Any news? {OWN}\n\n{SIGNATURE}",
              "<m1@mail.example>"),
        _mail(3, bob, her, "Re: Thermostat flutters at night",
              f"Dear Zoë,\n\nwe call you at +49 (170) 765-4321.\n\nBob\n\nOn Monday {her} wrote:\n{quoted}",
              "<m1@mail.example>"),
        _mail(4, carol, support, "Invoice", f"My colleague {NAME} ({ADDRESS}) said: '{CANARY}'. Regards, Carol"),
        _mail(5, carol, support, "Sync fails", "The hub of our office is offline since Monday, please help us."),
    ]  # fmt: skip
    found[3].set_content(found[3].get_content(), cte="base64")
    numbered = enumerate(OTHERS * 2, 6)
    found += [_mail(n, f"Customer {n} <customer{n}@example.org>", support, *other) for n, other in numbered]
    return found


def write_mailbox(path: Path) -> None:
    """Write the mails as an mbox."""
    with path.open("wb") as file:
        for one in mails():
            file.write(b"From - Thu Jan  1 00:00:00 1970\n" + one.as_bytes() + b"\n")


def write_slack(path: Path) -> None:
    """Write an export in which she wrote, was mentioned, and reacted to a message of somebody else."""
    users = [
        {"id": SLACK_ID, "name": "zoe", "profile": {"real_name": NAME, "email": ADDRESS, "phone": f"+49 {PHONE}"}},
        {"id": "U0CAROL01", "name": "carol", "profile": {"real_name": "Carol Reed", "email": "carol@client.example"}},
    ]
    at = datetime.combine(today() - timedelta(days=1), time(15), UTC).timestamp()

    def said(number: int, user: str, text: str, **more: object) -> dict[str, object]:
        return {"type": "message", "user": user, "text": text, "ts": f"{at + number:.6f}", **more}

    messages = [
        said(1, SLACK_ID, f"Hello, {OWN}"),
        said(2, "U0CAROL01", f"<@{SLACK_ID}> I have the same with my hub, it is offline"),
        said(3, "U0CAROL01", "The hub is still offline today",
             reactions=[{"name": "eyes", "users": [SLACK_ID], "count": 1}]),
    ]  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.json", json.dumps(users))
        archive.writestr("channels.json", json.dumps([{"id": "C0SUPPORT", "name": "support"}]))
        archive.writestr(f"support/{today() - timedelta(days=1)}.json", json.dumps(messages))


@dataclass
class World:
    """The installation, and who is in it."""

    settings: Settings
    context: Context
    admin_url: str
    dagster: DagsterInstance
    dagster_home: Path
    spreadsheet: Spreadsheet
    environment: dict[str, str]
    tenants: dict[str, Tenant] = field(default_factory=dict)
    user_id: UUID | None = None

    @property
    def acme(self) -> Tenant:
        """The tenant in which she is erased."""
        return self.tenants["acme"]

    @property
    def other(self) -> Tenant:
        """The tenant that must stay as it is."""
        return self.tenants["other"]

    def seed(self, folder: Path) -> None:
        """Fill two tenants with the same, through every stage, as Dagster's runs."""
        for slug in ("acme", "other"):
            self._take_in(folder, slug)
        self.run_dagster()
        process_waiting(self.context)
        self._accounts()
        for tenant in self.tenants.values():
            self._by_hand(tenant)
            self._export(tenant)
        take_backup(self.settings, self.repository)
        self.leave_something_in_the_queue()

    @property
    def repository(self) -> Repository:
        """The back-ups."""
        assert self.settings.backup_dir
        return Repository(self.settings.backup_dir)

    def _take_in(self, folder: Path, slug: str) -> None:
        tenant = create_tenant(self.context.database, slug, slug, own_domains=("acme.example",))
        self.tenants[slug] = tenant
        for kind, write in (("mbox", write_mailbox), ("slack_export", write_slack)):
            path = folder / f"{slug}.{kind}"
            write(path)
            source = ensure_source(self.context.database, tenant.id, kind, path.name, {"path": str(path)}, str(path))
            run_feed(self.context, tenant, source)
            take_census(self.context, tenant, source)

    def run_dagster(self) -> None:
        """Drain what waits by a run that Dagster stores."""
        move_announcements(self.context)
        self.dagster.add_dynamic_partitions("tenants", list(self.tenants))
        for batch_id in ledger.build_batches(self.context.database, now=now()):
            result = definitions.resolve_job_def("drain").execute_in_process(
                run_config={"ops": {"drain_batch": {"config": {"batch_id": str(batch_id)}}}},
                instance=self.dagster,
                raise_on_error=False,
            )
            assert result.success

    def _accounts(self) -> None:
        database = self.context.database
        create_tenant(database, "acme", "acme", own_domains=(ADDRESS,))
        create_user(database, "owner@acme.example", "Olga Owner", "a long enough password", self.acme.id, "owner")
        create_user(database, ADDRESS, NAME, "a long enough password", self.acme.id, "analyst")
        with database.system_tx() as connection:
            row = connection.execute("SELECT id FROM app_user WHERE email = %s", (ADDRESS,)).fetchone()
        assert row is not None
        self.user_id = row[0]

    def participant(self, tenant: Tenant) -> str:
        """Return the id of her participant."""
        with self.context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute(
                "SELECT participant_id::text FROM participant_identity WHERE value = %s", (ADDRESS,)
            ).fetchone()
        assert row is not None
        return str(row[0])

    def _by_hand(self, tenant: Tenant) -> None:
        """Do what people do: pin a title, decide, reveal; and let something fail that names her."""
        with self.context.database.tenant_tx(tenant.id) as connection:
            connection.execute(
                "UPDATE issue SET title = %s, title_pinned = true WHERE id IN (SELECT issue_id FROM issue_member"
                " JOIN message ON message.id = message_id WHERE text LIKE '%%zebracanary%%')",
                (f"{NAME} waits for a new thermostat",),
            )
            connection.execute(
                "INSERT INTO ingest_failure (tenant_id, id, source_id, stage, kind, key, reason, retryable)"
                " SELECT tenant_id, %s, id, 'normalize', 'message', %s, %s, false FROM source LIMIT 1",
                (new_id(), f"inbox/{ADDRESS}/1", f"the mail of {ADDRESS} cannot be read"),
            )
            connection.execute(
                "INSERT INTO issue_constraint (tenant_id, id, kind, message_a_id, message_b_id, author_id, reason)"
                " SELECT a.tenant_id, %s, 'cannot', a.id, b.id, %s, %s FROM message AS a, message AS b"
                " WHERE a.rfc_message_id = 'm5@mail.example' AND b.rfc_message_id = 'm6@mail.example'",
                (new_id(), self.user_id, f"{NAME} says so"),
            )
            participant = self.participant(tenant)
            record(connection, Entry(tenant.id, Actor("person", str(self.user_id)), "text.revealed",
                                     Subject("participant", participant)))  # fmt: skip

    def _export(self, tenant: Tenant) -> None:
        account = {
            "type": "service_account", "client_email": "robot@project.example", "private_key": private_key(),
            "token_uri": f"{self.settings.google_sheets_endpoint}/token",
        }  # fmt: skip
        ensure_sheet(self.context, tenant.id, "spreadsheet-1", tenant.slug, json.dumps(account).encode())
        result = sheets.run(self.context, Partition(today(), tenant.id, tenant.slug))
        assert result.rows > 0

    def leave_something_in_the_queue(self) -> None:
        """Announce a day of each tenant, publish it, and let nobody consume it."""
        for tenant in self.tenants.values():
            with self.context.database.tenant_tx(tenant.id) as connection:
                announce_days(connection, tenant.id, [today()], "edit")
        with open_queue(self.settings, self.context.database) as queue:
            assert relay_once(self.context.database, queue) == len(self.tenants)


def private_key() -> str:
    """Return a key of a service account."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@contextmanager
def opened_world(
    server: Access, template: str, folder: Path, spreadsheet: Spreadsheet, variables: dict[str, str]
) -> Iterator[World]:
    """Yield an installation on a database of its own; `variables` name its servers."""
    name = f"erasure_{new_id().hex}"
    admin_url = server.url(embedded.ADMIN, name)
    environment = {
        "DB_URL": server.url(embedded.SERVICE, name),
        "OPSINTEL_MIGRATION_URL": admin_url,
        "OPSINTEL_DAGSTER_DB_URL": server.url(embedded.ADMIN, f"{name}_dagster"),
        "OPSINTEL_DATA_DIR": str(folder / "data"),
        "OPSINTEL_BACKUP_DIR": str(folder / "backups"),
        "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(32)).decode(),
        "JWT_SECRET": base64.b64encode(os.urandom(48)).decode(),
        "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
        **variables,
    }
    settings = load_settings(environment)
    with psycopg.connect(server.url(embedded.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {embedded.SERVICE}")
    try:
        with (
            database_urls(settings) as urls,
            Database(urls.service) as database,
            pytest.MonkeyPatch.context() as patched,
        ):
            ensure_dagster_database(urls)
            for variable, value in {
                **environment,
                "DAGSTER_POSTGRES_URL": sqlalchemy_url(urls.dagster, "psycopg2"),
            }.items():
                patched.setenv(variable, value)
            context = Context(database, open_objects(settings), settings)
            patched.setattr(resources, "_open", lambda: context)
            home = write_dagster_home(settings, 1)
            with DagsterInstance.from_config(str(home)) as instance:
                yield World(settings, context, admin_url, instance, home, spreadsheet, environment)
            context.close()
    finally:
        with psycopg.connect(server.url(embedded.ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name}_dagster WITH (FORCE)")
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
