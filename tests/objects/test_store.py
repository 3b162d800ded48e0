"""The object store: what every kind promises, and how it says what is wrong."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from obstore.exceptions import GenericError
from obstore.store import LocalStore

from opsintel.errors import StorageError
from opsintel.objects import store as store_module
from opsintel.objects.store import ObjectStore, open_objects
from opsintel.settings import Settings
from tests.objects.conftest import with_bucket
from tests.peers.rabbitmq import free_ports
from tests.peers.s3 import S3Server

LARGE = os.urandom(6_000_000)
"""More than obstore sends in one part of a multipart upload."""


@pytest.fixture
def tenant_id() -> UUID:
    return uuid4()


def listed(objects: ObjectStore, tenant_id: UUID) -> list[str]:
    return [stored.key for page in objects.pages(tenant_id) for stored in page]


class TestAnObject:
    def test_is_read_as_it_was_put(self, objects: ObjectStore, tenant_id: UUID) -> None:
        key = objects.put(tenant_id, "raw", LARGE)
        assert objects.get_range(key, 0, len(LARGE)) == LARGE
        assert objects.get_ranges(key, [(5, 3), (100, 0), (10, 2)]) == [LARGE[5:8], b"", LARGE[10:12]]

    def test_is_named_by_tenant_day_and_content(
        self, objects: ObjectStore, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "today", lambda: date(2026, 11, 1))
        first = objects.put(tenant_id, "raw", b"content")
        assert first.startswith(f"tenants/{tenant_id}/raw/2026-11-01/")
        assert objects.put(tenant_id, "raw", b"content") == first
        monkeypatch.setattr(store_module, "today", lambda: date(2026, 11, 2))
        others = {objects.put(tenant_id, "raw", b"content"), objects.put(tenant_id, "raw", b"other")}
        others.add(objects.put(uuid4(), "raw", b"content"))
        assert first not in others
        assert len(others) == 3

    def test_is_gone_once_deleted_and_again_is_no_error(self, objects: ObjectStore, tenant_id: UUID) -> None:
        keys = [objects.put(tenant_id, "raw", bytes([number])) for number in range(3)]
        objects.delete(keys[:2])
        objects.delete(keys[:2])
        assert listed(objects, tenant_id) == keys[2:]
        with pytest.raises(StorageError, match="cannot give the object"):
            objects.get_range(keys[0], 0, 1)

    def test_is_listed_for_its_tenant_alone(
        self, objects: ObjectStore, tenant_id: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "LISTED_TOGETHER", 10)
        keys = {objects.put(tenant_id, "raw", bytes([number])) for number in range(25)}
        objects.put(uuid4(), "raw", b"another tenant's")
        pages = list(objects.pages(tenant_id))
        assert {stored.key for page in pages for stored in page} == keys
        assert sum(stored.size for page in pages for stored in page) == 25


class TestOverwriting:
    def test_is_refused_by_disk_and_by_a_server_that_heeds_conditions(
        self, settings: Settings, s3_servers: dict[str, S3Server], tenant_id: UUID
    ) -> None:
        found = {
            kind: open_objects(with_bucket(settings, server.environment)).refuses_to_overwrite(tenant_id)
            for kind, server in s3_servers.items()
        }
        assert found == {"moto": True, "rclone": False}
        assert open_objects(settings).refuses_to_overwrite(tenant_id)
        assert listed(open_objects(settings), tenant_id) == []

    def test_does_not_happen_where_the_server_knows_no_conditions(self, tmp_path: Path, tenant_id: UUID) -> None:
        server = WithoutConditions(tmp_path)
        objects = ObjectStore(server)
        keys = {objects.put(tenant_id, "raw", b"content") for _ in range(3)}
        assert len(keys) == 1
        assert (server.refused, server.written) == (1, 1)
        assert not objects.refuses_to_overwrite(tenant_id)


class WithoutConditions(LocalStore):
    """Refuses conditional writes as some servers do."""

    refused = written = 0

    def put(self, path, file, *, mode="overwrite", **options):
        if mode == "create":
            self.refused += 1
            raise GenericError("Server returned 501: <Code>NotImplemented</Code>")
        self.written += 1
        return super().put(path, file, mode=mode, **options)


class TestWhatIsWrong:
    def refusal(self, settings: Settings, environment: dict[str, str]) -> StorageError:
        with pytest.raises(StorageError) as refused:
            open_objects(with_bucket(settings, environment)).put(uuid4(), "raw", b"content")
        assert "\n" not in refused.value.line()
        return refused.value

    @pytest.mark.parametrize("kind", ["moto", "rclone"])
    def test_a_bucket_that_is_not_there(self, settings: Settings, s3_servers: dict[str, S3Server], kind: str) -> None:
        error = self.refusal(settings, s3_servers[kind].environment | {"S3_BUCKET": "nowhere"})
        assert error.message.startswith("The bucket nowhere refused a write")
        assert "Make the bucket" in error.remedy

    def test_a_wrong_secret_key(self, settings: Settings, rclone: S3Server) -> None:
        wrong = {"OPSINTEL_S3_SECRET_ACCESS_KEY": "not-the-secret"}
        error = self.refusal(settings, rclone.environment | wrong)
        assert "OPSINTEL_S3_SECRET_ACCESS_KEY" in error.remedy
        assert "not-the-secret" not in error.line()

    def test_a_server_that_is_not_there(
        self, settings: Settings, rclone: S3Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store_module, "RETRIES", 1)
        away = {"S3_ENDPOINT": f"http://127.0.0.1:{free_ports(1)[0]}"}
        assert "S3_ENDPOINT" in self.refusal(settings, rclone.environment | away).remedy

    def test_a_full_disk_leaves_no_half_object(self, settings: Settings, tenant_id: UUID) -> None:
        objects = open_objects(settings)
        content = os.urandom(100_000)
        with largest_file(10_000), pytest.raises(StorageError) as refused:
            objects.put(tenant_id, "raw", content)
        assert "Make room on the disk" in refused.value.remedy
        assert listed(objects, tenant_id) == []
        key = objects.put(tenant_id, "raw", content)
        assert objects.get_range(key, 0, len(content)) == content


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the system refuse to let a file grow further, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
