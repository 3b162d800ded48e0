"""A back-up from before an erasure, restored: who was erased is gone again before anything is served."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner, Result

from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.access.audit_anchors import write_anchor
from opsintel.backup.repository import Repository
from opsintel.backup.take import take_backup
from opsintel.cli.main import app
from opsintel.context import Context
from opsintel.db.embedded import ADMIN, SERVICE, Access
from opsintel.db.migrate import migrate
from opsintel.ids import new_id
from opsintel.objects.store import kind_of
from opsintel.people.requests import PERSON, TENANT, request_erasure
from opsintel.tenants import Tenant, create_tenant, find_tenant
from opsintel_pipeline.erasure.receipt import LEDGER
from opsintel_pipeline.erasure.run import perform
from opsintel_pipeline.worker.inline import process_waiting
from tests.erasure.people import ADDRESS, CANARIES, mails, write
from tests.erasure.stores import database_bytes, folder_bytes, found
from tests.operations.installation import MASTER_KEY, Installation
from tests.peers.s3 import running_s3
from tests.pipeline.mailbox import import_mailbox

OPERATOR = Actor("operator", "someone")


class Place:
    """An installation on databases of their own, of which a new one is restored into others."""

    def __init__(self, server: Access, folder: Path, bucket: dict[str, str]) -> None:
        self._server = server
        self._bucket = bucket
        self.folder = folder
        self.names: list[str] = []
        self.installation = self.new()
        migrate(self.admin_url, login=SERVICE)

    @property
    def admin_url(self) -> str:
        return self._server.url(ADMIN, self.names[-1])

    def new(self) -> Installation:
        """Lose the installation there is, and return one that is empty; the folder of back-ups is the same."""
        name = f"erased_{new_id().hex}"
        self.names.append(name)
        with psycopg.connect(self._server.url(ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}".encode())
            connection.execute(f"CREATE DATABASE {name}_dagster".encode())
        home = self.folder / name
        home.mkdir()
        self.environment = {
            "DB_URL": self._server.url(SERVICE, name),
            "OPSINTEL_MIGRATION_URL": self._server.url(ADMIN, name),
            "OPSINTEL_DAGSTER_DB_URL": self._server.url(ADMIN, f"{name}_dagster"),
            "OPSINTEL_BACKUP_DIR": str(self.folder / "backups"),
            "OPSINTEL_DATA_DIR": str(home / "data"),
            "MASTER_ENCRYPTION_KEY": MASTER_KEY,
            "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
            **self._bucket,
        }
        self.installation = Installation(home, self.environment)
        return self.installation

    @property
    def repository(self) -> Repository:
        return Repository(self.folder / "backups")

    def back_up(self) -> None:
        take_backup(self.installation.settings, self.repository)

    def command(self, *arguments: str) -> Result:
        """Run a command as the operator does."""
        return CliRunner().invoke(app, arguments, env=self.environment)

    def restored(self, *options: str) -> dict[str, Any]:
        """Restore into a new installation, and return what the command says."""
        self.new()
        result = self.command("restore", str(self.folder / "backups"), "--json", *options)
        assert result.exception is None, result.output
        return dict(json.loads(result.stdout))

    def left(self) -> set[tuple[str, str]]:
        """Look through database and objects for the person."""
        with self.installation.opened() as context:
            pages = [one for page in context.objects.pages_under("tenants/") for one in page]
            objects = [(one.key, context.objects.get_range(one.key, 0, one.size)) for one in pages]
        return found(database_bytes(self.admin_url), CANARIES) | found(objects, CANARIES)

    def close(self) -> None:
        with psycopg.connect(self._server.url(ADMIN, "postgres"), autocommit=True) as connection:
            for name in self.names:
                connection.execute(f"DROP DATABASE IF EXISTS {name}_dagster WITH (FORCE)".encode())
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with running_s3("moto", tmp_path_factory.mktemp("s3")) as running:
        yield running.environment


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.complete)])
def place(request: pytest.FixtureRequest, server: Access) -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="opsintel-"))
    made = Place(server, folder, request.getfixturevalue("bucket") if request.param == "s3" else {})
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


def fill(context: Context, folder: Path) -> Tenant:
    """Import her mailbox, and record something of her."""
    write(folder / "mails.mbox", mails())
    tenant = import_mailbox(context, folder / "mails.mbox", "acme")
    process_waiting(context)
    note(context, tenant)
    write_anchor(context)
    return tenant


def note(context: Context, tenant: Tenant) -> None:
    with context.database.tenant_tx(tenant.id) as connection:
        record(connection, Entry(tenant.id, OPERATOR, "policy.changed", Subject("policy", "masked")))


def erase(context: Context, tenant: Tenant, kind: str) -> dict[str, Any]:
    wanted = {"address": ADDRESS} if kind == PERSON else {}
    erasure_id = request_erasure(context.database, tenant.id, kind, wanted, OPERATOR)
    receipt = perform(context, tenant.id, erasure_id)
    assert receipt is not None
    return receipt


def others_read(context: Context, tenant: Tenant) -> list[bytes]:
    """Return every payload that is left, as its row says where it is."""
    with context.database.tenant_tx(tenant.id) as connection:
        rows = connection.execute(
            "SELECT object_key, object_offset, size FROM raw_payload WHERE object_key IS NOT NULL ORDER BY native_id"
        ).fetchall()
    return [context.objects.get_range(*row) for row in rows]


class TestARestoredPerson:
    def test_is_gone_again_and_others_are_there(self, place: Place) -> None:
        with place.installation.opened() as context:
            tenant = fill(context, place.folder)
            place.back_up()
            erase(context, tenant, PERSON)
            note(context, tenant)
            write_anchor(context)
            kept = others_read(context, tenant)
        told = place.restored()
        assert told["erased_again"] == 1
        assert place.left() == set()
        with place.installation.opened() as context:
            assert others_read(context, tenant) == kept
            assert len(kept) >= 10
            process_waiting(context)
        assert place.left() == set()
        verified = json.loads(place.command("audit", "verify", "--json").stdout)
        assert verified["whole"], verified
        assert verified["anchors"]["newest"] is not None
        assert [(one["tenant"], one["first"]) for one in verified["restored"]] == [("acme", 2)]

    def test_that_is_erased_already_comes_not_back_with_the_copies(self, place: Place) -> None:
        with place.installation.opened() as context:
            tenant = fill(context, place.folder)
            erase(context, tenant, PERSON)
            process_waiting(context)
            place.back_up()
        assert place.restored()["erased_again"] == 0
        assert place.left() == set()

    def test_is_gone_again_where_the_back_up_was_made_in_the_midst(self, place: Place) -> None:
        with place.installation.opened() as context:
            tenant = fill(context, place.folder)
            erasure_id = request_erasure(context.database, tenant.id, PERSON, {"address": ADDRESS}, OPERATOR)
            with context.database.tenant_tx(tenant.id) as connection:
                connection.execute(
                    "UPDATE erasure SET state = 'running', lease_until = now() + interval '1 hour' WHERE id = %s",
                    (erasure_id,),
                )
            place.back_up()
            with context.database.tenant_tx(tenant.id) as connection:
                connection.execute("UPDATE erasure SET lease_until = NULL")
            assert perform(context, tenant.id, erasure_id) is not None
        assert place.restored()["erased_again"] == 1
        assert place.left() == set()


class TestARestoredTenant:
    def test_is_gone_again_and_its_neighbour_is_there(self, place: Place) -> None:
        with place.installation.opened() as context:
            tenant = fill(context, place.folder)
            neighbour = create_tenant(context.database, "neighbour", "Neighbour")
            context.objects.put(neighbour.id, "raw", b"theirs")
            note(context, neighbour)
            place.back_up()
            erase(context, tenant, PERSON)
            erase(context, tenant, TENANT)
        told = place.restored()
        assert told["erased_again"] == 1
        assert place.left() == set()
        with place.installation.opened() as context:
            assert find_tenant(context.database, "neighbour").id == neighbour.id
            with context.database.system_tx() as connection:
                assert connection.execute("SELECT slug FROM tenant").fetchall() == [("neighbour",)]
            kinds = {kind_of(one.key) for page in context.objects.pages(tenant.id) for one in page}
            assert kinds <= {LEDGER, "rewrites"}
        assert json.loads(place.command("audit", "verify", "--json").stdout)["whole"]


class TestTheCopiesOfABackUp:
    def test_go_with_the_last_back_up_that_needs_them(
        self, server: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from opsintel.backup import objects

        monkeypatch.setattr(objects, "LEAST_GRACE", -3 * objects.LEAST_GRACE)  # as if it had been days ago
        made = Place(server, tmp_path, {})
        try:
            with made.installation.opened() as context:
                tenant = fill(context, tmp_path)
                made.back_up()
                erase(context, tenant, PERSON)
                copies = made.folder / "backups" / "objects"
                assert found(folder_bytes(copies), CANARIES)
                (first,) = made.repository.backups()
                first.folder.rename(first.folder.with_name("20000101T000000Z"))
                made.back_up()
                made.repository.prune(2)
                assert found(folder_bytes(copies), CANARIES), "the older back-up needs them"
                made.repository.prune(1)
                assert found(folder_bytes(copies), CANARIES) == set()
            assert made.restored()["erased_again"] == 0
        finally:
            made.close()
