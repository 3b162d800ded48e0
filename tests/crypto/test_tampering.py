"""A hundred thousand attempts to have a sealed value accepted that is not what was sealed, or not where it was."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from dataclasses import replace
from itertools import product
from uuid import UUID, uuid4

import psycopg
import pytest

from opsintel.crypto.envelope import SealContext, decrypt, open_sealed, seal
from opsintel.crypto.envelope import _derive as derived_keys
from opsintel.crypto.keyring import Keyring, destroy_data_keys
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
from opsintel.errors import NotFoundError, SealError
from opsintel.tenants import create_tenant
from tests.crypto.two_keys import colliding_ciphertext

LEAST = 100_000
SIZES = (0, 1, 15, 16, 17, 32, 64, 100, 257, 1000)
HEADER = 4 + 16 + 32 + 32 + 12
MASTERS = MasterKeys(os.urandom(32))
COUNTED: Counter[str] = Counter()
ACCEPTED: list[str] = []


def attempt(kind: str, key: bytes, sealed: bytes, context: SealContext) -> None:
    """Try to open what must not open."""
    COUNTED[kind] += 1
    try:
        open_sealed(key, sealed, context)
    except SealError:
        return
    ACCEPTED.append(kind)


def a_context() -> SealContext:
    return SealContext("sheets.service_account", uuid4(), "secret", uuid4(), 3)


class TestBytes:
    def test_no_bit_may_change(self) -> None:
        for size in SIZES:
            key, context = os.urandom(32), a_context()
            sealed = seal(key, uuid4(), os.urandom(size), context)
            for place in range(len(sealed) * 8):
                changed = bytearray(sealed)
                changed[place // 8] ^= 1 << place % 8
                attempt("bits", key, bytes(changed), context)
        assert ACCEPTED == []

    def test_no_byte_may_have_another_value(self) -> None:
        key, context = os.urandom(32), a_context()
        sealed = seal(key, uuid4(), os.urandom(24), context)
        for place, value in product(range(len(sealed)), range(256)):
            if sealed[place] != value:
                attempt("bytes", key, sealed[:place] + bytes([value]) + sealed[place + 1 :], context)
        assert ACCEPTED == []

    def test_nothing_may_be_missing_or_added(self) -> None:
        for size in SIZES:
            key, context = os.urandom(32), a_context()
            sealed = seal(key, uuid4(), os.urandom(size), context)
            for length in range(len(sealed)):
                attempt("shortened", key, sealed[:length], context)
                attempt("shortened", key, sealed[length + 1 :], context)
                attempt("cut out", key, sealed[:length] + sealed[length + 1 :], context)
                attempt("put in", key, sealed[:length] + os.urandom(1) + sealed[length:], context)
                attempt("put in", key, sealed + os.urandom(length + 1), context)
            for doubled in (sealed + sealed, sealed + sealed[HEADER:], sealed[:HEADER] + sealed):
                attempt("doubled", key, doubled, context)
        assert ACCEPTED == []

    def test_no_part_of_one_value_fits_another(self) -> None:
        key, key_id, context = os.urandom(32), uuid4(), a_context()
        values = [seal(key, key_id, os.urandom(32), context) for _ in range(24)]
        cuts = (4, 20, 52, 84, 96, len(values[0]) - 16)
        for one, other in product(range(len(values)), repeat=2):
            if one != other:
                for first, last in product((0, *cuts), (*cuts, len(values[0]))):
                    mixed = values[one][:first] + values[other][first:last] + values[one][last:]
                    if mixed not in (values[one], values[other]):
                        attempt("spliced", key, mixed, context)
        assert ACCEPTED == []

    def test_nothing_made_of_random_bytes_is_accepted(self) -> None:
        key, context = os.urandom(32), a_context()
        for _ in range(5_000):
            attempt("invented", key, b"OPS1" + os.urandom(random.randrange(92, 300)), context)
        assert ACCEPTED == []


class TestPlaces:
    def test_a_value_opens_in_no_other_place_and_by_no_other_key(self) -> None:
        tenants, rows = [uuid4() for _ in range(5)], [uuid4() for _ in range(4)]
        keys = [os.urandom(32) for _ in range(3)]
        places = [
            SealContext(purpose, tenant, table, row, version)
            for purpose in ("a", "ab", "b")
            for tenant in tenants
            for table in ("secret", "source")
            for row in rows
            for version in (1, 2, 257)
        ]
        for place in random.sample(places, 120):
            sealed = seal(keys[0], uuid4(), b"value", place)
            for other in places:
                if other != place:
                    attempt("moved", keys[0], sealed, other)
            for key in keys[1:]:
                attempt("other key", key, sealed, place)
        assert ACCEPTED == []

    def test_no_two_places_look_alike_when_their_parts_are_joined_otherwise(self) -> None:
        tenant, row = uuid4(), uuid4()
        texts = [
            "",
            "a",
            "ab",
            "abc",
            "b",
            "bc",
            "c",
            "\x00",
            "a\x00",
            "\x00\x00\x00\x01a",
            "é",
            "e\u0301",
            str(tenant),
        ]
        places = [SealContext(purpose, tenant, table, row, 1) for purpose, table in product(texts, texts)]
        assert len({place.encode() for place in places}) == len(places)
        swapped = replace(places[0], tenant_id=row, row_id=tenant)
        key = os.urandom(32)
        for place in places:
            sealed = seal(key, uuid4(), b"value", place)
            for other in (swapped, *random.sample(places, 10)):
                if other != place:
                    attempt("look-alike", key, sealed, other)
        assert ACCEPTED == []

    def test_another_key_id_does_not_open(self) -> None:
        key, context = os.urandom(32), a_context()
        sealed = seal(key, uuid4(), b"value", context)
        for _ in range(2_000):
            attempt("key id", key, sealed[:4] + uuid4().bytes + sealed[20:], context)
        assert ACCEPTED == []


class TestTwoKeys:
    def test_a_ciphertext_that_aes_gcm_opens_under_two_keys_opens_under_neither_but_its_own(self) -> None:
        for blocks in (2, 3, 7) * 4:
            first, second, context = os.urandom(32), os.urandom(32), a_context()
            message_id, nonce, key_id = os.urandom(32), os.urandom(12), uuid4()
            derived = [derived_keys(key, message_id) for key in (first, second)]
            commitments = (derived[0][1], derived[1][1], os.urandom(32), bytes(32))
            for commitment in commitments:
                header = b"OPS1" + key_id.bytes + message_id + commitment + nonce
                associated = header + context.encode()
                forged = colliding_ciphertext((derived[0][0], derived[1][0]), nonce, associated, blocks)
                for encryption_key, _ in derived:  # AES-GCM itself accepts it twice, with two meanings
                    decrypt(encryption_key, nonce, forged, associated)
                for key, (_, own) in zip((first, second), derived, strict=True):
                    if commitment != own:
                        attempt("two keys", key, header + forged, context)
        assert ACCEPTED == []
        assert COUNTED["two keys"] >= 48


class TestRows:
    """The same by whoever can write the database: each stored value in each row but its own."""

    def test_no_row_opens_with_a_value_of_another_row_version_or_tenant(
        self, database: Database, admin_url: str
    ) -> None:
        keyring = Keyring(database, MASTERS)
        tenants = [create_tenant(database, f"tampered-{number}", "T").id for number in range(2)]
        rows = [(tenant, keyring.store(tenant, purpose, b"1")) for tenant in tenants for purpose in ("a", "a", "b")]
        with psycopg.connect(admin_url, autocommit=True) as admin:
            stored = []
            for version in (1, 2, 3):
                stored += [(version, *row) for row in admin.execute("SELECT tenant_id, id, sealed FROM secret")]
                if version < 3:
                    for tenant, row in rows:
                        keyring.replace(tenant, row, b"%d" % (version + 1))
            newest = {(tenant, row): sealed for version, tenant, row, sealed in stored if version == 3}
            for (tenant, row), (_, _, _, sealed) in product(rows, stored):
                if sealed != newest[tenant, row]:
                    admin.execute("UPDATE secret SET sealed = %s WHERE id = %s", (sealed, row))
                    self._attempt("replayed", keyring, tenant, row)
            for tenant, row in rows:
                admin.execute("UPDATE secret SET sealed = %s WHERE id = %s", (newest[tenant, row], row))
                for column, value in (("version", 2), ("version", 4), ("purpose", "c"), ("id", uuid4())):
                    changed = f"UPDATE secret SET {column} = %s WHERE id = %s"
                    before = {"version": 3, "purpose": admin.execute(
                        "SELECT purpose FROM secret WHERE id = %s", (row,)).fetchone()[0], "id": row}  # type: ignore[index]  # fmt: skip
                    admin.execute(changed.encode(), (value, row))
                    now = value if column == "id" else row
                    self._attempt("column", keyring, tenant, now)  # type: ignore[arg-type]
                    admin.execute(changed.encode(), (before[column], now))
                assert keyring.open(tenant, row).reveal() == b"3"
        assert ACCEPTED == []

    def test_no_data_key_opens_for_another_tenant_or_row(self, database: Database, admin_url: str) -> None:
        keyring = Keyring(database, MASTERS)
        rows = []
        for number in range(6):
            tenant = create_tenant(database, f"wrapped-{number}", "T").id
            rows.append((tenant, keyring.store(tenant, "a", b"value")))
        with psycopg.connect(admin_url, autocommit=True) as admin:
            wrapped = dict(admin.execute("SELECT tenant_id, wrapped FROM data_key").fetchall())
            for (tenant, row), (other, _) in product(rows, rows):
                if tenant != other:
                    admin.execute("UPDATE data_key SET wrapped = %s WHERE tenant_id = %s", (wrapped[other], tenant))
                    self._attempt("other wrapped key", keyring, tenant, row)
            for tenant, row in rows:
                for bit in range(0, len(wrapped[tenant]) * 8, 97):
                    changed = bytearray(wrapped[tenant])
                    changed[bit // 8] ^= 1 << bit % 8
                    admin.execute("UPDATE data_key SET wrapped = %s WHERE tenant_id = %s", (bytes(changed), tenant))
                    self._attempt("changed wrapped key", keyring, tenant, row)
                admin.execute("UPDATE data_key SET wrapped = %s WHERE tenant_id = %s", (wrapped[tenant], tenant))
                assert keyring.open(tenant, row).reveal() == b"value"
            with pytest.raises(psycopg.errors.ForeignKeyViolation):  # a row cannot even name another tenant's key
                admin.execute("UPDATE secret SET tenant_id = %s WHERE id = %s", (rows[0][0], rows[1][1]))
        assert ACCEPTED == []

    def test_what_a_destroyed_key_sealed_opens_nowhere(self, database: Database) -> None:
        keyring = Keyring(database, MASTERS)
        tenant = create_tenant(database, "destroyed", "T").id
        row = keyring.store(tenant, "a", b"value")
        with database.tenant_tx(tenant) as connection:
            assert destroy_data_keys(connection, tenant) == 1
            assert destroy_data_keys(connection, tenant) == 0
        self._attempt("destroyed", keyring, tenant, row)
        fresh = keyring.store(tenant, "a", b"new")
        assert keyring.open(tenant, fresh).reveal() == b"new"
        self._attempt("destroyed", keyring, tenant, row)
        assert ACCEPTED == []

    def _attempt(self, kind: str, keyring: Keyring, tenant: UUID, row: UUID) -> None:
        COUNTED[kind] += 1
        try:
            keyring.open(tenant, row)
        except (SealError, NotFoundError):
            return
        ACCEPTED.append(kind)


class TestTheCount:
    def test_is_a_hundred_thousand_and_none_was_accepted(self, capsys: pytest.CaptureFixture[str]) -> None:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in COUNTED.items())
        with capsys.disabled():
            sys.stdout.write(f"\ntampering: {sum(COUNTED.values()):,} cases, {len(ACCEPTED)} accepted ({kinds})\n")
        assert sum(COUNTED.values()) >= LEAST
        assert ACCEPTED == []
