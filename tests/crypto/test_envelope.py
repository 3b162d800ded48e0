"""Sealed values: they open with the right key in the right place, and nowhere else."""

import copy
import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from opsintel.crypto.envelope import SealContext, decrypt, encrypt, key_id_of, open_sealed, seal
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.secrets import Secret
from opsintel.db.engine import Database
from opsintel.errors import SealError
from opsintel.tenants import create_tenant

CONTEXT = SealContext("test", uuid4(), "secret", uuid4(), 1)
VECTORS = Path(os.environ.get("OPSINTEL_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "wycheproof"


class TestEnvelope:
    def test_opens_in_its_place(self) -> None:
        key, key_id = os.urandom(32), uuid4()
        sealed = seal(key, key_id, b"value", CONTEXT)
        assert open_sealed(key, sealed, CONTEXT) == b"value"
        assert key_id_of(sealed) == key_id

    @pytest.mark.parametrize(
        "change",
        [{"purpose": "other"}, {"tenant_id": uuid4()}, {"table": "source"}, {"row_id": uuid4()}, {"version": 2}],
        ids=lambda change: next(iter(change)),
    )
    def test_opens_in_no_other_place(self, change: dict[str, object]) -> None:
        key = os.urandom(32)
        sealed = seal(key, uuid4(), b"value", CONTEXT)
        with pytest.raises(SealError):
            open_sealed(key, sealed, replace(CONTEXT, **change))  # type: ignore[arg-type]

    def test_no_changed_bit_is_accepted(self) -> None:
        key = os.urandom(32)
        sealed = seal(key, uuid4(), b"value", CONTEXT)
        for place in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[place // 8] ^= 1 << (place % 8)
            if 4 * 8 <= place < 20 * 8:
                continue  # the key id: bound as associated data, tested with the others below
            with pytest.raises(SealError):
                open_sealed(key, bytes(changed), CONTEXT)
        changed = bytearray(sealed)
        changed[7] ^= 1
        with pytest.raises(SealError):
            open_sealed(key, bytes(changed), CONTEXT)

    def test_no_shortened_value_is_accepted(self) -> None:
        key = os.urandom(32)
        sealed = seal(key, uuid4(), b"value", CONTEXT)
        for length in range(len(sealed)):
            with pytest.raises(SealError):
                open_sealed(key, sealed[:length], CONTEXT)

    def test_another_key_is_noticed_before_decryption(self) -> None:
        sealed = seal(os.urandom(32), uuid4(), b"value", CONTEXT)
        with pytest.raises(SealError, match="another key"):
            open_sealed(os.urandom(32), sealed, CONTEXT)


class TestPrimitive:
    def test_all_vectors_of_project_wycheproof(self) -> None:
        tried = 0
        for group in json.loads((VECTORS / "aes_gcm_test.json").read_text())["testGroups"]:
            for case in group["tests"]:
                key, nonce, message, associated, text, tag = (
                    bytes.fromhex(case[name]) for name in ("key", "iv", "msg", "aad", "ct", "tag")
                )
                if group["keySize"] != 256 or group["tagSize"] != 128 or len(nonce) != 12:
                    continue
                tried += 1
                if case["result"] == "invalid":
                    with pytest.raises(SealError):
                        decrypt(key, nonce, text + tag, associated)
                else:
                    assert decrypt(key, nonce, text + tag, associated) == message
                    assert encrypt(key, nonce, message, associated) == text + tag
        assert tried > 30


class TestSecret:
    def test_shows_itself_to_nobody(self) -> None:
        secret = Secret(b"canary")
        for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", repr([secret])):
            assert "canary" not in shown
        for leak in (pickle.dumps, copy.deepcopy, json.dumps, hash):
            with pytest.raises(TypeError):
                leak(secret)  # type: ignore[operator]
        assert secret.reveal() == b"canary"


class TestKeyring:
    def test_credentials_open_for_their_tenant_and_master_key_only(self, database: Database) -> None:
        tenant = create_tenant(database, "keyring", "Keyring")
        keyring = Keyring(database, os.urandom(32))
        secret_id = keyring.store(tenant.id, "sheets.service_account", b"one")
        assert keyring.open(tenant.id, secret_id).reveal() == b"one"
        keyring.replace(tenant.id, secret_id, b"two")
        assert keyring.open(tenant.id, secret_id).reveal() == b"two"
        with pytest.raises(SealError, match="MASTER_ENCRYPTION_KEY|data key"):
            Keyring(database, os.urandom(32)).open(tenant.id, secret_id)

    def test_an_old_value_put_back_does_not_open(self, database: Database) -> None:
        tenant = create_tenant(database, "replay", "Replay")
        keyring = Keyring(database, os.urandom(32))
        secret_id = keyring.store(tenant.id, "test", b"one")
        with database.tenant_tx(tenant.id) as connection:
            row = connection.execute("SELECT sealed FROM secret WHERE id = %s", (secret_id,)).fetchone()
        keyring.replace(tenant.id, secret_id, b"two")
        with database.tenant_tx(tenant.id) as connection:
            assert row is not None
            connection.execute("UPDATE secret SET sealed = %s WHERE id = %s", (row[0], secret_id))
        with pytest.raises(SealError):
            keyring.open(tenant.id, secret_id)
